"""The command line.

Exit codes: 0 done, 1 unexpected failure, 2 something the user gave is wrong, 130 interrupted, 128 and a signal's
number stopped by it.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Annotated

import typer

from gfnmat import people_commands, prior_commands
from gfnmat.arguments import AsJson, CampaignFile, StoreUrl, open_campaign
from gfnmat.report.export import Format
from gfnmat.terminal import echo_json, progress_display, show_frame, show_table, user_input

if TYPE_CHECKING:
    import pandas as pd

    from gfnmat.campaign import Campaign

SUMMARY_ROWS = 10

app = typer.Typer(
    name="gfnmat",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(prior_commands.app)


def main() -> None:
    """Runs the command line."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"gfnmat {version('gfnmat')}")
        except PackageNotFoundError:
            typer.echo("gfnmat, not installed")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Finds inorganic materials: proposes, selects, evaluates and learns, until the budget is spent."""
    context.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore")  # of the libraries; what a user must know is an error or a result


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented campaign file."""
    from importlib.resources import files

    with user_input():
        if path.exists() and not force:
            raise ValueError(f"{path} exists; give another name, or --force to overwrite it.")
        template = files("gfnmat").joinpath("templates/campaign.yaml").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template, encoding="utf-8")
    typer.echo(f"{path} is written; edit it, then `gfnmat run {path}`.")


@app.command()
def run(
    file: CampaignFile,
    store: StoreUrl = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
) -> None:
    """Close the loop until the budget is spent; interruptible, resumes by itself.

    Ctrl-C lets the evaluations that are running finish, and once more ends them. SIGTERM, and the signals that queues
    send before the walltime ends (SIGUSR1, SIGUSR2, SIGXCPU), end the run at once. Nothing that was told is lost.
    """
    with user_input():
        campaign = open_campaign(file, store)
    for note in campaign.notes:
        typer.echo(note, err=True)
    url = campaign.store_url
    try:
        with user_input(), progress_display(quiet) as listener:
            reason = campaign.run(listener)
    except KeyboardInterrupt as signal:
        number = getattr(signal, "number", SIGINT)
        how = "Interrupted" if number == SIGINT else "Stopped by a signal"
        typer.echo(f"{how}. Everything told so far is kept in {url}; the same command resumes.", err=True)
        _leave_threads(128 + number)
        raise typer.Exit(128 + number) from None
    with user_input():
        status, best = campaign.status(), campaign.pareto()
    rounds = f"{status.rounds_done} round{'' if status.rounds_done == 1 else 's'}"
    typer.echo(f"{status.name}: {rounds}, cost {status.spent:.4g} of {status.budget:.4g}; {reason}.")
    _show_pareto(campaign, best, limit=SUMMARY_ROWS)
    typer.echo(f"Everything is in {url}; `gfnmat report {file}` shows it.")


app.command()(people_commands.ask)
app.command()(people_commands.tell)
app.command("import")(people_commands.import_results)


