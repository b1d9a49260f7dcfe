"""By what answers were computed: enough to tell two calculations apart, and to repeat one."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from pymatgen.core import Composition

import oracles

SALT = Composition("NaCl")


def provenance_of(name: str, **settings: object) -> dict[str, str]:
    (answer,) = oracles.build(name, **settings).evaluate([SALT])
    assert answer.status == "done", answer.error
    return dict(answer.provenance)


def test_of_a_potential_are_versions_references_and_settings():
    found = provenance_of("chgnet", prototypes=2)
    expected = {"potential": "CHGNet", "chgnet": version("chgnet"), "torch": version("torch"), "model": "CHGNet 0.3.0"}
    assert found.items() >= (expected | {"protocol": "single_point", "prototypes": "2", "max_atoms": "100"}).items()


def test_another_protocol_or_limit_is_another_provenance():
    found = [
        provenance_of("chgnet", prototypes=1, **settings)
        for settings in ({}, {"protocol": "relax"}, {"protocol": "relax", "max_force": 0.1})
    ]
    assert all(one != other for k, one in enumerate(found) for other in found[:k])


def test_of_a_table_is_the_file_as_sha256sum_prints_it(tmp_path: Path):
    path = tmp_path / "known.csv"
    path.write_text("formula,band_gap\nNaCl,8.5\n")
    found = provenance_of("table", path=path)
    assert found["table"] == str(path)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_of_a_data_frame_is_its_content():
    frames = [pd.DataFrame({"formula": ["NaCl"], "band_gap": [gap]}) for gap in (8.5, 8.5, 8.6)]
    first, same, other = (provenance_of("table", frame=frame)["sha256"] for frame in frames)
    assert first == same != other


def test_of_a_function_is_the_file_that_defines_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "model_of_provenance.py"
    path.write_text("def gap(materials):\n    return [{'band_gap': 1.0} for _ in materials]\n")
    settings = {"function": "model_of_provenance:gap", "properties": ["band_gap"], "path": tmp_path}
    found = provenance_of("python", **settings)
    assert found["function"] == "model_of_provenance:gap"
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.delitem(__import__("sys").modules, "model_of_provenance")


def test_a_failure_has_it_too():
    (answer,) = oracles.build("chgnet").evaluate([Composition("HeNe")])
    assert answer.status == "infeasible"
    assert answer.provenance["chgnet"] == version("chgnet")
