"""Lowest phonon frequencies: against ASE's own phonons, and crystals known to be stable and not."""

import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.phonons import Phonons
from ase.units import _e, _hbar
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

import oracles
from oracles.potential.ase_calculator import AsePotential
from oracles.potential.chgnet import CHGNetPotential
from oracles.potential.phonons import MOST_ATOMS, SUPERCELL_EDGE, lowest_frequency, supercell
from oracles.potential.relaxation import Limits, relax

LIMITS = Limits(max_force=0.005, steps=200, seconds=100)
EMT_PATH = "ase.calculators.emt:EMT"
COPPER = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.594))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


def cubic(group: str, a: float, species: list[str], coords: list[list[float]]) -> Structure:
    return Structure.from_spacegroup(group, Lattice.cubic(a), species, coords).get_primitive_structure()


BARIUM_TITANATE = cubic("Pm-3m", 4.03, ["Ba", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]])
MAGNESIA = cubic("Fm-3m", 4.22, ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_copper_has_the_frequencies_of_ases_own_phonons(tmp_path):
    repeats = supercell(COPPER)
    phonons = Phonons(bulk("Cu", a=3.594), EMT(), supercell=repeats, delta=0.02, name=str(tmp_path / "phonon"))
    phonons.run()
    phonons.read(acoustic=True)
    points = np.array(list(np.ndindex(*repeats))) / repeats
    energies = phonons.band_structure(points[1:], verbose=False)  # eV
    lowest = energies.min() * _e / (2 * np.pi * _hbar) / 1e12
    assert lowest_frequency(AsePotential(EMT_PATH), COPPER, LIMITS) == pytest.approx(lowest, rel=0.01)


@pytest.mark.parametrize("kind", ["sc", "bcc"])
def test_copper_in_other_lattices_is_unstable(kind):
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu", kind, a={"sc": 2.4, "bcc": 2.87}[kind]))
    assert lowest_frequency(AsePotential(EMT_PATH), crystal, LIMITS) < -0.5


def test_supercells_are_even_wide_and_not_too_large():
    for crystal in (COPPER, BARIUM_TITANATE, MAGNESIA, MAGNESIA * (3, 3, 3), MAGNESIA * (4, 1, 1)):
        repeats = supercell(crystal)
        wide = [
            n / length
            for n, length in zip(repeats, crystal.lattice.reciprocal_lattice_crystallographic.abc, strict=True)
        ]
        assert all(n == 1 or n % 2 == 0 for n in repeats)
        assert len(crystal) * np.prod(repeats) <= MOST_ATOMS
        assert min(wide) >= SUPERCELL_EDGE or len(crystal) * np.prod(repeats) > MOST_ATOMS / 8


def test_magnesia_is_stable_and_cubic_barium_titanate_is_not():
    chgnet = CHGNetPotential("cpu")
    assert lowest_frequency(chgnet, relax(chgnet, MAGNESIA, LIMITS), LIMITS) > 2
    assert lowest_frequency(chgnet, relax(chgnet, BARIUM_TITANATE, LIMITS), LIMITS) < -2


def test_the_protocol_answers_and_is_refused_without_phonopy(monkeypatch):
    (answer,) = oracles.build("ase", calculator=EMT_PATH, protocol="phonons", max_force=0.01).evaluate([COPPER])
    assert answer.values["lowest_phonon_frequency"] > 1
    assert answer.values["bulk_modulus"] > 100
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(ValueError, match=r"needs phonopy: pip install 'gfnmat\[phonons\]'"):
        oracles.build("ase", calculator=EMT_PATH, protocol="phonons")


def test_the_limit_of_time_is_the_machines_fault():
    with pytest.raises(TimeoutError, match="allow more `seconds`"):
        lowest_frequency(AsePotential(EMT_PATH), COPPER, Limits(seconds=0.0))
