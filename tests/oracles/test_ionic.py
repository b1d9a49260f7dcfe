from time import perf_counter

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Composition, DummySpecies, Lattice, Structure

import oracles
from oracles.contract import OracleContract
from oracles.oracle import Oracle
from oracles.potential.ewald import COULOMB, madelung_matrix, pairs_within

oracle = oracles.build("ionic")
HALF = [0.5, 0.5, 0.5]


def crystal(group: int, lattice: Lattice, species: list[str], coords: list) -> Structure:
    return Structure.from_spacegroup(group, lattice, species, coords).get_primitive_structure()


def cubic(group: int, a: float, species: list[str], coords: list) -> Structure:
    return crystal(group, Lattice.cubic(a), species, coords)


ROCK_SALT = cubic(225, 5.64, ["Na", "Cl"], [[0, 0, 0], HALF])
CAESIUM_CHLORIDE = cubic(221, 4.12, ["Cs", "Cl"], [[0, 0, 0], HALF])
ZINC_BLENDE = cubic(216, 5.41, ["Zn", "S"], [[0, 0, 0], [0.25] * 3])
FLUORITE = cubic(225, 5.463, ["Ca", "F"], [[0, 0, 0], [0.25] * 3])
PEROVSKITE = cubic(221, 3.905, ["Sr", "Ti", "O"], [HALF, [0, 0, 0], [0.5, 0, 0]])
RUTILE = crystal(136, Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]])
CORUNDUM = crystal(167, Lattice.hexagonal(4.759, 12.991), ["Al", "O"], [[0, 0, 0.3522], [0.3063, 0, 0.25]])
COPPER_GOLD = Structure(Lattice.tetragonal(2.8, 3.67), ["Cu", "Au"], [[0, 0, 0], HALF])


def at(structure: Structure, factor: float) -> Structure:
    moved = structure.copy()
    moved.scale_lattice(factor * structure.volume)
    return moved


def energies(*structures: Structure) -> list[float]:
    return [evaluation.values["formation_energy"] for evaluation in oracle.evaluate(structures)]


class TestIonic(OracleContract):
    good = (ROCK_SALT, PEROVSKITE, COPPER_GOLD, Composition("NaCl"), Composition("CuAu"))
    bad = (
        Structure(Lattice.cubic(4.2), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], HALF]),
        Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]]),
        Structure(Lattice.cubic(1.2), ["Na", "Cl"], [[0, 0, 0], HALF]),
        Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [np.nan, 0.5, 0.5]]),
        Structure(Lattice.cubic(3.2), ["He", "Ne"], [[0, 0, 0], HALF]),
        Composition({DummySpecies("X"): 1, "O": 2}),
        Composition("HeNe"),
    )

    def make(self) -> Oracle:
        return oracles.build("ionic")

    def test_every_bad_material_fails_for_its_own_reason(self) -> None:
        reasons = [evaluation.error for evaluation in self.evaluate(self.bad)]
        expected = ["disordered", "0.00 A apart", "A^3/atom", "not finite", "He, Ne", "placeholder", "He, Ne"]
        assert all(part in reason for part, reason in zip(expected, reasons, strict=True)), reasons


@pytest.mark.parametrize(
    ("structure", "charge", "constant"),
    [(ROCK_SALT, 1, 1.74756), (CAESIUM_CHLORIDE, 1, 1.76267), (ZINC_BLENDE, 2, 1.63806)],
)
@pytest.mark.parametrize("reach", [4.0, 6.0, 9.0])
def test_madelung_constants(structure, charge, constant, reach):
    q = np.array([charge, -charge])
    energy = q @ madelung_matrix(structure, pairs_within(structure, reach), reach) @ q
    assert -energy * structure.get_distance(0, 1) / (COULOMB * charge**2) == pytest.approx(constant, abs=2e-4)


@pytest.mark.parametrize("structure", [PEROVSKITE, RUTILE, CORUNDUM, FLUORITE])
def test_the_ewald_sum_is_that_of_pymatgen(structure):
    charges = {"Sr": 2, "Ti": 4, "Al": 3, "Ca": 2, "F": -1, "O": -2}
    rattled = (structure * (2, 1, 1)).perturb(0.2, seed=0)
    q = np.array([charges[site.specie.symbol] for site in rattled])
    energy = q @ madelung_matrix(rattled, pairs_within(rattled, 6.0), 6.0) @ q
    rattled.add_oxidation_state_by_site(q.tolist())
    assert energy == pytest.approx(EwaldSummation(rattled).total_energy, rel=1e-5)


