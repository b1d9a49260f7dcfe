"""The energy of a crystal above the phases that it may decompose into, at the same level of theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.cache_folder import cache_folder
from oracles.evaluation import MACHINE_FAULTS
from oracles.hull import GUESSED
from oracles.hull.formulas import Formula, competing_formulas, formula_of
from oracles.hull.given_phases import read_phases
from oracles.level_cache import LevelCache
from oracles.potential.energies import energies
from oracles.potential.realisation import Realised, realise
from oracles.potential.relaxation import Limits, relax
from oracles.provenance import file_digest

if TYPE_CHECKING:
    from oracles.potential.potential import Potential

PROTOTYPES = 8
"""Ways to realise each formula that are compared; the lowest is relaxed."""

LIMITS = Limits(max_force=0.05, steps=100, seconds=600.0)
"""Of that relaxation, whatever the oracle's own: so the same phases serve all rungs and campaigns."""


class CompetingPhases:
    """Phases of any chemical system, by one potential; what was computed once is kept.

    A guess at what competes: each formula of `competing_formulas`, and the crystal's own, in the prototype of the
    lowest energy, relaxed. Missing phases make the hull too high and the energy above it too low.

    potential: the level of theory.
    given: further phases with their formation energies (eV/atom) at this same level.
    guesses: whether phases are guessed, or only the given ones and the elements compete.
    file: where energies are kept from one process to the next; None keeps them in memory alone.
    described: the sources, for the provenance of what is answered.
    """

    def __init__(
        self,
        potential: Potential,
        given: Mapping[Formula, float] | None = None,
        guesses: bool = True,
        file: Path | None = None,
        described: str = GUESSED,
    ) -> None:
        self.potential = potential
        self.given = dict(given or {})
        self.guesses = guesses
        self.described = described
        self._file = file
        self._known: dict[Formula, float | None] = {}

    @classmethod
    def of(cls, potential: Potential, sources: Sequence[str | Path]) -> CompetingPhases:
        """Return the phases of several sources: `guessed`, or a CSV file as `read_phases` reads it.

        Raises ValueError for a file that cannot be read, and for no source.
        """
        if not sources:
            raise ValueError(f"`competing_phases` names no source; give {GUESSED!r}, a CSV file, or both")
        files = [Path(source) for source in sources if str(source) != GUESSED]
        given: dict[Formula, float] = {}
        for file in files:
            for formula, energy in read_phases(file).items():
                given[formula] = min(energy, given.get(formula, energy))
        guesses = len(files) < len(sources)
        described = " and ".join([*([GUESSED] if guesses else []), *(file_digest(file) for file in files)])
        return cls(potential, given, guesses, cache_folder() / "competing_phases.db", described)

    def energy_above_hull(self, counts: Mapping[str, int], formation_energy: float) -> float:
        """Return how far (eV/atom) a crystal of this reduced formula is above its competitors; 0 below them."""
        return max(0.0, formation_energy - self.hull(counts))

    def hull(self, counts: Mapping[str, int]) -> float:
        """Return the lowest formation energy (eV/atom) of any mixture of competing phases of this reduced formula.

        Raises what a fault of the machine raises while a phase is computed; what was computed before is kept.
        """
        system = frozenset(counts)
        competing = {formula: energy for formula, energy in self.given.items() if {s for s, _ in formula} <= system}
        if self.guesses and len(system) > 1:
            for formula, energy in self._energies({*competing_formulas(system), formula_of(counts)}).items():
                if energy is not None:
                    competing[formula] = min(energy, competing.get(formula, energy))
        return lowest_mixture(counts, competing)

    def _energies(self, formulas: set[Formula]) -> dict[Formula, float | None]:
        if self._file is not None and formulas - self._known.keys():
            kept = LevelCache(self._file, self._level()).read()
            self._known |= {formula: kept[_text(formula)] for formula in formulas if _text(formula) in kept}
        missing = sorted(formulas - self._known.keys())
        for formula, answer in zip(
            missing, realise(self.potential, [dict(f) for f in missing], PROTOTYPES) if missing else [], strict=True
        ):
            energy = self._relaxed(formula, answer)
            if self._file is not None:
                LevelCache(self._file, self._level()).keep({_text(formula): energy})
            self._known[formula] = energy
        return {formula: self._known[formula] for formula in formulas}

    def _relaxed(self, formula: Formula, answer: Realised | Exception) -> float | None:
        """Return the formation energy (eV/atom) of a realised formula after relaxation; None if it has no phase."""
        if isinstance(answer, MACHINE_FAULTS):
            raise answer
        if isinstance(answer, Exception):
            return None
        lowest = answer.energy
        try:
            (energy,) = energies(self.potential, [relax(self.potential, answer.structure, LIMITS)])
        except MACHINE_FAULTS:
            raise
        except Exception as reason:
            energy = reason
        if isinstance(energy, MACHINE_FAULTS):
            raise energy
        if isinstance(energy, float):
            lowest = min(lowest, energy)
        return self.potential.references.formation_energy(dict(formula), lowest)

    def _level(self) -> str:
        """Return what the energies depend on; the device is none of it."""
        references = self.potential.references
        versions = {name: value for name, value in self.potential.provenance.items() if name != "device"}
        return str(
            {
                **versions,
                "model": f"{references.model} {references.version}",
                "prototypes": PROTOTYPES,
                **asdict(LIMITS),
            }
        )


def lowest_mixture(counts: Mapping[str, int], phases: Mapping[Formula, float]) -> float:
    """Return the lowest formation energy (eV/atom) at a composition of mixtures of phases and elements (at 0)."""
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    compounds = [(Composition(dict(formula)), energy) for formula, energy in phases.items() if energy < 0]
    if not compounds:
        return 0.0
    entries = [PDEntry(Composition(symbol), 0.0) for symbol in counts]
    entries += [PDEntry(compound, energy * compound.num_atoms) for compound, energy in compounds]
    return float(PhaseDiagram(entries).get_hull_energy_per_atom(Composition(counts)))


def _text(formula: Formula) -> str:
    return "".join(f"{symbol}{count}" for symbol, count in formula)