def _leave_threads(code: int) -> None:
    """Ends the program at once where a round is still being planned: torch does not bear to be ended in a thread."""
    from gfnmat.campaign.loop import PLANNING

    if any(thread.name == PLANNING for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@app.command()
def status(file: CampaignFile, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Show where the campaign stands."""
    from dataclasses import asdict

    with user_input():
        campaign = open_campaign(file, store)
        found = campaign.status()
    if as_json:
        import json

        typer.echo(json.dumps(asdict(found), indent=2))
        return
    limit = f" of at most {found.rounds}" if found.rounds else ""
    best = ", ".join(f"{name} {value:.4g}" for name, value in (found.best or {}).items()) or "none yet"
    typer.echo(f"{found.name}: {'finished' if found.finished else 'open'}, {found.rounds_done} rounds{limit}")
    of_people = f", {found.awaited} of them from people; `gfnmat ask {file} --again` lists them"
    hint = of_people if found.outstanding else ""
    reserved = f", of which {found.reserved:.4g} is reserved for what is outstanding" if found.reserved else ""
    typer.echo(f"cost {found.spent:.4g} of {found.budget:.4g}{reserved}")
    typer.echo(f"outstanding: {found.outstanding}{hint}")
    typer.echo(f"best: {best}")
    is_empty = not (found.rounds_done or found.spent or found.outstanding or any(found.counts.values()))
    others = f"; it holds {', '.join(found.others)}" if found.others else ""
    empty = f" (nothing is kept there yet of {found.name}{others})" if is_empty else ""
    typer.echo(f"store: {found.store}{empty}")
    states = sorted({state for counts in found.counts.values() for state in counts})
    rows = [{"fidelity": name, **{s: counts.get(s, 0) for s in states}} for name, counts in found.counts.items()]
    if states:
        show_table(["fidelity", *states], rows)


@app.command()
def upgrade(
    url: Annotated[str, typer.Argument(metavar="URL", help="A store, as sqlite:///campaign.db.", show_default=False)],
) -> None:
    """Bring a store that an earlier version wrote to the schema of this one."""
    from gfnmat.campaign.store.opening import upgrade as bring

    with user_input():
        before, after = bring(url)
    done = f"from schema {before} to {after}" if before != after else f"at schema {after} already"
    typer.echo(f"The store is {done}.")


@app.command()
def pareto(
    file: CampaignFile,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A CSV file.")] = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the best that was measured: what no other result beats."""
    with user_input():
        campaign = open_campaign(file, store)
        best = campaign.pareto()
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            best.to_csv(output, index=False)
    if as_json:
        echo_json(best)
    elif output:
        typer.echo(f"The Pareto set is in {output}.")
    else:
        _show_pareto(campaign, best)


@app.command()
def export(
    file: CampaignFile,
    formats: Annotated[list[Format] | None, typer.Option("--format", help="May be repeated. [csv]")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A folder, instead of the campaign's.")] = None,
    store: StoreUrl = None,
) -> None:
    """Write measurements and Pareto set (csv, json), and structures (cif; extxyz and ase: one file of all)."""
    from gfnmat.report.export import export as write

    with user_input():
        campaign = open_campaign(file, store)
        folder = output or campaign.config.output_folder
        written = write(campaign, formats or [Format.CSV], folder)
    typer.echo(f"{len(written)} files are in {folder}.")


@app.command()
def report(
    file: CampaignFile,
    against: Annotated[list[Path] | None, typer.Option(help="A campaign to compare with; may be repeated.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The page. [report.html in its output]")] = None,
    store: StoreUrl = None,
) -> None:
    """Write a page of what was found, that needs nothing else to be read."""
    with user_input():
        from gfnmat.report.page import write
        from gfnmat.report.report import collect

        campaign = open_campaign(file, store)
        data = collect(campaign, [open_campaign(other, None) for other in against or []])
        path = output or campaign.config.output_folder / "report.html"
        write(data, path)
    typer.echo(f"The report is in {path}.")


@app.command()
def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="[CAMPAIGN.yaml]", help="A campaign to look at.")] = None,
    store: StoreUrl = None,
    oracle: Annotated[
        str | None,
        typer.Option(metavar="MODULE:NAME", help="Run this function, or an oracle by its name, through the contract."),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", help="What the function answers; may be repeated. [all]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is installed, what each oracle can do here, and whether a campaign's store answers."""
    from dataclasses import asdict

    from gfnmat.doctor import examine
    from gfnmat.oracle_check import check_oracle

    with user_input():
        if oracle is None and properties:
            raise ValueError("--property says what the function of --oracle answers; give that too.")
        if oracle is not None and file is not None:
            raise ValueError("--oracle looks at one oracle alone; leave out the campaign.")
        findings = check_oracle(oracle, properties or (), Path.cwd()) if oracle else examine(file, store)
    if as_json:
        import json

        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        rows = [{**asdict(f), "": "ok" if f.works else "BROKEN" if f.required else "no"} for f in findings]
        show_table(["kind", "name", "", "note"], rows)
    if any(finding.required and not finding.works for finding in findings):
        raise typer.Exit(1)


def _show_pareto(campaign: Campaign, best: pd.DataFrame, limit: int | None = None) -> None:
    from gfnmat.report.labels import label

    if best.empty:
        typer.echo("Nothing was measured yet that meets the constraints.")
        return
    title = "Pareto set" if len(campaign.problem.objectives) > 1 else "Best"
    shown = best if limit is None else best.head(limit)
    if len(shown) < len(best):
        title += f", {len(shown)} of {len(best)}"
    fixed = {"id", "formula", "space_group", "key", "round"}
    show_frame(shown.rename(columns={name: label(name) for name in best.columns if name not in fixed}), title)


if __name__ == "__main__":
    main()
