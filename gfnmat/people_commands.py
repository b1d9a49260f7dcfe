"""The command line of what people measure: ask, tell, and results that nobody asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnmat.arguments import AsJson, CampaignFile, StoreUrl, open_campaign
from gfnmat.terminal import echo_json, show_frame, user_input

if TYPE_CHECKING:
    from gfnmat.campaign import Campaign

DEFAULT_ASK = 8
REASONS = 5  # why rows are left out, told one by one

ResultsFile = Annotated[Path, typer.Argument(metavar="RESULTS", help="A .csv or .xlsx file, one row a result.")]


def ask(
    file: CampaignFile,
    n: Annotated[int | None, typer.Option("-n", help="How many. [8]", min=1)] = None,
    fidelity: Annotated[str | None, typer.Option(help="The rung to suggest for, or to list; otherwise any.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A sheet to fill in and tell, .csv or .xlsx.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Nothing new: list what has no result yet.")] = False,
    batch: Annotated[int | None, typer.Option(help="With --again: of this batch alone.")] = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Suggest what to evaluate next; the cost is reserved until the results are told."""
    with user_input():
        if again and n is not None:
            raise ValueError("--again lists all that has no result yet; leave out -n.")
        if batch is not None and not again:
            raise ValueError("--batch chooses among what has no result yet; give --again too.")
        campaign = open_campaign(file, store)
        from gfnmat.campaign.people.sheet import check_writable, require_nothing_untold, write_suggestions

        if output:
            check_writable(output)  # what cannot be written must not be issued
            require_nothing_untold(output, _to_measure(campaign), campaign.outstanding().id)
        if again:
            suggestions = campaign.outstanding(batch, fidelity)
        else:
            suggestions = campaign.ask(DEFAULT_ASK if n is None else n, fidelity)
        if output and not suggestions.empty:
            try:
                write_suggestions(suggestions, output, _to_measure(campaign), campaign.config.name)
            except OSError as error:
                raise ValueError(
                    f"{output}: {error.strerror or error}; nothing is lost: `gfnmat ask {file} --again -o {output}` "
                    "writes what is awaited."
                ) from None
    if as_json:
        echo_json(suggestions)
    elif suggestions.empty and again:
        typer.echo("Nothing is outstanding: every such suggestion has its result.")
    elif output and not suggestions.empty:
        typer.echo(f"{len(suggestions)} suggestions are in {output}; fill them in, then `gfnmat tell {file} {output}`.")
    elif not suggestions.empty:
        show_frame(suggestions)
    if why := suggestions.attrs.get("why_fewer"):
        typer.echo(why[0].upper() + why[1:], err=as_json or not suggestions.empty)


def tell(
    file: CampaignFile,
    results: ResultsFile,
    correct: Annotated[bool, typer.Option("--correct", help="Supersede results that were told wrongly.")] = False,
    store: StoreUrl = None,
) -> None:
    """Keep results; telling the same again changes nothing."""
    with user_input():
        from gfnmat.campaign.people.reading import read_results

        table = read_results(results)
        new = open_campaign(file, store).tell(table, correct=correct)
    typer.echo(f"{new} new of {len(table)} results.")


def import_results(
    file: CampaignFile,
    results: ResultsFile,
    fidelity: Annotated[str | None, typer.Option(help="The rung of rows that name none; otherwise the target.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the results are from; otherwise the file's name.")] = None,
    skip_outside: Annotated[bool, typer.Option("--skip-outside", help="Leave out what the space lacks.")] = False,
    correct: Annotated[bool, typer.Option("--correct", help="Supersede results that were told wrongly.")] = False,
    store: StoreUrl = None,
) -> None:
    """Keep results that nobody asked for: formulas (or structures) with values, measured before or elsewhere."""
    with user_input():
        from gfnmat.campaign.people.reading import read_results

        table = read_results(results)
        done = open_campaign(file, store).import_results(
            table,
            fidelity=fidelity,
            source=source or results.name,
            skip_outside=skip_outside,
            correct=correct,
            folder=results.parent,
        )
    for reason in done.left_out[:REASONS]:
        typer.echo(f"left out: {reason}", err=True)
    if (more := len(done.left_out) - REASONS) > 0:
        typer.echo(f"left out: {more} more", err=True)
    left_out = f"; {len(done.left_out)} left out" if done.left_out else ""
    typer.echo(f"{done.new} new of {len(table)} results{left_out}.")


def _to_measure(campaign: Campaign) -> tuple[str, ...]:
    """The properties that decide, but for those that follow from the formula."""
    from oracles.supply import PROPERTIES_OF_SUPPLY

    decide = campaign.problem.properties
    return tuple(name for name in decide if name not in PROPERTIES_OF_SUPPLY) or decide
