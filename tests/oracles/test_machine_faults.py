"""Faults of the machine and the installation are never the material's, and dense cells never reach the potential."""

from collections.abc import Callable, Sequence
from subprocess import run
from sys import executable

import pytest
import torch
from ase import Atoms
from pymatgen.core import Composition, Lattice, Structure

import oracles
from oracles.evaluation import InfeasibleError, UnavailableError
from oracles.potential.chgnet import CHGNetPotential
from oracles.potential.equation_of_state import REACH, STRAINS, minima
from oracles.potential.guards import CLOSEST_CONTACT, VOLUME_RANGE, closest_contact
from oracles.potential.oracle import PotentialOracle
from oracles.potential.references import References, load
from oracles.potential.torch_faults import machine_faults


def rock_salt(a: float) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


class Law:
    """A potential by a law: the energy (eV/atom) as a function of the structure; `seen` are the structures asked."""

    batch = 64

    def __init__(self, law: Callable[[Structure], float], broken: Exception | None = None) -> None:
        self.law = law
        self.broken = broken
        self.seen: list[Structure] = []

    @property
    def references(self) -> References:
        return load("chgnet")

    @property
    def provenance(self) -> dict[str, str]:
        return {"potential": "a law"}

    def prepare(self) -> None:
        if self.broken is not None:
            raise self.broken

    def energies(self, structures: Sequence[Structure]) -> list[float]:
        self.seen += structures
        return [self.law(structure) for structure in structures]

    def calculator(self):
        raise AssertionError("no relaxation is asked for")


def failing(*reasons: Exception) -> Callable[[Structure], float]:
    """Raise the reasons in turn, the last from then on."""
    left = list(reasons)

    def law(structure: Structure) -> float:
        raise left.pop(0) if len(left) > 1 else left[0]

    return law


def per_atom(structure: Structure) -> float:
    return structure.volume / len(structure)


@pytest.mark.parametrize("broken", [RuntimeError("no kernel"), ValueError("another version"), ImportError("chgnet")])
@pytest.mark.parametrize("protocol", ["single_point", "equation_of_state", "relax"])
def test_a_potential_that_cannot_load_is_no_materials_fault(broken, protocol):
    potential = Law(per_atom, broken)
    answers = PotentialOracle(potential, protocol).evaluate([Composition("NaCl"), rock_salt(5.65), Composition("HeNe")])
    assert [answer.status for answer in answers] == ["retryable"] * 3
    assert answers[0].error == f"the potential cannot work here: {type(broken).__name__}: {broken}"
    assert not potential.seen


@pytest.mark.skipif(torch.cuda.is_available(), reason="shows what happens without a GPU")
def test_without_a_gpu_cuda_is_refused_when_built_and_named_when_used():
    with pytest.raises(ValueError, match="device cuda is not on this machine; use cpu"):
        oracles.build("chgnet", device="cuda")
    (answer,) = PotentialOracle(CHGNetPotential("cuda")).evaluate([Composition("NaCl")])
    assert answer.status == "retryable"
    assert "CUDA" in answer.error or "NVIDIA" in answer.error


