"""Campaigns against each other, at the same cost: a table and sentences, computed and never wished."""

from __future__ import annotations

from dataclasses import dataclass

from gfnmat.report.labels import number, quantity, unit, words
from gfnmat.report.report import CampaignData, ReportData


@dataclass(frozen=True)
class Standing:
    """Where a campaign stands when `ReportData`'s campaigns have all spent the same.

    Attributes:
        label: the campaign.
        spent: what it has spent altogether.
        evaluations, target_evaluations: measurements altogether, and at the target fidelity.
        counting: materials that met the constraints, within the common cost.
        front: members of its Pareto set, within the common cost.
        worth: see `Yardstick.worth`, within the common cost.
        final_worth: the same with everything it has spent.
    """

    label: str
    spent: float
    evaluations: int
    target_evaluations: int
    counting: int
    front: int
    worth: float
    final_worth: float


def common_cost(data: ReportData) -> float:
    """The most that every campaign has spent."""
    return min(campaign.spent for campaign in data.campaigns)


def standings(data: ReportData) -> tuple[Standing, ...]:
    """Where each campaign stands at the common cost, in the report's order."""
    cost = common_cost(data)
    return tuple(_standing(data, campaign, cost) for campaign in data.campaigns)


def _standing(data: ReportData, campaign: CampaignData, cost: float) -> Standing:
    from gfnmat.campaign.goals import Goals

    utilities = campaign.within(cost)
    front = int(Goals(data.problem).non_dominated(utilities).sum()) if len(utilities) else 0
    return Standing(
        label=campaign.label,
        spent=campaign.spent,
        evaluations=len(campaign.measurements),
        target_evaluations=int((campaign.measurements["fidelity"] == campaign.target).sum()),
        counting=len(utilities),
        front=front,
        worth=data.yardstick.worth(utilities),
        final_worth=data.yardstick.worth(campaign.utilities),
    )


def verdicts(data: ReportData) -> tuple[str, ...]:
    """One sentence for each campaign that the subject is compared with: who is better, and by how much."""
    subject, *others = standings(data)
    return tuple(_verdict(data, subject, other) for other in others)


def _verdict(data: ReportData, subject: Standing, other: Standing) -> str:
    start = f"At the same cost of {number(common_cost(data))},"
    pair = (subject, other)
    empty = [standing.label for standing in pair if not standing.counting]
    if len(empty) == 2:
        return f"{start} neither {subject.label} nor {other.label} has a material that meets the constraints."
    if empty:
        found = next(standing for standing in pair if standing.counting)
        return (
            f"{start} {found.label} has {_materials(found.counting)} that "
            f"{'meets' if found.counting == 1 else 'meet'} the constraints and {empty[0]} has none: "
            f"{found.label} is better."
        )
    shown = [_shown(data, standing.worth) for standing in pair]
    verb = "reaches" if data.yardstick.several else "has"
    sentence = (
        f"{start} {subject.label} {verb} a {data.yardstick.name} of {shown[0]} and "
        f"{other.label} of {shown[1]}: {_winner(data, subject, other)}."
    )
    if data.yardstick.several:
        members = f"The Pareto set of {subject.label} has {_members(subject)}, that of {other.label} {_members(other)}."
        return f"{sentence} {members}"
    choice = f"{subject.label} has {_materials(subject.counting)} to choose from, {other.label} {other.counting}"
    return f"{sentence} {choice}."


def _winner(data: ReportData, subject: Standing, other: Standing) -> str:
    # what reads the same to four digits is no difference
    if f"{subject.worth:.4g}" == f"{other.worth:.4g}":
        return "they tie"
    winner, loser = (subject, other) if subject.worth > other.worth else (other, subject)
    difference = winner.worth - loser.worth
    share = f" ({100 * difference / abs(loser.worth):.0f} %)" if loser.worth else ""
    return f"{winner.label} is better by {_shown(data, difference, signed=False)}{share}"


def _shown(data: ReportData, worth: float, signed: bool = True) -> str:
    value = data.yardstick.shown(worth) if signed else worth
    if data.yardstick.several:
        return number(value)
    return quantity(data.problem.objectives[0].property, value)


def _materials(count: int) -> str:
    return f"{count} material{'' if count == 1 else 's'}"


def _members(standing: Standing) -> str:
    return f"{standing.front} member{'' if standing.front == 1 else 's'}"


def reference_sentence(data: ReportData) -> str:
    """Between which points the hypervolume is measured; empty with one objective."""
    if not data.yardstick.several:
        return ""
    corners = [data.yardstick.corner(point) for point in (data.yardstick.reference, data.yardstick.ideal)]
    worst, best = (", ".join(_corner(data, name, value) for name, value in point.items()) for point in corners)
    whose = "any compared campaign's" if len(data.campaigns) > 1 else "the"
    return (
        f"The hypervolume is the share of the box between the reference point ({worst}), a tenth beyond the worst "
        f"of {whose} Pareto front, and the ideal point ({best}), the best of each objective."
    )


def _corner(data: ReportData, name: str, value: float) -> str:
    objective = next(o for o in data.problem.objectives if o.property == name)
    what = f"{words(name)}, distance from the window" if objective.goal == "target" else words(name)
    return f"{what} {number(value)} {unit(name)}".rstrip()