def test_it_answers_density_and_volume_for_crystals_and_pauling_for_compositions():
    crystal_, bare = oracle.evaluate([ROCK_SALT, Composition("NaCl")])
    assert crystal_.values["density"] == pytest.approx(2.16, abs=0.02)
    assert crystal_.values["volume_per_atom"] == pytest.approx(5.64**3 / 8)
    assert crystal_.structure is ROCK_SALT
    assert bare.values == oracles.build("pauling").evaluate([Composition("NaCl")])[0].values


def test_oxidation_states_and_the_choice_of_cell_do_not_matter():
    decorated = ROCK_SALT.copy()
    decorated.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    skewed = ROCK_SALT.copy()
    skewed.make_supercell([[1, 1, 0], [0, 1, 2], [0, 0, 1]])
    assert energies(decorated, skewed, ROCK_SALT * (2, 1, 1)) == pytest.approx(energies(ROCK_SALT) * 3, abs=1e-4)


@pytest.mark.parametrize("structure", [ROCK_SALT, FLUORITE, PEROVSKITE, RUTILE, CORUNDUM])
def test_the_real_volume_is_best_within_15_percent(structure):
    factors = np.linspace(0.7, 1.6, 91)
    curve = energies(*(at(structure, factor) for factor in factors))
    assert factors[int(np.argmin(curve))] == pytest.approx(1, abs=0.15)


def test_too_dense_and_too_loose_is_worse():
    dense, right, loose = energies(at(ROCK_SALT, 0.7), ROCK_SALT, at(ROCK_SALT, 1.5))
    assert right < dense - 0.1
    assert right < loose - 0.1


def test_sodium_chloride_is_rock_salt_rather_than_caesium_chloride():
    factors = np.linspace(0.85, 1.5, 14)
    other = cubic(221, 3.55, ["Na", "Cl"], [[0, 0, 0], HALF])
    right, wrong = (energies(*(at(structure, factor) for factor in factors)) for structure in (ROCK_SALT, other))
    assert min(right) < min(wrong) - 0.05


@pytest.mark.parametrize(
    ("structure", "order"),
    [
        (PEROVSKITE, ["Sr", "O", "Ti", "O", "O"]),
        (PEROVSKITE, ["Ti", "Sr", "O", "O", "O"]),
        (FLUORITE, ["F", "Ca", "F"]),
        (ROCK_SALT * (2, 1, 1), ["Na", "Cl", "Na", "Cl"]),
    ],
)
def test_exchanged_ions_are_worse(structure, order):
    wide = at(structure, 1.9)  # room for like ions in contact
    exchanged = Structure(wide.lattice, order, wide.frac_coords)
    right, wrong = energies(wide, exchanged)
    assert right < wrong - 0.1


def test_random_positions_are_worse_than_the_real_structures():
    random = np.random.default_rng(0)
    for structure in (FLUORITE, PEROVSKITE, RUTILE):
        others = [
            Structure(structure.lattice, structure.species, random.random((len(structure), 3))) for _ in range(200)
        ]
        answers = [e.values["formation_energy"] for e in oracle.evaluate(others) if e.status == "done"]
        assert min(answers, default=0.0) > energies(structure)[0]


def test_the_worst_stay_in_order_below_the_ceiling():
    slabs = [Structure(Lattice.tetragonal(2.3, c), ["O", "Mg"], [[0, 0, 0], HALF]) for c in (6.6, 7.2, 8.4)]
    answers = energies(*slabs)  # anions and cations apart in layers of like charges
    assert all(1 < value < 4 for value in answers)
    assert answers == sorted(answers)


def test_metals_have_paulings_estimate_and_contacts_that_fit():
    right, loose, dense = energies(COPPER_GOLD, at(COPPER_GOLD, 3), at(COPPER_GOLD, 0.6))
    pauling = oracles.build("pauling").evaluate([Composition("CuAu")])[0].values["formation_energy"]
    assert right == pytest.approx(pauling, abs=0.05)
    assert right < min(loose, dense)


def test_it_takes_about_a_millisecond():
    structures = [at(s, f) for s in (ROCK_SALT, PEROVSKITE, CORUNDUM, CORUNDUM * (2, 1, 1)) for f in (1, 1.1)] * 10
    energies(*structures)
    start = perf_counter()
    energies(*structures)
    assert (perf_counter() - start) / len(structures) < 0.02  # twenty times what it takes


def test_settings():
    with pytest.raises(ValueError, match="at least 1"):
        oracles.build("ionic", max_atoms=0)
    (evaluation,) = oracles.build("ionic", max_atoms=1).evaluate([ROCK_SALT])
    assert evaluation.status == "infeasible"
    assert "2 atoms" in evaluation.error
