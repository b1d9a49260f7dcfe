"""The benchmark as one HTML page that needs nothing else, no network either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gfnmat.metrics.reach import Estimate
from harness.figures import interactive
from harness.methods import METHODS
from harness.results import Results
from harness.runner import Failure
from harness.tables import SUMMARY

ACCOUNTS = ("spent", "spent_in_first_round", "spent_below_target", "spent_at_target", "evaluations", "seconds")


@dataclass(frozen=True)
class Section:
    """What the page says of one problem: its results and their tables."""

    results: Results
    curves: pd.DataFrame
    summary: pd.DataFrame


def write_page(sections: Sequence[Section], failures: Sequence[Failure], facts: Mapping[str, str], path: Path) -> None:
    """Writes the page; `facts` are the machine, seeds and versions that it states."""
    folder = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("page.html.j2").render(
        sections=[_shown(section) for section in sections],
        failures=failures,
        facts=facts,
        methods=METHODS,
        plotly=Markup(get_plotlyjs()),  # Plotly's own script, written by no user
    )
    path.write_text(page, encoding="utf-8")


def _shown(section: Section) -> dict[str, object]:
    results, summary = section.results, section.summary
    reached = summary[~summary["quantity"].isin((*ACCOUNTS, "peak_gib", "failed_runs"))]
    figures = [
        Markup(figure.to_html(full_html=False, include_plotlyjs=False))
        for figure in interactive(results, section.curves)
    ]
    return {
        "name": results.problem.name,
        "results": results,
        "objectives": [
            f"{o.goal} {o.property}" + (f" {o.window[0]:g} to {o.window[1]:g}" if o.window else "")
            for o in results.campaign.problem.objectives
        ],
        "reference": None if results.reference is None else _corner(results),
        "seeds": {method: sorted(run.run.seed for run in runs) for method, runs in results.runs.items()},
        "reached": _by_method(reached),
        "accounts": _by_method(summary[summary["quantity"].isin((*ACCOUNTS, "failed_runs"))]),
        "figures": figures,
    }


def _corner(results: Results) -> str:
    assert results.reference is not None
    values = zip(results.campaign.problem.objectives, results.reference.tolist(), strict=True)
    return ", ".join(f"{o.property} {value if o.goal == 'maximize' else -value:.4g}" for o, value in values)


def _by_method(summary: pd.DataFrame) -> list[tuple[str, dict[str, str]]]:
    """Quantities as rows, methods as columns, each number with its interval."""
    table: dict[str, dict[str, str]] = {}
    for row in summary[list(SUMMARY)].to_dict("records"):
        found = Estimate(row["value"], row["low"], row["high"], row["bound"])
        words = str(row["quantity"]).replace("_", " ")
        exact = found.low == found.high == found.value
        table.setdefault(words, {})[str(row["method"])] = f"{found.value:.4g}" if exact else str(found)
    return list(table.items())
