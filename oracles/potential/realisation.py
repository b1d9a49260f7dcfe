"""Realises a composition as a crystal: the best of the prototypes that can hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oracles.evaluation import MACHINE_FAULTS, InfeasibleError, described
from oracles.potential.charges import formal_charges
from oracles.potential.energies import energies
from oracles.potential.equation_of_state import at_volume
from oracles.potential.guards import CLOSEST_CONTACT, VOLUME_RANGE, covalent_radii
from oracles.potential.prototypes import Prototype, pattern, patterns, placements
from oracles.potential.references import References
from oracles.potential.volume import additive_scale, ionic_scale

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential

ELECTROSTATIC_WEIGHT = 0.15
"""Instability (e) that counts like an electrostatic energy of 1 eV/atom.

This and the next three are fitted to CHGNet's energies of the placements of 68 compounds. The best of the
first 8 (16) trials is within 0.03 eV/atom of the best of all for 87 % (96 %) of those compounds, and for 64 %
(85 %) of 39 others."""

SIZE_COST = 0.03
"""Instability (e) that counts like one more atom in the cell: large cells are costly, and rarely better."""

FOREIGN_COST = 1.0
"""Instability (e) that counts like elements placed otherwise than in the compound that names the prototype."""

ALIKE = (0.01, 0.05)
"""Relative volume and rank (e) up to which trials are taken for the same crystal or a polytype of it."""

SECOND_LOOK = 3
"""Structures of a composition, of the lowest energies, whose volume is corrected."""

NEARBY = (0.92, 1.08)
"""Volumes, relative to the first, at which the energy is computed for the correction."""


@dataclass(frozen=True)
class Trial:
    """A composition placed on a prototype: `elements` one an orbit, `volume` A^3/atom, and a rank (low is good)."""

    prototype: Prototype
    elements: list[str]
    volume: float
    rank: float

    def structure(self) -> Structure:
        """Return the crystal."""
        return self.prototype.substitute(self.elements, self.volume)


@dataclass
class Realised:
    """A crystal of a composition: its energy (eV/atom, nan if there is none), the prototype's name, what went wrong."""

    structure: Structure
    energy: float
    prototype: str = field(default="")
    failure: Exception | None = None


def require_prototype(counts: Mapping[str, int]) -> None:
    """Raise `InfeasibleError` unless some prototype can hold the formula; elements are realised as themselves."""
    if len(counts) > 1 and pattern(counts.values()) not in patterns():
        raise InfeasibleError(f"no prototype has the stoichiometry of {_formula(counts)}")


def trials(counts: Mapping[str, int], references: References, most: int) -> list[Trial]:
    """Return at most `most` ways to realise a reduced formula, the most promising first.

    Where the formula has formal charges, the volume is that at which bond valences sum to the charges, and the
    rank adds the instability of the valences and the electrostatic energy. Where it has none (metals), the volume
    is the sum of the elements' volumes, and the rank the closeness of the closest contact. To both are added the
    costs of a large cell and of a placement that the prototype's own compound does not have.
    """
    symbols = sorted(counts, key=lambda symbol: counts[symbol])
    charges = formal_charges(counts)
    found = []
    for prototype, ways in placements(pattern(counts.values())):
        for way in ways:
            elements = [symbols[k] for k in way]
            trial = (
                _ionic(prototype, elements, charges) if charges else _metallic(prototype, elements, counts, references)
            )
            if trial is not None:
                found.append(trial)
    found.sort(key=lambda trial: trial.rank)
    return _distinct(found, most)


def _ionic(prototype: Prototype, elements: list[str], charges: Mapping[str, float]) -> Trial | None:
    fit = ionic_scale(elements, charges, prototype.multiplicities, prototype.contacts)
    if fit is None or not _sound(prototype, elements, fit[0]):
        return None
    scale, instability = fit
    q = np.array([charges[symbol] for symbol in elements])
    electrostatic = float(q @ prototype.madelung @ q) / scale
    rank = instability + ELECTROSTATIC_WEIGHT * electrostatic + _cost(prototype, elements)
    return Trial(prototype, elements, scale**3, rank)


def _metallic(
    prototype: Prototype, elements: list[str], counts: Mapping[str, int], references: References
) -> Trial | None:
    scale = additive_scale(counts, {symbol: references.elements[symbol].volume for symbol in counts})
    if not _sound(prototype, elements, scale):
        return None
    rank = _cost(prototype, elements) - _closest(prototype, elements, scale)
    return Trial(prototype, elements, scale**3, rank)


def _cost(prototype: Prototype, elements: list[str]) -> float:
    """Return the rank's part that does not depend on the elements' nature."""
    pairs = set(zip(prototype.species, elements, strict=True))
    foreign = len(pairs) != len(set(prototype.species)) or len(pairs) != len(set(elements))
    return SIZE_COST * len(prototype.orbits) + FOREIGN_COST * foreign


