"""A campaign's evaluations in the order in which they came back: what was paid, and what it brought."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

FREE = ("withdrawn", "retryable")
"""Statuses of what costs nothing: nobody evaluated it, or no machine could."""


@dataclass(frozen=True)
class Evaluations:
    """Everything that was evaluated, at all fidelities, failures too.

    Attributes:
        paid: what each cost, `n` float64.
        utilities: `n x objectives` float64, the higher the better; they matter where `counts` says so.
        counts: which are at the target, known in every objective, meet the constraints and are no duplicate or
            replicate, `n`.
        names: the formula of each.

    Raises:
        ValueError: parts of different lengths, or a negative cost.
    """

    paid: Tensor
    utilities: Tensor
    counts: Tensor
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.paid), len(self.utilities), len(self.counts), len(self.names)}
        if len(lengths) > 1 or self.utilities.ndim != 2:
            raise ValueError(
                f"paid has {len(self.paid)} entries, utilities {tuple(self.utilities.shape)}, counts "
                f"{len(self.counts)}, names {len(self.names)}; give n, n x objectives, n and n."
            )
        if bool((self.paid < 0).any()):
            raise ValueError(f"paid holds {float(self.paid.min()):g}; a cost is not negative.")

    @classmethod
    def of(cls, measurements: pd.DataFrame, problem: Problem) -> Evaluations:
        """The evaluations in a frame of `Campaign.measurements`, judged by a problem's objectives and constraints."""
        frame, utilities = judge(measurements, problem, problem.target.name)
        counts = torch.tensor(frame["counts"].to_numpy(dtype=bool, copy=True))
        every = torch.full((len(frame), len(problem.objectives)), math.nan, dtype=torch.double)
        every[counts] = utilities
        paid = torch.tensor(frame["paid"].to_numpy(dtype=float, copy=True))
        return cls(paid, every, counts, tuple(frame["formula"]))

    @property
    def running_cost(self) -> Tensor:
        """All that was paid up to and with each evaluation, `n`."""
        return self.paid.cumsum(0)

    @property
    def spent(self) -> float:
        """All that was paid."""
        return float(self.paid.sum())

    def counting(self) -> Evaluations:
        """Those that count, each with what was paid since the last one that counts."""
        ends = self.running_cost[self.counts]
        names = tuple(name for name, kept in zip(self.names, self.counts.tolist(), strict=True) if kept)
        paid = torch.diff(ends, prepend=ends.new_zeros(1)).clamp(min=0)
        return Evaluations(paid, self.utilities[self.counts], self.counts[self.counts], names)


def judge(measurements: pd.DataFrame, problem: Problem, target: str) -> tuple[pd.DataFrame, Tensor]:
    """Measurements in order, judged by the objectives and constraints of a problem.

    A candidate that the target measured several times counts once, where it was measured first, by the means of all:
    the best of several noisy answers would be the luckiest.

    Args:
        measurements: as `Campaign.measurements` gives them.
        problem: the objectives and constraints.
        target: name of the fidelity whose word counts.

    Returns:
        The measurements with the further columns `paid` (the cost; nothing for what the budget was not charged with),
        `running_cost` (all that was paid up to and with each), `counts` (at the target, all objectives known,
        constraints met, and no duplicate or replicate of an earlier one) and `front` (counts, and no other that counts
        beats it); and the utilities of those that count, `n x objectives`.
    """
    frame = measurements.reset_index(drop=True)
    paid = frame["cost"].astype(float).fillna(0.0).where(~frame["status"].isin(FREE), 0.0)
    frame = frame.assign(paid=paid, running_cost=paid.cumsum())
    at_target = _answers(frame, target)
    values = torch.tensor(
        [
            [_float(row.get(name)) for name in problem.properties]
            for row in averaged(frame, problem, target).to_dict("records")
        ],
        dtype=torch.double,
    ).reshape(len(frame), len(problem.properties))
    goals = Goals(problem)
    utilities = goals.utilities(values)
    counts = goals.meets_constraints(values) & utilities.isfinite().all(-1)
    first = ~frame[at_target].duplicated(_identity(frame)).reindex(frame.index, fill_value=True)
    counts &= torch.tensor(first.to_numpy(dtype=bool, copy=True))
    if "duplicate_of" in frame:
        counts &= torch.tensor(frame["duplicate_of"].isna().to_numpy(dtype=bool, copy=True))
    front = torch.zeros_like(counts)
    if bool(counts.any()):
        front[counts] = goals.non_dominated(utilities[counts])
    return frame.assign(counts=counts.numpy(), front=front.numpy()), utilities[counts]


def averaged(measurements: pd.DataFrame, problem: Problem, target: str) -> pd.DataFrame:
    """The same rows, in which what the target answered has the means of its candidate's replicates."""
    answers = measurements[_answers(measurements, target)]
    columns = [name for name in problem.properties if name in measurements]
    means = measurements.astype(dict.fromkeys(columns, float))
    if columns and len(answers):
        means.loc[answers.index, columns] = answers.groupby(_identity(measurements))[columns].transform("mean")
    return means


def _answers(measurements: pd.DataFrame, target: str) -> pd.Series:
    return (measurements["fidelity"] == target) & (measurements["status"] == "done")


def _identity(measurements: pd.DataFrame) -> str:
    """The column that tells candidates apart."""
    return "key" if "key" in measurements else "formula"


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
