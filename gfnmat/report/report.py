"""What a report is about: the data of one or several campaigns, judged by one problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from gfnmat.config import CampaignConfig
from gfnmat.metrics.evaluations import averaged, judge
from gfnmat.problem import Problem
from gfnmat.report.labels import structure_name
from gfnmat.report.yardstick import Yardstick

if TYPE_CHECKING:
    from gfnmat.campaign import Campaign

MOST_STRUCTURES = 50
"""Structures that a report carries."""


@dataclass(frozen=True)
class CampaignData:
    """One campaign as a report sees it.

    Attributes:
        label: its name, distinct within the report.
        measurements: in order, with the further columns `paid` (the cost, but nothing for what was withdrawn),
            `running_cost` (all that was paid up to and with this one), `counts` (at the target fidelity, all
            objectives known, constraints met, and no duplicate or replicate of an earlier one) and `front` (counts,
            and no other that counts beats it).
        means: the same rows, with the means of what the target measured several times.
        utilities: `n x objectives`, of the measurements that count, the higher the better.
        rounds: one row a round.
        trust: one row a round, property and fidelity, see `Campaign.trust`.
        structures: name (see `Campaign.structures`) to CIF, those on the front first, at most `MOST_STRUCTURES`.
        provenance: versions, platform, seed ...
        store: the URL of the store, without a password.
    """

    label: str
    config: CampaignConfig
    measurements: pd.DataFrame
    means: pd.DataFrame
    utilities: Tensor
    rounds: pd.DataFrame
    trust: pd.DataFrame
    structures: dict[str, str]
    provenance: dict[str, str]
    store: str

    @property
    def target(self) -> str:
        """Name of the target fidelity."""
        return self.config.problem.target.name

    @property
    def spent(self) -> float:
        """What all measurements cost."""
        return float(self.measurements["running_cost"].max()) if len(self.measurements) else 0.0

    @property
    def counting(self) -> pd.DataFrame:
        """The measurements that count, with the means of what was measured several times."""
        return self.means[self.means["counts"]]

    @property
    def front(self) -> pd.DataFrame:
        """The Pareto set; with one objective the best material."""
        return self.means[self.means["front"]]

    def within(self, cost: float) -> Tensor:
        """The utilities of what counts and was measured before more than `cost` was spent."""
        inside = self.counting["running_cost"].to_numpy() <= cost * (1 + 1e-9)
        return self.utilities[torch.from_numpy(inside)]


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows; the first campaign is its subject, the others are what it is compared with."""

    problem: Problem
    campaigns: tuple[CampaignData, ...]
    yardstick: Yardstick
    created: str

    @property
    def subject(self) -> CampaignData:
        """The campaign that the report is about."""
        return self.campaigns[0]


def collect(subject: Campaign, others: Sequence[Campaign] = ()) -> ReportData:
    """Reads campaigns and judges all of them by the objectives and constraints of the first.

    Raises:
        ValueError: a campaign to compare with has other objectives, or no measurement yet.
    """
    problem = subject.problem
    for other in others:
        if other.problem.objectives != problem.objectives:
            raise ValueError(
                f"{other.config.name} has other objectives ({_goals(other.problem)}) than "
                f"{subject.config.name} ({_goals(problem)}); compare campaigns with the same objectives."
            )
        if other.measurements().empty:
            raise ValueError(f"{other.config.name} has no measurement to compare with yet; run it first.")
    labels = _distinct([campaign.config.name for campaign in (subject, *others)])
    campaigns = tuple(
        _campaign(campaign, label, problem) for campaign, label in zip((subject, *others), labels, strict=True)
    )
    yardstick = Yardstick.over(problem, [campaign.utilities for campaign in campaigns])
    return ReportData(problem, campaigns, yardstick, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))


def _goals(problem: Problem) -> str:
    return ", ".join(f"{objective.goal} {objective.property}" for objective in problem.objectives)


def _distinct(names: Sequence[str]) -> list[str]:
    """Repeated names numbered: a, b, a (2)."""
    return [
        name if name not in names[:place] else f"{name} ({names[:place].count(name) + 1})"
        for place, name in enumerate(names)
    ]


def _campaign(campaign: Campaign, label: str, problem: Problem) -> CampaignData:
    measurements, utilities = judge(campaign.measurements(), problem, campaign.problem.target.name)
    return CampaignData(
        label=label,
        config=campaign.config,
        measurements=measurements,
        means=averaged(measurements, problem, campaign.problem.target.name),
        utilities=utilities,
        rounds=campaign.rounds(),
        trust=campaign.trust(),
        structures=_cifs(campaign, measurements),
        provenance=campaign.provenance(),
        store=campaign.store_url,
    )


def _cifs(campaign: Campaign, measurements: pd.DataFrame) -> dict[str, str]:
    """The structures as CIF, those on the front first, then those that count."""
    structures = campaign.structures()
    ranked = measurements.sort_values(["front", "counts"], ascending=False, kind="stable").to_dict("records")
    names = dict.fromkeys(structure_name(row) for row in ranked)
    chosen = [name for name in names if name in structures][:MOST_STRUCTURES]
    return {name: str(structures[name].to(fmt="cif")) for name in chosen}