def test_building_for_the_cpu_imports_no_torch():
    code = (
        "import sys, oracles\n"
        "oracles.build('chgnet'), oracles.build('chgnet', device='cpu')\n"
        "print('torch' in sys.modules)"
    )
    assert run([executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("reason", "status", "error"),
    [
        (MemoryError("full"), "retryable", "MemoryError: full"),
        (OSError("disk"), "retryable", "OSError: disk"),
        (UnavailableError("the device failed"), "retryable", "the device failed"),
        (KeyError("Na"), "infeasible", "the potential has no energy for NaCl in any prototype: KeyError: 'Na'"),
    ],
)
def test_a_composition_without_any_energy_tells_why(reason, status, error):
    (answer,) = PotentialOracle(Law(failing(reason))).evaluate([Composition("NaCl")])
    assert (answer.status, answer.error) == (status, error)


def test_one_fault_of_the_machine_among_failures_leaves_the_verdict_open():
    law = failing(ValueError("the batch of both"), MemoryError("the first alone"), ValueError("the second alone"))
    (answer,) = PotentialOracle(Law(law), prototypes=2).evaluate([Composition("NaCl")])
    assert (answer.status, answer.error) == ("retryable", "MemoryError: the first alone")


@pytest.mark.parametrize(("reason", "status"), [(MemoryError("full"), "retryable"), (KeyError("odd"), "done")])
def test_a_volume_left_uncorrected_by_the_machine_gives_no_value(reason, status):
    def law(structure: Structure) -> float:
        if len(potential.seen) > 2:  # after the one batch of two trials
            raise reason
        return -3.4

    potential = Law(law)
    (answer,) = PotentialOracle(potential, prototypes=2).evaluate([Composition("NaCl")])
    assert answer.status == status, answer.error


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), MemoryError),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), MemoryError),
        (RuntimeError("MPS backend out of memory"), MemoryError),
        (RuntimeError("CUDA error: device-side assert triggered"), UnavailableError),
        (torch.AcceleratorError("an illegal memory access"), UnavailableError),
        (RuntimeError("shapes do not match"), RuntimeError),
        (KeyError("Na"), KeyError),
    ],
)
def test_energies_and_forces_tell_the_machines_faults_alike(raised, seen, monkeypatch):
    class Broken:
        version = load("chgnet").version

        def graph_converter(self, structure):
            return structure

        def predict_graph(self, graphs, **settings):
            raise raised

    monkeypatch.setattr("oracles.potential.chgnet.load_model", lambda device: Broken())
    potential = CHGNetPotential("cpu")
    with pytest.raises(seen) as of_energies:
        potential.energies([rock_salt(5.65)])
    atoms = Atoms("Na", cell=[3, 3, 3], pbc=True, calculator=potential.calculator())
    with pytest.raises(seen) as of_forces:
        atoms.get_forces()
    assert of_energies.type is of_forces.type is seen
    with pytest.raises(seen), machine_faults():
        raise raised


@pytest.mark.parametrize(
    ("a", "slope", "part"),
    [
        (4.3, 1.0, "of the sum of their radii"),
        (7.9, -1.0, "A\\^3/atom"),
    ],
)
def test_volumes_are_centred_anew_only_where_the_guards_admit_them(a, slope, part):
    potential = Law(lambda structure: slope * per_atom(structure))
    (answer,) = minima(potential, [rock_salt(a).get_primitive_structure()])
    with pytest.raises(InfeasibleError, match=f"where the potential can be trusted: .*{part}"):
        raise answer
    assert len(potential.seen) > 7
    assert min(closest_contact(structure)[0] for structure in potential.seen) >= CLOSEST_CONTACT
    assert max(per_atom(structure) for structure in potential.seen) <= VOLUME_RANGE[1] * 1.09


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 2.0, 2.5])
def test_a_minimum_far_from_the_first_volume_is_found(factor):
    start = rock_salt(5.65).get_primitive_structure()
    volume = factor * per_atom(start)
    potential = Law(lambda s: ((per_atom(s) / volume) ** (-2 / 3) - 1) ** 2)
    (found,) = minima(potential, [start])
    assert found.volume == pytest.approx(volume, rel=1e-6)
    assert len(potential.seen) <= 2 * len(STRAINS) + REACH + 1


@pytest.mark.parametrize(("first", "at"), [(80 / 1.05 / 1.12, 80 / 1.05), (8.0, 7.1)])
def test_a_minimum_less_than_a_stride_from_what_the_guards_refuse_is_found(first, at):
    start = rock_salt(5.65).get_primitive_structure().scale_lattice(2 * first)
    (found,) = minima(Law(lambda s: ((per_atom(s) / at) ** (-2 / 3) - 1) ** 2), [start])
    assert found.volume == pytest.approx(at, rel=1e-6)


def test_a_fault_of_the_machine_on_the_way_to_a_minimum_is_told_as_such():
    start = rock_salt(5.65).get_primitive_structure()

    def falls_until_memory_ends(structure):
        if per_atom(structure) > 1.2 * per_atom(start):
            raise MemoryError("out of memory")
        return -per_atom(structure)

    (answer,) = minima(Law(falls_until_memory_ends), [start])
    assert isinstance(answer, MemoryError)


def test_a_guarded_centre_costs_no_other_structure():
    target = per_atom(rock_salt(5.65))
    potential = Law(lambda s: per_atom(s) if per_atom(s) < 13 else (per_atom(s) / target - 1) ** 2)
    dense, sound = minima(potential, [rock_salt(4.3), rock_salt(6.2)])
    assert isinstance(dense, InfeasibleError)
    assert sound.volume == pytest.approx(target, rel=1e-3)
