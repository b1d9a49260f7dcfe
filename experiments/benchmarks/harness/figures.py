"""The curves of a benchmark as figures: PNG by matplotlib, and interactive by Plotly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from gfnmat.report.figures import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from gfnmat.report.labels import label
from harness.results import BEST, DIVERSITY, HITS, HYPERVOLUME, TOP_MEAN, Results

COLOURS = {
    "gfnmat": BLUE,
    "random": "#7F7F7F",
    "evolutionary": VERMILLION,
    "pool": GREEN,
    "single_fidelity": ORANGE,
    "random_fidelity": SKY,
    "gflownet_without_surrogate": PURPLE,
    "random_pool": "#000000",
    "evolutionary_pool": "#8C6D31",
}
"""Okabe and Ito's, which colour-blind readers can tell apart; each method keeps its own in all figures."""

COST = "cost so far, everything counted"


def axis_title(results: Results, metric: str) -> str:
    """What a metric is, with its unit."""
    objective = results.campaign.problem.objectives[0]
    what = label(objective.property)
    if objective.goal == "target":
        what = f"distance of {what} from its window"
    k, share = results.problem.k, "share of the true front's hypervolume" if results.truth else "hypervolume"
    best = "the Pareto set" if len(results.campaign.problem.objectives) > 1 else f"the {k} best"
    return {
        BEST: f"best {what}",
        TOP_MEAN: f"mean of the {k} best, {what}",
        HITS: f"share of {len(results.truth.hits) if results.truth else 0} hits found",
        HYPERVOLUME: share,
        DIVERSITY: f"mean distance within {best}",
    }[metric]


def write_png(results: Results, curves: pd.DataFrame, path: Path) -> None:
    """All metrics of a problem beside each other, up to the budget of the comparison."""
    from matplotlib.figure import Figure

    metrics = results.metrics
    figure = Figure(figsize=(5.2 * len(metrics), 4.2), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        for method, line in _lines(curves, metric, results.budget):
            colour = COLOURS.get(method)
            panel.plot(line["cost"], line["mean"], color=colour, label=method, drawstyle="steps-post")
            panel.fill_between(line["cost"], line["low"], line["high"], color=colour, alpha=0.18, step="post", lw=0)
        panel.set(
            xlabel="cost so far, everything counted", ylabel=axis_title(results, metric), xlim=(0, results.budget)
        )
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    title = f"{results.problem.name}: mean of {_seeds(curves)} and 95 % interval"
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, title=title)
    figure.savefig(path, dpi=130)


def interactive(results: Results, curves: pd.DataFrame) -> list[go.Figure]:
    """One figure a metric, over all that was spent."""
    return [_figure(results, curves, metric) for metric in results.metrics]


def _figure(results: Results, curves: pd.DataFrame, metric: str) -> go.Figure:
    figure = go.Figure(
        layout={
            "template": "plotly_white",
            "height": 420,
            "margin": {"l": 64, "r": 12, "t": 24, "b": 48},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "xaxis": {"title": {"text": COST}, "range": [0, results.budget]},
            "yaxis": {"title": {"text": axis_title(results, metric)}},
        }
    )
    for method, line in _lines(curves, metric, float("inf")):
        colour, costs = COLOURS.get(method, BLUE), line["cost"].tolist()
        figure.add_scatter(
            x=costs + costs[::-1],
            y=line["high"].tolist() + line["low"].tolist()[::-1],
            fill="toself",
            fillcolor=colour,
            opacity=0.18,
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=method,
            showlegend=False,
        )
        figure.add_scatter(
            x=costs,
            y=line["mean"].tolist(),
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            name=method,
            legendgroup=method,
            hovertemplate="cost %{x:.4g}: %{y:.4g}<extra>" + method + "</extra>",
        )
    return figure


def _lines(curves: pd.DataFrame, metric: str, until: float) -> Sequence[tuple[str, pd.DataFrame]]:
    chosen = curves[(curves["metric"] == metric) & (curves["cost"] <= until * (1 + 1e-9))]
    return [(str(method), line) for method, line in chosen.groupby("method", sort=False)]


def _seeds(curves: pd.DataFrame) -> str:
    numbers = sorted(set(curves["seeds"]))
    text = f"{numbers[0]} to {numbers[-1]}" if numbers[1:] else str(numbers[0])
    return f"{text} seed{'' if text == '1' else 's'}"
