"""Results that nobody asked for: measured before, or elsewhere."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.choices import described_choice
from gfnmat.campaign.features import identities
from gfnmat.campaign.people.cells import number_of, text_of
from gfnmat.campaign.people.faults import refuse_if_any
from gfnmat.campaign.people.table import Row, Table
from gfnmat.campaign.people.told import replicate_of, told_by
from gfnmat.campaign.records import Answer, Choice
from gfnmat.problem import Problem
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

OUTSIDE = "What is outside the space is left out and counted with `skip_outside` (--skip-outside)."
LONGEST_PATH = 1000  # a longer text is a structure itself


@dataclass(frozen=True)
class Unasked:
    """Results to be kept without having been suggested.

    Attributes:
        imported: what was measured, with predictions of nothing, and what came of it.
        left_out: why other rows are not among them, a sentence each.
    """

    imported: list[tuple[Choice, Answer]]
    left_out: list[str]


@dataclass(frozen=True)
class _Result:
    """A row that tells something: of which material, at which rung, which measurement of the pair, and what."""

    row: Row
    rung: int
    replicate: int | None
    cost: float
    material: str | Structure
    answer: Answer


def unasked_from(
    results: pd.DataFrame | Sequence[Mapping[str, Any]],
    space: DesignSpace,
    problem: Problem,
    properties: Sequence[str],
    fidelity: str | None = None,
    skip_outside: bool = False,
    *,
    source: str | None = None,
    folder: Path | None = None,
) -> Unasked:
    """Choices and answers for results that were never suggested.

    Args:
        results: one row a result: `formula`, or for crystals `structure` (CIF, POSCAR or pymatgen's JSON as text, or a
            file's path), and values, standard errors, status and provenance as `answers_from` takes them; optionally
            `fidelity`, `replicate` (what names the same candidate and fidelity is otherwise numbered in order) and
            `cost` (0 otherwise: it was paid elsewhere).
        space: admits the materials.
        problem: its ladder has the fidelities.
        properties: those of the campaign.
        fidelity: that of rows that name none; None means the target.
        skip_outside: leave out what the space does not admit, instead of refusing all.
        source: where the results are from; a row's own column `source` says it better.
        folder: where paths of structures begin; None takes no paths, as of a table that came over a network.

    Raises:
        ValueError: a missing column, an unknown fidelity, a row that cannot be kept; every fault is one sentence.
    """
    table = Table.of(results, properties)
    of_crystals = space.kind == "crystal"
    if of_crystals:
        table.require("structure", "Give a CIF, a POSCAR, or a file's path.", properties)
    else:
        table.require("formula", "Say what was measured.", properties)
    rung = problem.target_rung if fidelity is None else problem.rung(fidelity)
    told, faults = told_by(table, [row.subject for row in table.rows], properties)
    found: list[_Result] = []
    left_out: list[str] = []
    for row, row_told in zip(table.rows, told, strict=True):
        faults += row_told.faults
        answer = row_told.answer
        if answer is None or answer.status in ("withdrawn", "retryable"):
            if not row_told.faults:
                left_out.append(f"{row.subject} holds no result.")
            continue
        try:
            found.append(_result(row, answer, rung, problem, of_crystals, folder))
        except ValueError as fault:
            faults.append(str(fault))
    candidates, outside = _encoded(space, found)
    inside = [result for result in found if result.row.name in candidates]
    faults += _contradictions(inside, candidates)
    imported, faults_of_numbers = _numbered(inside, candidates, problem, source)
    faults += faults_of_numbers
    refuse_if_any(faults if skip_outside else [*faults, *outside], OUTSIDE if outside and not skip_outside else "")
    if not found:
        raise ValueError("no row of the results holds a value or a status; fill in at least one.")
    return Unasked(imported, [*left_out, *outside])


def _result(row: Row, answer: Answer, rung: int, problem: Problem, of_crystals: bool, folder: Path | None) -> _Result:
    """The row with all that it says of itself; ValueError names what is wrong with it."""
    try:
        rung = problem.rung(text_of(row.cells["fidelity"])) if "fidelity" in row.cells else rung
    except ValueError as fault:
        raise ValueError(f"{row.subject}: {fault}") from None
    try:
        cost = number_of(row.cells["cost"]) if "cost" in row.cells else 0.0
    except ValueError as fault:
        raise ValueError(f"{row.subject}: cost {fault}.") from None
    if not (math.isfinite(cost) and cost >= 0):
        raise ValueError(f"{row.subject}: cost is {cost:g}; give what it is charged, 0 or more.")
    material = _structure(row, folder) if of_crystals else _formula(row)
    if not isinstance(material, str) and answer.status == "done":
        answer = replace(answer, structure=material)
    return _Result(row, rung, replicate_of(row, row.subject), cost, material, answer)


def _formula(row: Row) -> str:
    from pymatgen.core import Composition

    formula = row.text("formula")
    if formula is None:
        raise ValueError(f"{row.name} has no formula; say what was measured.")
    try:
        if len(Composition(formula)):
            return formula
    except ValueError:
        pass
    raise ValueError(f"{row.name}: {formula!r} is not a formula.")


def _structure(row: Row, folder: Path | None) -> Structure:
    from gfnmat.flow.prior.structures import structure_of

    if "structure" not in row.cells:
        raise ValueError(f"{row.subject} has no structure; give a CIF, a POSCAR, or a file's path.")
    given = row.cells["structure"]
    is_path = isinstance(given, str) and "\n" not in given.strip() and not given.lstrip().startswith("{")
    if is_path and len(given) < LONGEST_PATH:
        if folder is None:
            raise ValueError(f"{row.subject}: the structure {given.strip()!r} is a path here; give the CIF itself.")
        path = folder / given.strip()
        if not path.is_file():
            raise ValueError(f"{row.subject}: the structure {given.strip()!r} is no file in {folder.resolve()}.")
        given = path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen's, of what it rounds or cannot read
        structure = structure_of(given)
    if structure is None:
        raise ValueError(f"{row.subject}: its structure cannot be read as CIF, POSCAR or pymatgen's JSON.")
    return structure


def _encoded(space: DesignSpace, results: Sequence[_Result]) -> tuple[dict[str, Candidates], list[str]]:
    """By the name of a row its candidate, a batch of one; and why there is none for the others."""
    size = 1 if space.kind == "crystal" else max(1, len(results))
    candidates: dict[str, Candidates] = {}
    outside: dict[str, str] = {}
    waiting = [results[start : start + size] for start in range(0, len(results), size)]
    while waiting:
        batch = waiting.pop()
        try:
            encoded = space.encode([result.material for result in batch])
        except ValueError as reason:
            if len(batch) > 1:  # only the first that is outside is named
                waiting += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            else:
                outside[batch[0].row.name] = f"{batch[0].row.name}: {reason}"
            continue
        candidates |= {result.row.name: encoded[place] for place, result in enumerate(batch)}
    return candidates, [outside[result.row.name] for result in results if result.row.name in outside]


def _contradictions(results: Sequence[_Result], candidates: Mapping[str, Candidates]) -> list[str]:
    """Rows of crystals whose formula is not that of their structure."""
    faults = []
    for result in results:
        said, is_of = result.row.text("formula"), candidates[result.row.name].formulas[0]
        if said is None or isinstance(result.material, str) or said == is_of:
            continue
        try:
            agrees = Candidates.of([said]).formulas[0] == is_of
        except ValueError:
            agrees = False
        if not agrees:
            faults.append(
                f"{result.row.name}: the structure is {is_of}, and the formula says {said}; correct one of them."
            )
    return faults


def _numbered(
    results: Sequence[_Result], candidates: Mapping[str, Candidates], problem: Problem, source: str | None
) -> tuple[list[tuple[Choice, Answer]], list[str]]:
    """Choices with their answers, those of one pair numbered; and what is numbered twice."""
    if not results:
        return [], []
    materials = identities(Candidates.concatenate([candidates[result.row.name] for result in results]))
    pairs = [(material, result.rung) for material, result in zip(materials, results, strict=True)]
    first: dict[str, Candidates] = {}
    taken: dict[tuple[str, int], set[int]] = {pair: set() for pair in pairs}
    faults = []
    for pair, result in zip(pairs, results, strict=True):
        # what has the same geometry is one candidate, in the description that came first
        first.setdefault(pair[0], candidates[result.row.name])
        if result.replicate is not None and result.replicate in taken[pair]:
            where = problem.fidelities[result.rung].name
            faults.append(
                f"{result.row.subject}: replicate {result.replicate} at {where} stands twice; number the measurements "
                "of one pair 0, 1, 2 ..."
            )
        if result.replicate is not None:
            taken[pair].add(result.replicate)
    imported = []
    for pair, result in zip(pairs, results, strict=True):
        number = result.replicate
        if number is None:
            number = next(n for n in range(len(taken[pair]) + 1) if n not in taken[pair])
            taken[pair].add(number)
        by = result.row.text("source") or source
        why = "imported" if by is None else f"imported: {by}"
        choice = replace(described_choice(first[pair[0]], result.rung, result.cost, why), replicate=number)
        named = {} if by is None else {"source": by}
        imported.append((choice, replace(result.answer, provenance={**result.answer.provenance, **named})))
    return imported, faults
