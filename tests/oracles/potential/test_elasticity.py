"""Elastic moduli: against second derivatives of the energy, and symmetry, and published values."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import GPa
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

import oracles
from oracles.evaluation import InfeasibleError
from oracles.potential.ase_calculator import AsePotential
from oracles.potential.chgnet import CHGNetPotential
from oracles.potential.elasticity import elastic_moduli
from oracles.potential.relaxation import Limits, relax

LIMITS = Limits(max_force=0.005, steps=200, seconds=100)
EMT_PATH = "ase.calculators.emt:EMT"
COPPER = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.594))
MOVED = Structure(Lattice.cubic(3.594), ["Cu"] * 4, [[0.03, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
MGO = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(4.22), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


def curvature(strain: np.ndarray) -> float:
    """Second derivative of ASE's energy density of copper along a strain, GPa."""
    steps = np.linspace(-0.008, 0.008, 9)
    energies = []
    start = relax(AsePotential(EMT_PATH), COPPER, LIMITS)
    for step in steps:
        atoms = AseAtomsAdaptor.get_atoms(start)
        atoms.set_cell(atoms.cell @ (np.eye(3) + step * strain), scale_atoms=True)
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy() / start.volume / GPa)
    return 2 * np.polyfit(steps, energies, 4)[2]


def test_stiffness_of_copper_is_the_curvature_of_its_energy():
    stiffness = elastic_moduli(AsePotential(EMT_PATH), relax(AsePotential(EMT_PATH), COPPER, LIMITS), LIMITS).stiffness
    c11, c12, c44 = stiffness[0, 0], stiffness[0, 1], stiffness[3, 3]
    assert c11 == pytest.approx(curvature(np.diag([1.0, 0, 0])), rel=0.02)
    assert 2 * (c11 - c12) == pytest.approx(curvature(np.diag([1.0, -1, 0])), rel=0.03)
    assert 4 * c44 == pytest.approx(curvature(np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]])), rel=0.02)


def test_stiffness_of_a_cubic_crystal_has_three_constants():
    stiffness = elastic_moduli(CHGNetPotential("cpu"), relax(CHGNetPotential("cpu"), MGO, LIMITS), LIMITS).stiffness
    c11, c12, c44 = stiffness[0, 0], stiffness[0, 1], stiffness[3, 3]
    cubic = np.zeros((6, 6))
    cubic[:3, :3], cubic[3:, 3:] = c12, c44 * np.eye(3)
    np.fill_diagonal(cubic[:3, :3], c11)
    assert stiffness == pytest.approx(cubic, abs=4)
    assert c11 > c12


def test_a_crystal_that_gives_way_is_infeasible():
    square = AseAtomsAdaptor.get_structure(bulk("Cu", "sc", a=2.4))  # simple cubic copper shears away
    with pytest.raises(InfeasibleError, match="elastically unstable: a strain is met by a stiffness of -"):
        elastic_moduli(AsePotential(EMT_PATH), square, LIMITS)


def test_the_limit_of_time_is_for_all_strains_together():
    with pytest.raises(TimeoutError, match="allow more `seconds`"):
        elastic_moduli(AsePotential(EMT_PATH), MOVED, Limits(seconds=0.0))


def test_the_protocol_answers_moduli_that_belong_together():
    (answer,) = oracles.build("ase", calculator=EMT_PATH, protocol="elastic", max_force=0.01).evaluate([COPPER])
    bulk_, shear = answer.values["bulk_modulus"], answer.values["shear_modulus"]
    assert answer.values["youngs_modulus"] == pytest.approx(9 * bulk_ * shear / (3 * bulk_ + shear), rel=0.02)
    assert 0 < answer.values["poisson_ratio"] < 0.5
    assert shear == pytest.approx(50, rel=0.15)  # of copper, measured: 48 GPa
    assert answer.provenance["protocol"] == "elastic"


@pytest.mark.slow
def test_magnesia_is_near_what_is_measured():
    """C11 is 297 and the shear modulus 131 GPa; CHGNet is known to be softer, here by a quarter and by two fifths."""
    relaxed = relax(CHGNetPotential("cpu"), MGO, LIMITS)
    moduli = elastic_moduli(CHGNetPotential("cpu"), relaxed, LIMITS)
    assert 200 < moduli.stiffness[0, 0] < 297
    assert 70 < moduli.shear < 131
