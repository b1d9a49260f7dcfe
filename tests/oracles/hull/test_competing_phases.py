import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure
from scipy.optimize import linprog

import oracles
from oracles.hull.competing_phases import CompetingPhases, lowest_mixture
from oracles.hull.formulas import formula_of
from oracles.hull.given_phases import read_phases
from oracles.potential.chgnet import CHGNetPotential
from oracles.potential.oracle import PotentialOracle

NACL = {"Na": 1, "Cl": 1}
ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()
CESIUM_CHLORIDE = Structure(Lattice.cubic(3.46), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


class Broken(CHGNetPotential):
    """CHGNet on a machine that has no memory left."""

    def energies(self, structures):
        raise MemoryError("no memory")


def _is_reduced_compound(numbers):
    return np.gcd.reduce(numbers) == 1 and np.count_nonzero(numbers) > 1


compounds = st.tuples(*[st.integers(0, 4)] * 3).filter(_is_reduced_compound)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(compounds, st.floats(-3, 1), max_size=8), st.tuples(*[st.integers(1, 5)] * 3))
def test_the_lowest_mixture_is_that_of_linear_programming(energies, target):
    symbols = ("Li", "Al", "O")
    competing = {
        formula_of({s: n for s, n in zip(symbols, numbers, strict=True) if n}): energy
        for numbers, energy in energies.items()
    }
    found = lowest_mixture(dict(zip(symbols, target, strict=True)), competing)
    columns = [np.eye(3)[k] for k in range(3)] + [np.array(n) / sum(n) for n in energies]
    costs = [0.0, 0.0, 0.0, *energies.values()]
    solved = linprog(costs, A_eq=np.array(columns).T, b_eq=np.array(target) / sum(target))
    assert found == pytest.approx(solved.fun, abs=1e-6)


def test_a_polymorph_is_above_the_ground_state_by_the_difference_of_their_energies():
    plain = oracles.build("chgnet", protocol="equation_of_state")
    stable, metastable = (e.values["formation_energy"] for e in plain.evaluate([ROCK_SALT, CESIUM_CHLORIDE]))
    oracle = oracles.build("chgnet", protocol="equation_of_state", competing_phases="guessed")
    assert oracle.properties[-1] == "energy_above_hull"
    ground, above = oracle.evaluate([ROCK_SALT, CESIUM_CHLORIDE])
    assert ground.values["energy_above_hull"] == pytest.approx(0, abs=2e-3)
    assert metastable - stable > 0.05
    assert above.values["energy_above_hull"] == pytest.approx(metastable - stable, abs=2e-3)
    assert above.values["formation_energy"] == metastable
    assert above.provenance["competing_phases"] == "guessed"


def test_what_was_computed_is_not_computed_again_nor_by_another_process(tmp_path):
    file = tmp_path / "phases.db"
    first = CompetingPhases(CHGNetPotential("cpu"), file=file).hull(NACL)
    assert first == pytest.approx(-2.07, abs=0.1)
    potential = Broken("cpu")
    potential.prepare()
    assert CompetingPhases(potential, file=file).hull(NACL) == first
    with pytest.raises(MemoryError):
        CompetingPhases(potential, file=file).hull({"K": 1, "Cl": 1})


def test_a_fault_of_the_machine_is_retryable_and_nothing_is_kept_of_it(tmp_path):
    file = tmp_path / "phases.db"
    competing = CompetingPhases(Broken("cpu"), file=file)
    (answer,) = PotentialOracle(CHGNetPotential("cpu"), competing=competing).evaluate([ROCK_SALT])
    assert answer.status == "retryable"
    assert not file.exists()
    competing = CompetingPhases(CHGNetPotential("cpu"), file=file)
    (answer,) = PotentialOracle(CHGNetPotential("cpu"), competing=competing).evaluate([ROCK_SALT])
    assert answer.values["energy_above_hull"] < 0.02


def test_a_users_phases_compete_with_or_without_guesses(tmp_path):
    file = tmp_path / "phases.csv"
    file.write_text("formula,formation_energy\nNaCl,-2.5\nNa2Cl2,-2.4\nNaN,0.1\nKCl,-9\n")
    (alone,) = oracles.build("chgnet", competing_phases=str(file)).evaluate([ROCK_SALT])
    assert alone.values["energy_above_hull"] == pytest.approx(alone.values["formation_energy"] + 2.5)
    (both,) = oracles.build("chgnet", competing_phases=["guessed", file]).evaluate([ROCK_SALT])
    assert both.values == alone.values
    assert both.provenance["competing_phases"].startswith("guessed and ")


def test_a_phase_below_its_competitors_is_on_the_hull(tmp_path):
    file = tmp_path / "phases.csv"
    file.write_text("formula,formation_energy\nNaCl,-0.5\n")
    (answer,) = oracles.build("chgnet", competing_phases=str(file)).evaluate([ROCK_SALT])
    assert answer.values["energy_above_hull"] == 0.0


def test_elements_are_above_themselves():
    oracle = oracles.build("chgnet", competing_phases="guessed")
    far = Structure(Lattice.cubic(3.0), ["Na"], [[0, 0, 0]])
    (answer,) = oracle.evaluate([far])
    assert answer.values["energy_above_hull"] == pytest.approx(answer.values["formation_energy"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("formula,energy\nNaCl,-2", "no column 'formation_energy'; they have formula, energy"),
        ("formula,formation_energy\nNaCl,low", "line 2: 'NaCl', 'low'"),
        ("formula,formation_energy\nNaCl,-2\nXy2,-1", "line 3: 'Xy2'"),
        ("formula,formation_energy\nNaCl,nan", "line 2: NaCl has the energy 'nan'"),
        ("formula,formation_energy\nNa0.5Cl,-1", "line 2: .* is fractional"),
        ("", "cannot be read"),
    ],
)
def test_a_file_of_phases_that_is_none_is_refused(tmp_path, content, reason):
    file = tmp_path / "phases.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=reason):
        read_phases(file)
    with pytest.raises(ValueError, match=reason):
        oracles.build("chgnet", competing_phases=str(file))


def test_no_source_and_no_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="names no source"):
        oracles.build("chgnet", competing_phases=[])
    with pytest.raises(ValueError, match=r"nowhere\.csv cannot be read"):
        oracles.build("chgnet", competing_phases=str(tmp_path / "nowhere.csv"))


@pytest.mark.slow
def test_known_compounds_are_on_or_near_the_hull():
    oracle = oracles.build("chgnet", protocol="relax", competing_phases="guessed")
    answers = oracle.evaluate([Composition(f) for f in ("LiAlO2", "MgAl2O4", "TiO2", "Al4C3")])
    assert [a.values["energy_above_hull"] for a in answers] == pytest.approx([0, 0, 0, 0], abs=0.01)
