"""The doctor's verdict on functions that keep the contract, and on those that break one promise each."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gfnmat.cli import app
from gfnmat.oracle_check import check_oracle

FUNCTIONS = """\
import random

def sound(materials):
    return [{"band_gap": 1.0 + 0.01 * len(m)} if "O" in m else ValueError("no oxygen") for m in materials]

def raises(materials):
    if any("He" in str(m) for m in materials):
        raise KeyError("He")
    return [{"band_gap": 1.0} for m in materials]

def noisy(materials):
    return [{"band_gap": random.random()} for m in materials]

def pascals(materials):
    return [{"bulk_modulus": 1e11} for m in materials]

def positional(materials):
    return [{"band_gap": 1.0 + position} for position, m in enumerate(materials)]

def spoils(materials):
    for m in materials:
        if hasattr(m, "scale_lattice"):
            m.scale_lattice(m.volume * 1.01)
    return [{"band_gap": 1.0} for m in materials]

def empty(materials):
    return [{} for m in materials]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "functions_to_check.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "functions_to_check", raising=False)
    return tmp_path


def broken(name: str, folder: Path) -> dict[str, str]:
    findings = check_oracle(f"functions_to_check:{name}", (), folder)
    return {f.name: f.note for f in findings if f.required and not f.works}


def test_a_sound_function_keeps_all(folder):
    assert broken("sound", folder) == {}


@pytest.mark.parametrize(
    ("name", "promise", "part"),
    [
        ("raises", "single questions", "no verdict on HeNe: the function failed: KeyError"),
        ("pascals", "single questions", "outside the physical range 0 to 600"),
        ("positional", "a bad material costs no other", "others than alone"),
        ("spoils", "materials are left as they were", "Broken"),
    ],
)
def test_a_promise_that_is_broken_is_named(folder, name, promise, part):
    assert part in broken(name, folder)[promise]


def test_noise_is_named_and_no_fault(folder):
    findings = {f.name: f for f in check_oracle("functions_to_check:noisy", (), folder)}
    assert not findings["the same question has the same answer"].works
    assert "`replicates`" in findings["the same question has the same answer"].note
    assert not any(f.required and not f.works for f in findings.values())


def test_a_function_without_properties_is_told_so(folder):
    with pytest.raises(ValueError, match="answers none of these materials: NaCl"):
        check_oracle("functions_to_check:empty", (), folder)


@pytest.mark.parametrize("name", ["pauling", "ionic"])
def test_the_built_in_ones_keep_all(name, folder):
    assert [f.note for f in check_oracle(name, (), folder) if not f.works] == []


def test_the_command(folder):
    run = lambda *arguments: CliRunner().invoke(app, ["doctor", *arguments])  # noqa: E731
    sound = run("--oracle", "functions_to_check:sound", "--json")
    assert sound.exit_code == 0
    assert {finding["kind"] for finding in json.loads(sound.stdout)} == {"oracle", "contract"}
    assert run("--oracle", "functions_to_check:pascals").exit_code == 1
    assert run("--oracle", "functions_to_check:nothing").exit_code == 2
    assert run("--property", "band_gap").exit_code == 2
