"""What a campaign knows, as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.records import FREE, Measurement, Suggestion
from gfnmat.campaign.replicates import pooled


@dataclass(frozen=True)
class History:
    """Every suggestion and measurement so far.

    Attributes:
        goals: objectives and constraints; they decide which properties count.
        suggestions: everything that was issued.
        measurements: everything that came back.
    """

    goals: Goals
    suggestions: Sequence[Suggestion]
    measurements: Sequence[Measurement]

    @cached_property
    def answered(self) -> list[Measurement]:
        """The measurements with values."""
        return [m for m in self.measurements if m.answer.status == "done"]

    def at_target(self) -> list[Measurement]:
        """What the target says of each candidate of which it answers every deciding property; see `pooled`."""
        properties, target = self.goals.problem.properties, self.goals.problem.target_rung
        told = pooled([m for m in self.answered if m.suggestion.choice.rung == target])
        return [m for m in told if all(p in m.answer.values for p in properties)]

    def values(self, measurements: Sequence[Measurement]) -> Tensor:
        """`n x properties` float64 in the properties' units; NaN where a measurement does not answer."""
        return values_of([m.answer.values for m in measurements], self.goals.problem.properties)

    @cached_property
    def duplicates(self) -> dict[int, int]:
        """Number of each measurement of `at_target` whose material has one with a lower number, to the lowest."""
        links = {m.suggestion.id: m.answer.duplicate_of for m in self.measurements}
        first: dict[int, int] = {}
        found = {}
        for number in sorted(m.suggestion.id for m in self.at_target()):
            origin = number
            while (earlier := links.get(origin)) is not None:
                origin = earlier
            if first.setdefault(origin, number) != number:
                found[number] = first[origin]
        return found

    def feasible_at_target(self) -> list[Measurement]:
        """Those of `at_target` that meet the constraints, each material once: by what its first measurement says."""
        judged = [m for m in self.at_target() if m.suggestion.id not in self.duplicates]
        met = self.goals.meets_constraints(self.values(judged)).tolist()
        return [m for m, meets in zip(judged, met, strict=True) if meets]

    def best(self) -> list[Measurement]:
        """The feasible measurements at the target that no other one beats, in the order they were issued."""
        feasible = self.feasible_at_target()
        if not feasible:
            return []
        keep = self.goals.non_dominated(self.goals.utilities(self.values(feasible)))
        return [m for m, kept in zip(feasible, keep, strict=True) if bool(kept)]

    @cached_property
    def outstanding(self) -> list[Suggestion]:
        """What was issued and has not come back."""
        told = {m.suggestion.id for m in self.measurements}
        return [s for s in self.suggestions if s.id not in told]

    @property
    def spent(self) -> float:
        """The cost of everything issued."""
        return self.cost_of(self.suggestions)

    def cost_of(self, suggestions: Iterable[Suggestion]) -> float:
        """What these cost, without what was withdrawn and what no machine could answer."""
        free = {m.suggestion.id for m in self.measurements if m.answer.status in FREE}
        return sum(s.choice.cost for s in suggestions if s.id not in free)

    def issued(self, identity: Mapping[str, str]) -> dict[tuple[str, int], list[Suggestion]]:
        """What was issued and may not be again, by the candidate's identity and the rung: not what a person gave up.

        Args:
            identity: of what was suggested, by its key.
        """
        given_up = {m.suggestion.id for m in self.measurements if _is_given_up(m)}
        pairs: dict[tuple[str, int], list[Suggestion]] = {}
        for suggestion in self.suggestions:
            if suggestion.id not in given_up:
                pairs.setdefault((identity[suggestion.choice.key], suggestion.choice.rung), []).append(suggestion)
        return pairs

    def answered_pairs(self, pool: Sequence[str], identity: Mapping[str, str]) -> Tensor:
        """Which (candidate, rung) pairs have an answer, `pool x rungs` booleans; arguments as of `open_pairs`."""
        told = {(identity[m.suggestion.choice.key], m.suggestion.choice.rung) for m in self.answered}
        rungs = range(len(self.goals.problem.fidelities))
        table = [[(name, rung) in told for rung in rungs] for name in pool]
        return torch.tensor(table, dtype=torch.bool).reshape(len(pool), len(rungs))

    def open_pairs(self, pool: Sequence[str], identity: Mapping[str, str], most: Sequence[int]) -> Tensor:
        """Which (candidate, rung) pairs may be issued, `pool x rungs` booleans.

        Not what was issued before (unless a person gave it up, or all of it was answered and may be measured again),
        and for a candidate that a rung found infeasible nothing from there up.

        Args:
            pool: the identity of each candidate, none twice.
            identity: of what was suggested, by its key.
            most: how often each rung may measure a candidate.
        """
        row = {name: index for index, name in enumerate(pool)}
        answered = {m.suggestion.id for m in self.answered}
        open_pairs = torch.ones(len(pool), len(self.goals.problem.fidelities), dtype=torch.bool)
        for (name, rung), suggestions in self.issued(identity).items():
            if name in row:
                is_answered = all(s.id in answered for s in suggestions)
                open_pairs[row[name], rung] = is_answered and len(suggestions) < most[rung]
        for measurement in self.measurements:
            choice = measurement.suggestion.choice
            name = identity[choice.key]
            if measurement.answer.status == "infeasible" and name in row:
                open_pairs[row[name], choice.rung :] = False
        return open_pairs


def _is_given_up(measurement: Measurement) -> bool:
    """Whether it was withdrawn, or a person could not do it: then it may be issued again."""
    status = measurement.answer.status
    return status == "withdrawn" or (status == "retryable" and measurement.suggestion.is_by_hand)


def values_of(rows: Sequence[Mapping[str, float]], properties: Sequence[str]) -> Tensor:
    """`n x properties` float64; NaN where a row lacks a property."""
    nan = float("nan")
    table = [[row.get(name, nan) for name in properties] for row in rows]
    return torch.tensor(table, dtype=torch.float64).reshape(len(rows), len(properties))
