"""The figures of a report. Colours are Okabe and Ito's, which colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from gfnmat.problem import Objective
from gfnmat.report.labels import label, material, number, quantity, unit, words
from gfnmat.report.report import CampaignData, ReportData

BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
CAMPAIGNS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
STATUSES = {"done": GREEN, "infeasible": VERMILLION, "retryable": ORANGE, "withdrawn": "#8C8C8C"}
ROUNDS = [[0.0, BLUE], [0.5, "#9A9AA6"], [1.0, ORANGE]]
LADDER = ("#BCDDF2", "#56B4E9", "#0072B2", "#0A4A73")

MOST_PAIRS = 6
"""Scatter plots that several objectives get, at most."""


@dataclass(frozen=True)
class Chart:
    """A figure with its words.

    Attributes:
        key: its name in the page.
        title, caption: what it shows, and how to read it.
        figure: the Plotly figure.
    """

    key: str
    title: str
    caption: str
    figure: go.Figure


def trade_offs(data: ReportData) -> list[Chart]:
    """Every measurement at the target fidelity: a scatter plot a pair of objectives, or the values in order."""
    objectives = data.problem.objectives
    if len(objectives) == 1:
        return [_values_in_order(data, objectives[0])]
    pairs = list(combinations(objectives, 2))[:MOST_PAIRS]
    return [_scatter(data, x, y) for x, y in pairs]


def _values_in_order(data: ReportData, objective: Objective) -> Chart:
    name = objective.property
    figure = _figure("cost so far", label(name))
    _points(figure, data, "running_cost", name)
    return Chart(
        "values",
        f"Measured {words(name)}",
        f"Measurements at the target fidelity, in the order of cost.{_hollow(data)}",
        figure,
    )


def _scatter(data: ReportData, x: Objective, y: Objective) -> Chart:
    figure = _figure(label(x.property), label(y.property))
    monotone = len(data.problem.objectives) == 2 and "target" not in (x.goal, y.goal)
    _points(figure, data, x.property, y.property)
    for campaign, colour in _coloured(data):
        front = campaign.front.sort_values(x.property)
        if monotone and len(front) > 1:
            figure.add_scatter(
                x=front[x.property].tolist(),
                y=front[y.property].tolist(),
                mode="lines",
                # the steps bound what the front dominates
                line={"color": colour, "width": 1.5, "shape": "vh" if x.goal == "maximize" else "hv"},
                name=campaign.label,
                hoverinfo="skip",
                showlegend=False,
            )
    ringed = "line" if monotone else "ring"
    return Chart(
        f"trade-off-{x.property}-{y.property}",
        f"{words(y.property).capitalize()} against {words(x.property)}",
        f"Measurements at the target fidelity; the aim is to {_aim(x)} and {_aim(y)}. "
        f"The {ringed} marks the Pareto set.{_hollow(data)}",
        figure,
    )


def _points(figure: go.Figure, data: ReportData, x: str, y: str) -> None:
    """Materials at the target: filled where they count, hollow where a constraint is missed, ringed on the front.

    What was measured several times is one point.
    """
    for campaign, colour in _coloured(data):
        frame = campaign.means
        frame = frame[(frame["fidelity"] == campaign.target) & (frame["status"] == "done")]
        frame = frame.dropna(subset=[x, y])
        frame = frame.drop_duplicates("key" if "key" in frame else "formula")
        if "duplicate_of" in frame:
            frame = frame[frame["duplicate_of"].isna()]
        for counts, part in ((False, frame[~frame["counts"]]), (True, frame[frame["counts"]])):
            if part.empty:
                continue
            figure.add_scatter(
                x=part[x].tolist(),
                y=part[y].tolist(),
                mode="markers",
                name=campaign.label,
                showlegend=counts and _compared(data),
                marker=_marker(data, part, colour, counts),
                text=[_hover(row, data) for row in part.to_dict("records")],
                hovertemplate="%{text}<extra></extra>",
            )


def _marker(data: ReportData, part: pd.DataFrame, colour: str, counts: bool) -> dict[str, object]:
    if not counts:
        return {"symbol": "circle-open", "size": 7, "color": colour if _compared(data) else "#8C8C8C"}
    sizes = [11 if front else 8 for front in part["front"]]
    if _compared(data) or part["round"].nunique() < 2:
        marker: dict[str, object] = {"size": sizes, "color": colour}
    else:
        marker = {
            "size": sizes,
            "color": part["round"].tolist(),
            "colorscale": ROUNDS,
            "colorbar": {"title": {"text": "round"}, "thickness": 10, "outlinewidth": 0, "len": 0.8},
        }
    ring = [1.6 if front else 0 for front in part["front"]]
    return {**marker, "opacity": 0.9, "line": {"width": ring, "color": "#404040"}}


def _hover(row: Mapping[Any, Any], data: ReportData) -> str:
    values = "<br>".join(
        f"{words(name)} {quantity(name, row[name])}" for name in data.problem.properties if name in row
    )
    return f"<b>{material(row)}</b><br>{values}<br>round {number(row['round'])}, at cost {number(row['running_cost'])}"


def progress(data: ReportData) -> Chart:
    """The measure of success against what was spent."""
    objective = data.problem.objectives[0]
    yardstick = data.yardstick
    axis = yardstick.name if yardstick.several else f"{yardstick.name} ({unit(objective.property) or 'number'})"
    figure = _figure("cost so far", axis)
    for campaign, colour in _coloured(data):
        steps = yardstick.progress(campaign.counting["running_cost"].tolist(), campaign.utilities)
        if not steps:
            continue
        steps = [*steps, (campaign.spent, steps[-1][1])]
        figure.add_scatter(
            x=[cost for cost, _ in steps],
            y=[value for _, value in steps],
            mode="lines",
            line={"color": colour, "width": 2.2, "shape": "hv"},
            name=campaign.label,
            hovertemplate="cost %{x:.4g}: %{y:.4g}<extra>" + campaign.label + "</extra>",
        )
    figure.update_xaxes(rangemode="tozero")
    if yardstick.several:
        figure.update_yaxes(rangemode="tozero")
    caption = "Cost counts everything: cheaper rungs, failures, and the first round."
    return Chart("progress", "Progress against cost", caption, figure)


def spending(campaign: CampaignData) -> Chart:
    """Cost by round and fidelity."""
    figure = _figure("round", "cost")
    rungs = [fidelity.name for fidelity in campaign.config.problem.fidelities]
    table = campaign.measurements.pivot_table(
        index="round", columns="fidelity", values="paid", aggfunc="sum", fill_value=0.0
    )
    for place, rung in enumerate(rungs):
        if rung in table:
            figure.add_bar(
                x=table.index.tolist(),
                y=table[rung].tolist(),
                name=rung,
                marker={"color": _rung_colour(place, len(rungs)), "line": {"width": 0}},
                hovertemplate="round %{x}: %{y:.4g}<extra>" + rung + "</extra>",
            )
    figure.update_layout(barmode="stack", bargap=0.25)
    _whole_rounds(figure, table.index)
    return Chart("spending", "Where the budget went", "Cost of each round, by fidelity.", figure)


def outcomes(campaign: CampaignData) -> Chart:
    """Counts by fidelity and status."""
    figure = _figure("evaluations", "")
    rungs = [fidelity.name for fidelity in campaign.config.problem.fidelities]
    counts = campaign.measurements.groupby(["fidelity", "status"]).size()
    for status, colour in STATUSES.items():
        numbers = [int(counts.get((rung, status), 0)) for rung in rungs]
        if any(numbers):
            figure.add_bar(
                y=rungs,
                x=numbers,
                orientation="h",
                name=status,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{y}: %{x}<extra>" + status + "</extra>",
            )
    figure.update_layout(barmode="stack", bargap=0.35, height=120 + 44 * len(rungs))
    figure.update_yaxes(type="category", showgrid=False, autorange="reversed")
    return Chart("outcomes", "How evaluations ended", "Number of evaluations, by fidelity.", figure)


_DIAGNOSTICS = {
    "loss": ("Sampler's loss", "at the end of a round's training; lower is closer to the target distribution"),
    "log_z": ("log Z", "the sampler's estimate of the log of the total reward"),
    "sampler_correlation": (
        "Sampler's correlation",
        "of log p, less the log prior, with the log reward, on the sampler's draws and untrained ones; 1 is exact",
    ),
    "gap_variance": (
        "Sampler's imbalance",
        "variance of log target less log p over the sampler's draws; 0 is exact",
    ),
    "effective_share": (
        "Effective share",
        "what the sampler's draws are worth in independent draws from the target; 1 is exact",
    ),
    "distinct": ("Distinct proposals", "share of the sampler's draws that were distinct"),
    "pool": ("Pool", "candidates that the selection chose from"),
    "seconds": ("Seconds", "spent on learning, proposing and selecting"),
    "coverage": (
        "Coverage",
        "share of the target measurements inside the 90 % interval that all the others predict; less than 0.9 is "
        "overconfident",
    ),
    "rank_correlation": (
        "Rank correlation",
        "of target measurements with what all the others predict, a mean over the properties; 1 is the right order",
    ),
}


def diagnostics(campaign: CampaignData) -> list[Chart]:
    """A small figure for each number that the rounds report about the sampler, the selection and the predictions."""
    charts = []
    for column, (title, caption) in _DIAGNOSTICS.items():
        known = campaign.rounds.dropna(subset=[column]) if column in campaign.rounds else campaign.rounds[:0]
        if known.empty:
            continue
        figure = _figure("round", "")
        figure.add_scatter(
            x=known["round"].tolist(),
            y=[float(value) for value in known[column]],
            mode="lines+markers",
            line={"color": BLUE, "width": 1.8},
            marker={"size": 5},
            name=title,
            hovertemplate="round %{x}: %{y:.4g}<extra></extra>",
        )
        figure.update_layout(height=230, showlegend=False)
        _whole_rounds(figure, known["round"])
        figure.update_yaxes(rangemode="tozero" if column != "log_z" else "normal")
        if column == "coverage":
            figure.update_yaxes(range=[0, 1.05])
            figure.add_hline(y=0.9, line={"color": "#8C8C8C", "dash": "dash", "width": 1.2})
        charts.append(Chart(f"diagnostic-{column}", title, caption, figure))
    return charts


def _figure(x: str, y: str) -> go.Figure:
    """An empty figure; the page adds the colours of text and grid, which follow the reader's theme."""
    axis = {"zeroline": False, "automargin": True, "ticks": "outside", "ticklen": 4}
    return go.Figure(
        layout={
            "template": "none",
            "height": 400,
            "margin": {"l": 56, "r": 12, "t": 36, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
            "xaxis": {**axis, "title": {"text": x}, "showgrid": False},
            "yaxis": {**axis, "title": {"text": y}},
        }
    )


def _whole_rounds(figure: go.Figure, rounds: Sized) -> None:
    """Ticks at whole rounds, about eight of them."""
    figure.update_xaxes(tick0=0, dtick=max(1, -(-len(rounds) // 8)))


def _coloured(data: ReportData) -> Sequence[tuple[CampaignData, str]]:
    return [(campaign, CAMPAIGNS[i % len(CAMPAIGNS)]) for i, campaign in enumerate(data.campaigns)]


def _rung_colour(place: int, rungs: int) -> str:
    """Darker up the ladder; the target is always blue."""
    return LADDER[min(len(LADDER) - 1, max(0, 2 - (rungs - 1 - place)))]


def _compared(data: ReportData) -> bool:
    return len(data.campaigns) > 1


def _hollow(data: ReportData) -> str:
    return " Hollow points miss a constraint." if data.problem.constraints else ""


def _aim(objective: Objective) -> str:
    if objective.window is None:
        return f"{objective.goal} {words(objective.property)}"
    low, high = objective.window
    return f"bring {words(objective.property)} between {number(low)} and {quantity(objective.property, high)}"
