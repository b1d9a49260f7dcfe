"""The oracles of a campaign, rung by rung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.campaign.formula_properties import FormulaProperties
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.rung_oracle import rung_oracle
from gfnmat.config import ConfigError
from gfnmat.problem import Problem
from gfnmat.space.candidates import Candidates
from oracles import Evaluation, Inspecting, Screening
from oracles.laboratory import Laboratory

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


class Ladder:
    """Builds the oracle of each fidelity and asks it.

    Args:
        problem: names the fidelities and the properties that decide.
        folder: where relative paths, and the modules of the user's own functions, are looked for.

    Raises:
        ConfigError: an oracle that cannot be built, one without noise that is to be asked again, or a deciding property
            that the target does not answer.
    """

    def __init__(self, problem: Problem, folder: Path) -> None:
        self.problem = problem
        self._oracles = [rung_oracle(fidelity, problem.properties, folder) for fidelity in problem.fidelities]
        answered = self._oracles[-1].properties
        self._by_formula = FormulaProperties.of(problem, answered)
        if missing := [name for name in problem.properties if name not in (*answered, *self._by_formula.names)]:
            raise ConfigError(
                f"fidelities: the target {problem.target.name} does not answer {', '.join(missing)}; it answers "
                f"{', '.join(answered)}. Choose objectives and constraints among these, or another target."
            )
        self._admitted: list[dict[str, bool]] = [{} for _ in self._oracles]
        self._accepted: dict[str, bool] = {}

    def properties(self, rung: int) -> tuple[str, ...]:
        """What a rung's oracle answers, and what follows from the formula."""
        return tuple(dict.fromkeys([*self._oracles[rung].properties, *self._by_formula.names]))

    @cached_property
    def by_hand(self) -> tuple[int, ...]:
        """The rungs at which a person answers, whom the loop has to wait for."""
        return tuple(rung for rung, oracle in enumerate(self._oracles) if isinstance(oracle, Laboratory))

    @cached_property
    def by_machine(self) -> tuple[int, ...]:
        """The rungs at which the loop evaluates itself."""
        return tuple(rung for rung in range(len(self._oracles)) if rung not in self.by_hand)

    @cached_property
    def all_properties(self) -> tuple[str, ...]:
        """The deciding properties, then everything else that some rung answers."""
        every = [name for oracle in self._oracles for name in oracle.properties]
        return tuple(dict.fromkeys([*self.problem.properties, *every]))

    @property
    def screens(self) -> tuple[Callable[[Candidates], Tensor], ...]:
        """One a rung: whether its oracle can answer each candidate at all, `n` booleans; costs nothing.

        Nor is admitted what violates a constraint on a property that follows from the formula.

        What `Screening` says of one crystal of a formula holds for all of them, so that few structures are built.
        """
        return tuple(partial(self._admits, rung) for rung in range(len(self._oracles)))

    def _admits(self, rung: int, candidates: Candidates) -> Tensor:
        return self._by_formula.admit(candidates) & self._answerable(rung, candidates)

    def _answerable(self, rung: int, candidates: Candidates) -> Tensor:
        oracle, known = self._oracles[rung], self._admitted[rung]
        if not isinstance(oracle, Screening):
            return torch.ones(len(candidates), dtype=torch.bool)
        formulas = candidates.formulas
        first: dict[str, int] = {}
        for index, formula in enumerate(formulas):
            if formula not in known:
                first.setdefault(formula, index)
        if first:
            answers = oracle.admits(candidates[list(first.values())].materials)
            known.update(zip(first, answers, strict=True))
        return torch.tensor([known[formula] for formula in formulas], dtype=torch.bool)

    def accepts(self, candidates: Candidates) -> Tensor:
        """Whether the target takes each candidate as it is, crystal by crystal, `n` booleans; costs nothing."""
        target = self._oracles[-1]
        if candidates.crystals is None or not isinstance(target, Inspecting):
            return torch.ones(len(candidates), dtype=torch.bool)
        keys = candidates.keys
        if new := [row for row, key in enumerate(keys) if key not in self._accepted]:
            self._accepted.update(
                zip([keys[row] for row in new], target.accepts(candidates[new].structures), strict=True)
            )
        return torch.tensor([self._accepted[key] for key in keys], dtype=torch.bool)

    def ask(self, rung: int, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Asks a rung's oracle in this process; one evaluation a material, in order."""
        return self._oracles[rung].evaluate(materials)

    def answers(self, candidates: Candidates, evaluations: Sequence[Evaluation]) -> list[Answer]:
        """What an oracle said of candidates, with what follows from their formulas."""
        return self._by_formula.complete(candidates, [_answer(evaluation) for evaluation in evaluations])

    def with_formula_properties(self, choices: Sequence[Choice], told: Sequence[Answer]) -> list[Answer]:
        """What a person told of these choices, with what follows from their formulas."""
        return self._by_formula.complete(Candidates.of([choice.formula for choice in choices]), told)


def _answer(evaluation: Evaluation) -> Answer:
    return Answer(
        status=evaluation.status,
        values=evaluation.values,
        errors=evaluation.errors,
        structure=evaluation.structure,
        seconds=evaluation.seconds,
        error=evaluation.error,
        provenance=evaluation.provenance,
    )
