"""GPAW by its worker: a real one where it is installed, which it is where CI is, and one that only pretends."""

import json
import os
import sys

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

import oracles
from oracles.contract import OracleContract
from oracles.dft.gpaw import UNKNOWN_CUTOFF, GpawPotential, GpawSettings, converged_cutoffs, initial_moments
from oracles.dft.gpaw_interpreter import Interpreter, find
from oracles.evaluation import InfeasibleError
from oracles.oracle import Oracle
from oracles.potential.equation_of_state import at_volume
from oracles.potential.oracle import PotentialOracle

CHEAP = {"cutoff": 300.0, "kpoints_per_atom": 100}
SI = AseAtomsAdaptor.get_structure(bulk("Si"))
AL = AseAtomsAdaptor.get_structure(bulk("Al"))
MG2SI = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(6.35), ["Si", "Mg"], [[0, 0, 0], [0.25, 0.25, 0.25]]
).get_primitive_structure()
PRETENDING = Interpreter(sys.executable, "0.0.0")
PRETENDED = """
import json, sys
print(json.dumps({"gpaw": "0.0.0", "ase": "0.0.0"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"energy": -3.0 * len(request["numbers"]) - 0.01 * sum(request["numbers"])}
    if 13 in request["numbers"]:
        answer = {"error": "the electrons do not converge within 7 iterations", "material": True}
    if 12 in request["numbers"]: answer = {"error": "not enough memory: 3 GiB", "material": False}
    answer["seen"] = request
    print(json.dumps({"id": request["id"], **answer}), flush=True)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pretended(tmp_path, monkeypatch):
    """A potential whose worker only pretends."""
    script = tmp_path / "pretended.py"
    script.write_text(PRETENDED)
    monkeypatch.setattr("oracles.dft.gpaw.SCRIPT", script)
    return GpawPotential(PRETENDING, GpawSettings(), 20)


@pytest.fixture
def gpaw():
    try:
        return find()
    except ValueError as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


def seen(potential: GpawPotential, structure: Structure) -> dict:
    return potential.answer(structure, ["energy"])["seen"]


def test_the_crystal_arrives_as_it_is(pretended):
    request = seen(pretended, SI)
    assert request["numbers"] == [14, 14]
    assert Lattice(request["cell"]).parameters == pytest.approx(SI.lattice.parameters)
    assert request["moments"] == [0.0, 0.0]
    assert request["parameters"]["cutoff"] == converged_cutoffs()["Si"]


def test_the_cutoff_is_that_of_the_most_demanding_element():
    def cutoff(*symbols: str, fixed: float | None = None) -> float:
        row = Structure(Lattice.cubic(5), symbols, [[k / 5, 0, 0] for k in range(len(symbols))])
        return GpawSettings(cutoff=fixed).parameters(row)["cutoff"]

    assert cutoff("Mg", "O") == cutoff("O") > cutoff("Mg") > cutoff("Si")
    assert cutoff("Mg", "No") == UNKNOWN_CUTOFF
    assert cutoff("O", fixed=250) == 250


def test_k_points_do_not_depend_on_the_volume():
    grids = [GpawSettings().parameters(at_volume(SI, v))["kpts"]["size"] for v in np.linspace(12, 30, 40)]
    assert grids == [[8, 8, 8]] * 40
    assert GpawSettings().parameters(AL)["kpts"]["size"] == [11, 11, 11]


def test_spins_begin_parallel_where_there_may_be_any():
    assert initial_moments(["Mg", "O"]) == [0, 0]
    assert initial_moments(["O", "O"]) == [1, 1]
    assert initial_moments(["Fe", "O"]) == [3, 0]


def test_what_is_the_crystals_fault_is_told_from_what_is_not(pretended):
    with pytest.raises(InfeasibleError, match="do not converge within 7 iterations"):
        pretended.energies([AL])
    oracle = PotentialOracle(pretended)
    unconverged, short_of_memory, fine = oracle.evaluate([AL, MG2SI, SI])
    assert (unconverged.status, short_of_memory.status, fine.status) == ("infeasible", "retryable", "done")
    assert "no reference for Al: the electrons do not converge" in unconverged.error
    assert fine.provenance["gpaw"] == "0.0.0"
    assert fine.provenance["kpoints_per_atom"] == "1000"
    assert fine.provenance["model"] == "GPAW 0.0.0"


def test_a_python_without_gpaw_is_refused_at_once(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"/bin/false is no Python that can import gpaw; on Debian .*apt install gpaw"):
        oracles.build("gpaw", python="/bin/false")
    monkeypatch.setenv("GFNMAT_GPAW_PYTHON", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="nowhere is no Python that can import gpaw"):
        oracles.build("gpaw")
    assert "cannot work here" in oracles.doctor()["gpaw"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cutoff": -1}, "`cutoff` is more than 0, not -1"),
        ({"kpoints_per_atom": 0}, "`kpoints_per_atom` is more than 0"),
        ({"protocol": "md"}, "unknown protocol of the oracle gpaw 'md'"),
        ({"placed_by": "chgnt"}, "unknown `placed_by` of the oracle gpaw 'chgnt'.*did you mean 'chgnet'"),
        ({"mode": "lcao"}, "unknown setting of the oracle gpaw 'mode'"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(gpaw, settings, reason):
    with pytest.raises(ValueError, match=reason):
        oracles.build("gpaw", **settings)


def test_a_real_calculation(gpaw, tmp_path):
    oracle = oracles.build("gpaw", **CHEAP)
    (silicon,) = oracle.evaluate([SI])
    assert silicon.status == "done", silicon.error
    assert silicon.values["formation_energy"] == pytest.approx(0, abs=0.01)
    assert silicon.provenance["gpaw"].startswith("2")
    assert (tmp_path / "cache" / "element_references.db").exists()
    lanthanide = oracle.potential  # Debian's setups have none
    with pytest.raises(InfeasibleError, match="GPAW has no setup"):
        lanthanide.energies([AseAtomsAdaptor.get_structure(bulk("Nd", "fcc", a=5.3))])


def test_electrons_that_do_not_converge_are_the_crystals_fault(gpaw):
    potential = GpawPotential(gpaw, GpawSettings(cutoff=300, kpoints_per_atom=20, iterations=2), 60)
    with pytest.raises(InfeasibleError, match="the electrons do not converge within 2 iterations"):
        potential.energies([AL])
    potential.seconds = 0.01
    with pytest.raises(TimeoutError, match=r"allow more `seconds`"):
        potential.energies([AL])
    potential.seconds, potential.settings = 60, GpawSettings(cutoff=300, kpoints_per_atom=20)
    assert potential.energies([AL])[0] < 0  # by another worker


@pytest.mark.slow
def test_forces_and_stress_are_derivatives_of_the_energy(gpaw):
    potential = GpawPotential(gpaw, GpawSettings(cutoff=400, kpoints_per_atom=100), 120)
    atoms = AseAtomsAdaptor.get_atoms(SI)
    atoms.positions[1, 0] += 0.1
    atoms.calc = potential.calculator()
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    moved = []
    for step in (-0.01, 0.01):
        other = atoms.copy()
        other.positions[1, 0] += step
        moved.append(2 * potential.energies([AseAtomsAdaptor.get_structure(other)])[0])
    assert forces[1, 0] == pytest.approx((moved[0] - moved[1]) / 0.02, abs=0.03)
    strained = []
    for strain in (-0.005, 0.005):
        other = atoms.copy()
        other.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
        strained.append(2 * potential.energies([AseAtomsAdaptor.get_structure(other)])[0])
    pressure = stress.trace() * atoms.get_volume()
    assert pressure == pytest.approx((strained[1] - strained[0]) / 0.01, abs=0.5)


@pytest.mark.slow
def test_aluminium_and_magnesium_silicide_are_as_published(gpaw):
    """PBE: 4.04 A and 77 GPa for aluminium (Haas et al., Phys. Rev. B 79, 085104 (2009))."""
    oracle = oracles.build("gpaw", protocol="equation_of_state", kpoints_per_atom=300, cutoff=400.0)
    aluminium, silicide = oracle.evaluate([AL, MG2SI])
    assert aluminium.values["volume_per_atom"] == pytest.approx(4.04**3 / 4, rel=0.02)
    assert aluminium.values["bulk_modulus"] == pytest.approx(77, rel=0.1)
    assert silicide.values["formation_energy"] == pytest.approx(-0.17, abs=0.05)


class TestPretended(OracleContract):
    good = (SI, Composition("SiC"))
    bad = (Composition("HeNe"), AL)

    @pytest.fixture(autouse=True)
    def worker_that_pretends(self, tmp_path, monkeypatch):
        script = tmp_path / "pretended.py"
        script.write_text(PRETENDED)
        monkeypatch.setattr("oracles.dft.gpaw.SCRIPT", script)

    def make(self) -> Oracle:
        return PotentialOracle(GpawPotential(PRETENDING, GpawSettings(), 20))


def test_cutoffs_are_of_elements():
    assert len(converged_cutoffs()) > 50
    assert json.dumps(dict(converged_cutoffs()))
    assert set(converged_cutoffs().values()) <= set(range(300, 1201, 50))
