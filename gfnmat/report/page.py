"""The report as one HTML page that needs nothing else, no network either."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gfnmat.config import CrystalConfig, ElementsConfig, SpaceConfig, TableConfig
from gfnmat.problem import Constraint, Fidelity, Objective
from gfnmat.report import figures
from gfnmat.report.comparison import common_cost, reference_sentence, standings, verdicts
from gfnmat.report.failures import reasons
from gfnmat.report.figures import Chart
from gfnmat.report.labels import label, material, number, quantity, unit, value, words
from gfnmat.report.report import CampaignData, ReportData

BOOKKEEPING = frozenset({"id", "cost", "round", "seconds", "running_cost", "duplicate_of", "replicate"})
"""Columns of numbers that are no properties."""

BEST_SHOWN = 10
"""Materials in the headline's table when there is one objective."""


@dataclass(frozen=True)
class Rung:
    """A fidelity with what was asked of it."""

    name: str
    oracle: str
    cost: float
    evaluations: int
    spent: float


def write(data: ReportData, path: Path) -> None:
    """Writes the report to a file; its folder is made where it is missing."""
    page = render(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def render(data: ReportData) -> str:
    """The page."""
    from plotly.offline import get_plotlyjs

    subject = data.subject
    crystal = subject.config.space if isinstance(subject.config.space, CrystalConfig) else None
    environment = Environment(
        loader=PackageLoader("gfnmat.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, value=value, formula=_formula, words=words, label=label, chart=_chart_json, data_uri=_data_uri
    )
    environment.tests["numeric"] = _is_number
    return environment.get_template("page.html.j2").render(
        data=data,
        subject=subject,
        config=subject.config,
        crystal=crystal,
        space=_space(subject.config.space),
        symmetry=_symmetry(crystal) if crystal else "",
        problem=data.problem,
        headline=_headline(data),
        objectives=[_objective(objective) for objective in data.problem.objectives],
        constraints=[_constraint(constraint) for constraint in data.problem.constraints],
        rungs=_rungs(subject),
        best=_best(data),
        leaders=_leaders(data),
        verdicts=verdicts(data),
        standings=standings(data) if len(data.campaigns) > 1 else (),
        common_cost=common_cost(data),
        shown=data.yardstick.shown,
        reference=reference_sentence(data),
        trade_offs=figures.trade_offs(data),
        progress=figures.progress(data),
        spending=figures.spending(subject),
        outcomes=figures.outcomes(subject),
        diagnostics=figures.diagnostics(subject),
        trust=_last_trust(subject),
        reasons=reasons(subject.measurements),
        columns=_columns(subject.measurements),
        measured=[name for name in subject.measurements.columns if name not in BOOKKEEPING],
        rows=_rows(subject),
        plotly=Markup(get_plotlyjs()),  # Plotly's own script, written by no user
    )


def _headline(data: ReportData) -> str:
    """What was found, in two sentences."""
    subject = data.subject
    target = int((subject.measurements["fidelity"] == subject.target).sum())
    start = (
        f"{len(subject.measurements)} evaluations, {target} of them at the target fidelity {subject.target}, "
        f"cost {number(subject.spent)} of a budget of {number(data.problem.budget.cost)}."
    )
    condition = " that meet all constraints" if data.problem.constraints else ""
    counting = len(subject.counting)
    if not counting:
        return f"{start} No material{condition.replace('meet', 'meets')} has been found yet."
    if len(data.problem.objectives) > 1:
        front = len(subject.front)
        return (
            f"{start} Of {counting} material{'' if counting == 1 else 's'}{condition if counting > 1 else ''}, "
            f"{front} {'is' if front == 1 else 'are'} beaten by no other."
        )
    name = data.problem.objectives[0].property
    row = subject.front.iloc[0]
    return f"{start} The best {words(name)} is {quantity(name, row[name])}, of {material(row.to_dict())}."


def _leaders(data: ReportData) -> list[dict[Hashable, Any]]:
    """The Pareto set by its first objective; with one objective the best materials."""
    subject = data.subject
    if len(data.problem.objectives) > 1:
        first = data.problem.objectives[0]
        front = subject.front.sort_values(first.property, ascending=first.goal == "minimize")
        return front.to_dict("records")
    ranked = subject.counting.assign(utility=subject.utilities[:, 0].numpy())
    ranked = ranked.sort_values("utility", ascending=False, kind="stable")
    return ranked.head(BEST_SHOWN).to_dict("records")


def _best(data: ReportData) -> dict[str, float]:
    """The best value of each objective, to be set in bold."""
    subject = data.subject
    if subject.counting.empty:
        return {}
    places = subject.utilities.argmax(0).tolist()
    return {
        objective.property: float(subject.counting[objective.property].iloc[place])
        for objective, place in zip(data.problem.objectives, places, strict=True)
    }


def _space(space: SpaceConfig) -> str:
    """What may be built, besides the elements or the formula, and the symmetry."""
    given = space.settings
    sizes = {
        name: "{} to {} {}".format(*given[name], name.removeprefix("n_"))
        for name in ("n_elements", "n_atoms")
        if name in given
    }
    if isinstance(space, TableConfig):
        parts = [f"formulas of {space.path or 'a data frame'}", *(f"of {size}" for size in sizes.values())]
    elif "prototype" in given:  # which says how many elements and atoms there are
        parts = [f"{space.kind}s on the sites of {given['prototype']}"]
    else:
        parts = [f"{space.kind}s of {sizes['n_atoms'] if 'formula' in given else ' and '.join(sizes.values())}"]
    parts += [f"chemistry {space.chemistry}"] if isinstance(space, ElementsConfig) else []
    parts += [f"with {', '.join(space.require)}"] if space.require else []
    parts += [f"without {', '.join(space.forbid)}"] if space.forbid else []
    return ", ".join(parts)


def _symmetry(space: CrystalConfig) -> str:
    """What the symmetry of crystals is restricted to; empty where it is not."""
    given = {name: getattr(space, name) for name in ("space_groups", "crystal_systems", "point_groups", "centrings")}
    return "; ".join(f"{words(name)} {', '.join(map(str, listed))}" for name, listed in given.items() if listed)


def _objective(objective: Objective) -> str:
    if objective.window is None:
        return f"{objective.goal} {label(objective.property)}"
    low, high = objective.window
    return f"{words(objective.property)} between {number(low)} and {quantity(objective.property, high)}"


def _constraint(constraint: Constraint) -> str:
    name = constraint.property
    bounds = [
        f"{sign} {quantity(name, bound)}"
        for sign, bound in (("≥", constraint.min), ("≤", constraint.max))
        if bound is not None
    ]
    return f"{words(name)} {' and '.join(bounds)}"


def _rungs(campaign: CampaignData) -> list[Rung]:
    frame = campaign.measurements
    return [
        Rung(
            name=fidelity.name,
            oracle=_oracle(fidelity),
            cost=fidelity.cost,
            evaluations=int((frame["fidelity"] == fidelity.name).sum()),
            spent=float(frame.loc[frame["fidelity"] == fidelity.name, "paid"].sum()),
        )
        for fidelity in campaign.config.problem.fidelities
    ]


def _last_trust(campaign: CampaignData) -> list[dict[Hashable, Any]]:
    """How good the surrogate of the last round with one was, by property and fidelity."""
    known = campaign.trust
    return known[known["round"] == known["round"].max()].to_dict("records")


def _oracle(fidelity: Fidelity) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in fidelity.settings.items())
    return f"{fidelity.oracle} ({settings})" if settings else fidelity.oracle


def _rows(campaign: CampaignData) -> list[dict[Hashable, Any]]:
    """All measurements: the target fidelity first, then down the ladder; the newest first within each."""
    place = {fidelity.name: place for place, fidelity in enumerate(campaign.config.problem.fidelities)}
    frame = campaign.measurements.astype({"duplicate_of": float} if "duplicate_of" in campaign.measurements else {})
    newest_first = frame.iloc[::-1].to_dict("records")
    return sorted(newest_first, key=lambda row: -place[row["fidelity"]])


_TITLES = {"id": "no.", "running_cost": "cost so far", "duplicate_of": "same as no."}


def _columns(measurements: pd.DataFrame) -> list[tuple[str, str]]:
    """(column, title) of the table of all measurements; a column that holds nothing is left out."""
    hidden = {"paid", "counts", "front", "key"}
    if "replicate" in measurements and not measurements["replicate"].any():
        hidden.add("replicate")
    return [
        (name, _TITLES.get(name, label(name) if unit(name) else words(name)))
        for name in (str(column) for column in measurements.columns)
        if name not in hidden and not measurements[name].isna().all()
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _formula(formula: str) -> Markup:
    """`Li2O`, or a name that begins with it such as `Li2O-17`, with its counts as subscripts."""
    return Markup(re.sub(r"(?<=[A-Za-z)])(\d+(?:\.\d+)?)", r"<sub>\1</sub>", str(escape(formula))))


def _chart_json(chart: Chart) -> Markup:
    """A figure as JSON that cannot end the script element it stands in."""
    return Markup(str(chart.figure.to_json()).replace("<", "\\u003c"))


def _data_uri(text: str) -> str:
    return "data:chemical/x-cif;charset=utf-8," + quote(text)