def _closest(prototype: Prototype, elements: list[str], scale: float) -> float:
    """Return the smallest ratio of a distance to the sum of covalent radii."""
    radii = np.array([covalent_radii()[symbol] for symbol in elements])
    contacts = prototype.contacts
    return float((scale * contacts.distance / (radii[contacts.first] + radii[contacts.second])).min())


def _sound(prototype: Prototype, elements: list[str], scale: float) -> bool:
    lower, upper = VOLUME_RANGE
    return lower <= scale**3 <= upper and _closest(prototype, elements, scale) >= CLOSEST_CONTACT


def _distinct(found: Sequence[Trial], most: int) -> list[Trial]:
    """Return the first of `found`, at most `most`, that are not alike."""
    kept: list[Trial] = []
    for trial in found:
        if len(kept) == most:
            break
        if not any(
            abs(trial.volume / other.volume - 1) < ALIKE[0] and abs(trial.rank - other.rank) < ALIKE[1]
            for other in kept
        ):
            kept.append(trial)
    return kept


def realise(potential: Potential, formulas: Sequence[Mapping[str, int]], most: int) -> list[Realised | Exception]:
    """Return, for each reduced formula, the crystal of the lowest energy among at most `most` trials.

    All trials of all formulas are computed in one batch; then the volumes of the best few are corrected by a
    parabola through three energies. An exception stands for a formula that cannot be realised: `MACHINE_FAULTS`
    as they are, if no trial has an energy or a volume could not be corrected for one; otherwise `InfeasibleError`.
    """
    found = [_of(potential, counts, most) for counts in formulas]
    _compute(potential, [realised for group in found for realised in group])
    best = [
        sorted((r for r in group if np.isfinite(r.energy)), key=lambda r: r.energy)[:SECOND_LOOK] for group in found
    ]
    _correct(potential, [realised for group in best for realised in group])
    return [_verdict(counts, tried, kept) for counts, tried, kept in zip(formulas, found, best, strict=True)]


def _of(potential: Potential, counts: Mapping[str, int], most: int) -> list[Realised]:
    if len(counts) == 1:
        (symbol,) = counts
        return [Realised(potential.references.structure(symbol), np.nan, "element")]
    return [
        Realised(trial.structure(), np.nan, trial.prototype.name)
        for trial in trials(counts, potential.references, most)
    ]


def _compute(potential: Potential, crystals: Sequence[Realised]) -> None:
    answers = energies(potential, [crystal.structure for crystal in crystals])
    for crystal, answer in zip(crystals, answers, strict=True):
        if isinstance(answer, Exception):
            crystal.energy, crystal.failure = np.nan, answer
        else:
            crystal.energy, crystal.failure = answer, None


def _correct(potential: Potential, crystals: Sequence[Realised]) -> None:
    """Move each crystal to the volume of lowest energy, as far as three energies tell.

    A fault of the machine is left as the crystal's failure: uncorrected, its energy would depend on the machine.
    """
    volumes = [crystal.structure.volume / len(crystal.structure) for crystal in crystals]
    moved = [
        at_volume(crystal.structure, factor * volume)
        for crystal, volume in zip(crystals, volumes, strict=True)
        for factor in NEARBY
    ]
    answers = energies(potential, moved)
    better = []
    for k, (crystal, volume) in enumerate(zip(crystals, volumes, strict=True)):
        smaller, larger = answers[2 * k : 2 * k + 2]
        if isinstance(smaller, Exception) or isinstance(larger, Exception):
            crystal.failure = _machine_fault([smaller, larger])
            continue
        factors = np.array([NEARBY[0], 1.0, NEARBY[1]])
        curve = np.array([smaller, crystal.energy, larger])
        second, first, _ = np.polyfit(factors, curve, 2)
        lowest = -first / (2 * second) if second > 0 else factors[curve.argmin()]
        factor = float(np.clip(lowest, 0.8, 1.3))
        better.append((crystal, Realised(at_volume(crystal.structure, factor * volume), np.nan)))
    _compute(potential, [new for _, new in better])
    for crystal, new in better:
        if new.energy < crystal.energy:
            crystal.structure, crystal.energy = new.structure, new.energy
        crystal.failure = _machine_fault([new.failure])


def _verdict(counts: Mapping[str, int], tried: Sequence[Realised], kept: Sequence[Realised]) -> Realised | Exception:
    """Return the best of those kept, or why there is none."""
    if not tried:
        return InfeasibleError(f"{_formula(counts)} fits no prototype at a sound volume")
    failures = [crystal.failure for crystal in (kept or tried) if crystal.failure is not None]
    if (fault := _machine_fault(failures)) is not None:
        return fault
    if kept:
        return min(kept, key=lambda crystal: crystal.energy)
    return InfeasibleError(
        f"the potential has no energy for {_formula(counts)} in any prototype: {described(failures[-1])}"
    )


def _machine_fault(answers: Sequence[object]) -> Exception | None:
    """Return the first of the answers that is a fault of the machine."""
    return next((answer for answer in answers if isinstance(answer, MACHINE_FAULTS)), None)


def _formula(counts: Mapping[str, int]) -> str:
    return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in counts.items())
