"""What the command line shows and how it speaks of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from gfnmat.campaign import Progress as Where

    Listener = Callable[[Where], None]

BAD_INPUT = 2
SECONDS_BETWEEN_LINES = 30.0
DRAIN = "finishing what is running; Ctrl-C again ends it"
PIPE_WIDTH = 200
"""Columns of a table that is written to a file: there is no screen that it must fit."""


@contextmanager
def user_input() -> Iterator[None]:
    """What goes wrong in here is the user's to put right: one sentence and exit code 2, no traceback.

    Chatter of libraries goes to standard error, so that standard output stays what a program can read.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ValueError as error:
        raise _bad_input(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _bad_input(f"{where}{error.strerror or error}") from None


def _bad_input(message: str) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(BAD_INPUT)


@contextmanager
def progress_display(quiet: bool) -> Iterator[Listener]:
    """Shows where a run stands: bars on a terminal, otherwise a line now and then, on standard error."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield _drain_sayer(console)
    elif console.is_terminal:
        with _bars(console) as listener:
            yield listener
    else:
        yield _lines(console)


@contextmanager
def _bars(console: Console) -> Iterator[Listener]:
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    )
    cost = bars.add_task("cost", total=None, note="")
    work = bars.add_task("starting", total=None, note="")
    found = Text()

    def show(where: Where) -> None:
        evaluating = where.phase in ("evaluate", "drain")
        bars.update(cost, total=where.budget, completed=where.spent, note=f"{where.spent:.4g} of {where.budget:.4g}")
        bars.update(
            work,
            description=f"{_round(where)}: {DRAIN if where.phase == 'drain' else where.phase}",
            total=where.planned if evaluating else None,
            completed=where.done if evaluating else 0,
            note=f"{where.done} of {where.planned}" if evaluating else "",
        )
        found.plain = _found(where)

    with Live(Group(bars, found), console=console, transient=True):
        yield show


def _lines(console: Console) -> Listener:
    told = (-1, monotonic())
    say_drain = _drain_sayer(console)

    def show(where: Where) -> None:
        nonlocal told
        say_drain(where)
        complete = where.phase == "evaluate" and where.done == where.planned and where.round != told[0]
        complete |= where.round > told[0] + 1  # several workers: a round may begin before the last one is done
        if complete or monotonic() - told[1] > SECONDS_BETWEEN_LINES:
            share = f" {where.done} of {where.planned}" if where.phase == "evaluate" else ""
            console.out(f"{_round(where)}: {where.phase}{share}, {_cost(where)}", highlight=False)
            told = (where.round if complete else told[0], monotonic())

    return show


def _drain_sayer(console: Console) -> Listener:
    """Says once that what is running is waited for."""
    is_told = False

    def show(where: Where) -> None:
        nonlocal is_told
        if where.phase == "drain" and not is_told:
            is_told = True
            console.out(f"Ctrl-C: {DRAIN}.", highlight=False)

    return show


def _round(where: Where) -> str:
    # counted from 0, as in every table
    return f"round {where.round}" + (f" (0 to {where.rounds - 1})" if where.rounds else "")


def _cost(where: Where) -> str:
    return f"cost {where.spent:.4g} of {where.budget:.4g}, {_found(where)}"


def _found(where: Where) -> str:
    return f"{where.evaluations} evaluations, best {where.best}"


def show_table(columns: Sequence[str], rows: Sequence[Mapping[Any, Any]], title: str | None = None) -> None:
    """Prints rows on standard output; numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def show_frame(frame: pd.DataFrame, title: str | None = None) -> None:
    """Prints a data frame on standard output, without keys of crystals: these are too long for a screen."""
    frame = frame.drop(columns="key", errors="ignore")
    show_table([str(column) for column in frame.columns], frame.to_dict("records"), title)


def echo_json(frame: pd.DataFrame) -> None:
    """Prints a data frame as JSON, one object a row."""
    from gfnmat.report.export import as_json

    typer.echo(as_json(frame), nl=False)


def _cell(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
