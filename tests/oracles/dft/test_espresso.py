"""Quantum ESPRESSO: a real `pw.x` where it is installed, which it is where CI is, with pseudopotentials that its own
program for atoms makes in half a second, and programs that only pretend."""

import os
import shutil
import subprocess

import pytest
from ase.build import bulk
from pymatgen.core import Composition
from pymatgen.io.ase import AseAtomsAdaptor

import oracles

SI = AseAtomsAdaptor.get_structure(bulk("Si"))
SIC = AseAtomsAdaptor.get_structure(bulk("SiC", "zincblende", a=4.38))

ATOM = """ &input
   title='{symbol}', zed={zed}, rel=1, config='{config}', iswitch=3, dft='PBE'
 /
 &inputp
   pseudotype=1, file_pseudopw='{symbol}.upf', author='gfnmat', lloc={local}, tm=.true.
 /
{waves}
"""
SILICON = ATOM.format(
    symbol="Si", zed="14.", config="[Ne] 3s2 3p2 3d-1", local=2,
    waves="3\n3S 1 0 2.00 0.00 1.8 1.8 0.0\n3P 2 1 2.00 0.00 1.8 1.8 0.0\n3D 3 2 -1.00 0.10 1.8 1.8 0.0",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def pseudo_dir(tmp_path_factory):
    """A folder with a norm-conserving pseudopotential of silicon."""
    if shutil.which("ld1.x") is None and not os.environ.get("CI"):
        pytest.skip("Quantum ESPRESSO is not installed")
    folder = tmp_path_factory.mktemp("pseudo")
    subprocess.run(["ld1.x"], input=SILICON, text=True, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def pretended(tmp_path):
    """A folder with the name of a pseudopotential, for programs that do not read it."""
    (tmp_path / "Si.upf").write_text('<UPF version="2.0.1">\n<PP_HEADER z_valence="4.0"/>\n</UPF>\n')
    return tmp_path


def program(folder, lines: str) -> str:
    file = folder / "pw.sh"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)
    return str(file)


def settings(folder, **others) -> dict:
    return {
        "pseudopotentials": {"Si": "Si.upf"},
        "pseudo_dir": folder,
        "cutoff": 250.0,
        "density_cutoff": 1000.0,
        "kpoints_per_atom": 250,
        **others,
    }


def test_a_real_calculation(pseudo_dir):
    """PBE: 5.47 A and 89 GPa (Haas et al., Phys. Rev. B 79, 085104 (2009))."""
    oracle = oracles.build("espresso", protocol="equation_of_state", **settings(pseudo_dir))
    silicon, other = oracle.evaluate([SI, SIC])
    assert silicon.values["volume_per_atom"] == pytest.approx(5.47**3 / 8, rel=0.02)
    assert silicon.values["bulk_modulus"] == pytest.approx(89, rel=0.1)
    assert silicon.values["formation_energy"] == pytest.approx(0, abs=1e-3)
    assert len(silicon.provenance["SHA-256 of Si"]) == 64
    assert silicon.provenance["version"][0].isdigit()
    assert other.status == "infeasible"
    assert "the list of pseudopotentials has no reference for C" in other.error


def test_electrons_that_do_not_converge_are_the_crystals_fault(pseudo_dir):
    (answer,) = oracles.build("espresso", **settings(pseudo_dir, iterations=1)).evaluate([SI])
    assert answer.status == "infeasible"
    assert "the electrons do not converge within 1 iterations" in answer.error


@pytest.mark.slow
def test_a_real_relaxation(pseudo_dir):
    oracle = oracles.build("espresso", protocol="relax", **settings(pseudo_dir))
    strained = SI.copy().apply_strain([0.02, 0, 0], inplace=False)
    (answer,) = oracle.evaluate([strained])
    assert answer.status == "done", answer.error
    assert answer.structure.lattice.angles == pytest.approx((60, 60, 60), abs=0.6)


def test_a_program_that_fails_or_hangs_is_not_the_crystals_fault(pretended):
    (failed,) = oracles.build("espresso", **settings(pretended, command=program(pretended, "exit 3"))).evaluate([SI])
    assert failed.status == "retryable"
    assert "the calculation failed" in failed.error
    hangs = program(pretended, "sleep 30")
    (overdue,) = oracles.build("espresso", **settings(pretended, command=hangs, seconds=0.5)).evaluate([SI])
    assert overdue.status == "retryable"
    assert overdue.seconds < 10


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"pseudopotentials": {}}, "names none; give symbol: file"),
        ({"pseudopotentials": {"C": "C.upf"}}, r"the pseudopotential of C, .*C\.upf, is not there"),
        ({"command": "pw-nowhere.x -nk 2"}, "the program 'pw-nowhere.x -nk 2' is not there; on Debian .* apt install"),
        ({"cutoff": 0}, "`cutoff` is more than 0"),
        ({"protocol": "md"}, "unknown protocol of the oracle espresso 'md'"),
        ({"placed_by": "gpaw"}, "unknown `placed_by` of the oracle espresso 'gpaw'; there are: chgnet, espresso"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(pretended, others, reason):
    given = settings(pretended, command="true") | others
    with pytest.raises(ValueError, match=reason):
        oracles.build("espresso", **given)


def test_a_program_that_says_no_version_has_none(pretended):
    oracle = oracles.build("espresso", **settings(pretended, command=program(pretended, "echo nothing")))
    assert oracle.potential.provenance["version"] == "unknown"


def test_formulas_are_placed_by_chgnet(pretended):
    oracle = oracles.build("espresso", **settings(pretended, command="true"))
    assert oracle.placed_by.provenance["potential"] == "CHGNet"
    assert oracles.build("espresso", **settings(pretended, command="true", placed_by="espresso")).placed_by is None
    assert oracle.admits([Composition("Si"), SIC]) == [True, False]
