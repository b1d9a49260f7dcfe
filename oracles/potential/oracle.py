"""The oracle on an interatomic potential."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal, get_args

from oracles.elements import amounts, whole_counts
from oracles.evaluation import MACHINE_FAULTS, Evaluation, InfeasibleError, UnavailableError, described
from oracles.oracle import isolated
from oracles.potential import guards, realisation
from oracles.potential.elasticity import ElasticModuli, elastic_moduli
from oracles.potential.energies import energies
from oracles.potential.equation_of_state import EquationOfState, at_volume, minima
from oracles.potential.phonons import lowest_frequency
from oracles.potential.potential import KnowsMoments, Potential
from oracles.potential.relaxation import Limits, relax
from oracles.provenance import signed, version_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

    from oracles.hull.competing_phases import CompetingPhases

ProtocolName = Literal["single_point", "equation_of_state", "relax", "elastic", "phonons"]

MODULI = ("shear_modulus", "youngs_modulus", "poisson_ratio")

ANSWERS: dict[str, tuple[str, ...]] = {
    "single_point": ("formation_energy", "density", "volume_per_atom"),
    "equation_of_state": ("formation_energy", "density", "volume_per_atom", "bulk_modulus"),
    "relax": ("formation_energy", "density", "volume_per_atom", "bulk_modulus"),
    "elastic": ("formation_energy", "density", "volume_per_atom", "bulk_modulus", *MODULI),
    "phonons": ("formation_energy", "density", "volume_per_atom", "bulk_modulus", "lowest_phonon_frequency"),
}

RELAXING = ("relax", "elastic", "phonons")
"""Protocols that need forces and stress."""


@dataclass
class _Job:
    """One material on its way: the crystal so far, its energies (eV/atom), the time spent and what went wrong."""

    material: Composition | Structure
    crystal: Structure | None = None
    energy: float | None = None
    curve: EquationOfState | None = None
    moduli: ElasticModuli | None = None
    frequency: float | None = None
    moment: float | None = None
    above_hull: float | None = None
    seconds: float = 0.0
    failure: Exception | None = None


class PotentialOracle:
    """Formation energy, density and bulk modulus of crystals by an interatomic potential.

    protocol:
        `single_point`: the energy of the crystal as it is.
        `equation_of_state`: the minimum of the energy over seven volumes, the cell's shape and the fractional
            coordinates kept.
        `relax`: cell and positions are relaxed, and then the equation of state.
        `elastic`: then also six strains to either side, with positions relaxed in each.
        `phonons`: the same as `relax`, then finite displacements in a supercell.
    prototypes: crystals tried for a composition, which has none of its own; the lowest energy is kept.
    max_atoms: atoms allowed in the cell.
    limits: when a relaxation gives up: after too many steps the material is infeasible, after too long a time
        retryable.
    placed_by: a cheaper potential by which those are compared; None is the potential itself.
    moments: whether the mean size of the magnetic moments is answered too, by a potential that knows them.
    competing: phases above which the energy is answered too; None answers no energy above the hull.

    If the potential itself cannot be loaded, all materials are retryable.
    Structures are guarded before the potential sees them, and values afterwards; see `guards` and `oracles.PROPERTIES`.
    """

    properties: tuple[str, ...]

    def __init__(
        self,
        potential: Potential,
        protocol: ProtocolName = "single_point",
        *,
        prototypes: int = 8,
        max_atoms: int = 100,
        limits: Limits | None = None,
        competing: CompetingPhases | None = None,
        moments: bool = False,
        placed_by: Potential | None = None,
    ) -> None:
        if protocol not in get_args(ProtocolName):
            raise ValueError(f"protocol is one of {', '.join(get_args(ProtocolName))}, not {protocol!r}")
        if prototypes < 1 or max_atoms < 1:
            raise ValueError("`prototypes` and `max_atoms` are at least 1")
        if moments and not isinstance(potential, KnowsMoments):
            raise ValueError("`moments` are asked for, and this potential knows none")
        self.potential = potential
        self.protocol = protocol
        self.prototypes = prototypes
        self.max_atoms = max_atoms
        self.limits = limits or Limits()
        self.competing = competing
        self.placed_by = placed_by
        further = {"energy_above_hull": competing is not None, "site_moment": moments}
        self.properties = (*ANSWERS[protocol], *(name for name, asked in further.items() if asked))

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return False for unknown elements, disorder, and formulas that no prototype can hold."""
        reasons = [self._objection(material) for material in materials]
        return [reason is None or isinstance(reason, MACHINE_FAULTS) for reason in reasons]

    def accepts(self, structures: Sequence[Structure]) -> list[bool]:
        """Return whether `guards` let each crystal through."""
        return [guards.passes(structure, self.max_atoms) for structure in structures]

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return one evaluation a material; its structure is the crystal that the values belong to."""
        jobs = [_Job(material) for material in materials]
        self._stage(jobs, self._prepare)
        self._stage(jobs, self._screen)
        self._stage([job for job in jobs if job.crystal is not None], self._guard)
        for job in jobs:
            self._stage([job], self._refer)
        self._stage([job for job in jobs if job.crystal is None], self._place)
        if self.protocol in RELAXING:
            for job in jobs:
                self._stage([job], self._relax)
        if self.protocol == "single_point":
            self._stage([job for job in jobs if job.energy is None], self._energies)
        else:
            self._stage(jobs, self._curves)
        if self.protocol == "elastic":
            for job in jobs:
                self._stage([job], self._strain)
        if self.protocol == "phonons":
            for job in jobs:
                self._stage([job], self._displace)
        if "site_moment" in self.properties:
            self._stage(jobs, self._moments)
        if self.competing is not None:
            for job in jobs:
                self._stage([job], self._above_hull)
        return signed([self._evaluation(job) for job in jobs], self._provenance(jobs))

    @property
    def provenance(self) -> dict[str, str]:
        """By what it answers, as far as that is known without loading anything."""
        return self._provenance([])

    def _provenance(self, jobs: Sequence[_Job]) -> dict[str, str]:
        """By what the jobs were done; the model's version is known once one of them has an energy."""
        settings: dict[str, object] = {
            "protocol": self.protocol,
            "prototypes": self.prototypes,
            "max_atoms": self.max_atoms,
        }
        if self.protocol in RELAXING:
            settings |= asdict(self.limits)
        if self.placed_by is not None:
            settings["placed_by"] = self.placed_by.provenance["potential"]
        if self.competing is not None:
            settings["competing_phases"] = self.competing.described
        known = {**self.potential.provenance, "gfnmat": version_of("gfnmat")}
        if any(job.energy is not None for job in jobs):
            references = self.potential.references
            known["model"] = f"{references.model} {references.version}"
        return known | {name: str(value) for name, value in settings.items()}

    def _objection(self, material: Composition | Structure) -> Exception | None:
        """Return why a material cannot be evaluated, as far as can be told without a calculation."""
        from pymatgen.core import Structure

        references = self.potential.references  # unreadable ones are no objection to the material
        try:
            if isinstance(material, Structure):
                if not material.is_ordered:
                    raise InfeasibleError("the structure is disordered; order it first")
                references.require(amounts(material))
            else:
                counts = whole_counts(material)
                references.require(counts)
                realisation.require_prototype(counts)
        except Exception as reason:
            return reason
        return None

    @staticmethod
    def _stage(jobs: Sequence[_Job], work: Callable[[list[_Job]], None]) -> None:
        """Do the work on the jobs that have not failed; divide the time among them."""
        live = [job for job in jobs if job.failure is None]
        if not live:
            return
        with _divided(live):
            try:
                work(live)
            except Exception as reason:
                for job in live:
                    job.failure = reason

    def _prepare(self, jobs: list[_Job]) -> None:
        """Load the potential, for all jobs: what fails here is the fault of none of their materials."""
        try:
            self.potential.prepare()
        except Exception as reason:
            raise UnavailableError(f"the potential cannot work here: {described(reason)}") from reason

    def _screen(self, jobs: list[_Job]) -> None:
        from pymatgen.core import Structure

        for job in jobs:
            job.failure = self._objection(job.material)
            job.crystal = job.material if isinstance(job.material, Structure) else None

    def _refer(self, jobs: list[_Job]) -> None:
        """Have the energies of the elements: those that are computed when first asked for may fail, or take long."""
        for job in jobs:
            self.potential.references.formation_energy(amounts(job.material), 0.0)

    def _place(self, jobs: list[_Job]) -> None:
        """Find a crystal for each formula."""
        placing = self.placed_by or self.potential
        found = realisation.realise(placing, [whole_counts(job.material) for job in jobs], self.prototypes)
        for job, answer in zip(jobs, found, strict=True):
            if isinstance(answer, Exception):
                job.failure = answer
            else:
                job.crystal, job.energy = answer.structure, None if self.placed_by else answer.energy
        self._guard([job for job in jobs if job.failure is None])

    def _guard(self, jobs: list[_Job]) -> None:
        for job in jobs:
            try:
                guards.check(_crystal(job), self.max_atoms)
            except Exception as reason:
                job.failure = reason

    def _energies(self, jobs: list[_Job]) -> None:
        answers = energies(self.potential, [_crystal(job) for job in jobs])
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, Exception):
                job.failure = answer
            else:
                job.energy = answer

    def _relax(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.crystal = relax(self.potential, _crystal(job), self.limits)
            guards.check(job.crystal, self.max_atoms)

    def _curves(self, jobs: list[_Job]) -> None:
        for job, answer in zip(jobs, minima(self.potential, [_crystal(job) for job in jobs]), strict=True):
            if isinstance(answer, Exception):
                job.failure = answer
            else:
                job.curve, job.energy = answer, answer.energy
                job.crystal = at_volume(_crystal(job), answer.volume)

    def _strain(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.moduli = elastic_moduli(self.potential, _crystal(job), self.limits)

    def _displace(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.frequency = lowest_frequency(self.potential, _crystal(job), self.limits)

    def _moments(self, jobs: list[_Job]) -> None:
        assert isinstance(self.potential, KnowsMoments)
        answers = isolated(self.potential.site_moments, [_crystal(job) for job in jobs])
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, Exception):
                job.failure = answer
            else:
                job.moment = answer

    def _above_hull(self, jobs: list[_Job]) -> None:
        assert self.competing is not None
        for job in jobs:
            counts = whole_counts(_crystal(job))
            job.above_hull = self.competing.energy_above_hull(counts, self._formation_energy(job))

    def _formation_energy(self, job: _Job) -> float:
        assert job.energy is not None
        return self.potential.references.formation_energy(amounts(_crystal(job)), job.energy)

    def _evaluation(self, job: _Job) -> Evaluation:
        if job.failure is not None:
            return Evaluation.failed(job.failure, seconds=job.seconds)
        crystal = _crystal(job)
        values = {
            "formation_energy": self._formation_energy(job),
            "density": float(crystal.density),
            "volume_per_atom": crystal.volume / len(crystal),
        }
        if job.curve is not None:
            values["bulk_modulus"] = job.curve.bulk_modulus
        if job.moduli is not None:
            values |= zip(MODULI, (job.moduli.shear, job.moduli.youngs, job.moduli.poisson), strict=True)
        if job.frequency is not None:
            values["lowest_phonon_frequency"] = job.frequency
        if job.moment is not None:
            values["site_moment"] = job.moment
        if job.above_hull is not None:
            values["energy_above_hull"] = job.above_hull
        return Evaluation.judged(values, structure=crystal, seconds=job.seconds)


@contextmanager
def _divided(jobs: Sequence[_Job]) -> Iterator[None]:
    """Add to each job its share of the time that passes."""
    start = perf_counter()
    yield
    share = (perf_counter() - start) / len(jobs)
    for job in jobs:
        job.seconds += share


def _crystal(job: _Job) -> Structure:
    assert job.crystal is not None
    return job.crystal
