"""Deciding properties that need no oracle: they follow from the formula, exactly and for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gfnmat.campaign.records import Answer
from gfnmat.problem import Problem
from gfnmat.space.candidates import Candidates
from oracles.supply import PROPERTIES_OF_SUPPLY, of_counts


@dataclass(frozen=True)
class FormulaProperties:
    """Price, abundance and supply risk, as far as a problem names them and its target does not answer them itself.

    Attributes:
        problem: names the properties that decide.
        names: those of them that follow from the formula.
    """

    problem: Problem
    names: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem, answered: Sequence[str]) -> FormulaProperties:
        """Those that decide and that the target, which answers these, leaves open."""
        return cls(problem, tuple(n for n in problem.properties if n in PROPERTIES_OF_SUPPLY and n not in answered))

    def values(self, candidates: Candidates) -> dict[str, Tensor]:
        """Property to the value of each candidate, `n` float64; NaN where an element's is not known."""
        if not self.names:
            return {}
        found = of_counts(candidates.counts.cpu().double().numpy())
        return {name: torch.from_numpy(found[name]) for name in self.names}

    def admit(self, candidates: Candidates) -> Tensor:
        """Whether each candidate's are known and meet the constraints on them, `n` booleans."""
        admitted = torch.ones(len(candidates), dtype=torch.bool)
        for name, values in self.values(candidates).items():
            admitted &= values.isfinite()
            for constraint in self.problem.constraints:
                if constraint.property == name:
                    admitted &= values >= (-torch.inf if constraint.min is None else constraint.min)
                    admitted &= values <= (torch.inf if constraint.max is None else constraint.max)
        return admitted

    def complete(self, candidates: Candidates, answers: Sequence[Answer]) -> list[Answer]:
        """The answers, each that has values with these too, unless it has its own."""
        found = self.values(candidates)
        completed = []
        for row, answer in enumerate(answers):
            known = {name: float(values[row]) for name, values in found.items() if values[row].isfinite()}
            done = answer.status == "done"
            completed.append(replace(answer, values={**known, **answer.values}) if done else answer)
        return completed
