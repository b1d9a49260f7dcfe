"""The command line of priors: train one on a table of known formulas, and look at one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gfnmat.terminal import user_input

app = typer.Typer(name="prior", no_args_is_help=True, help="Train or show a prior from known materials.")


@app.command()
def train(
    table: Annotated[str, typer.Argument(help="A CSV, parquet or JSON file, or the name of a data set of matminer.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the prior goes.")] = Path("prior.pt"),
    column: Annotated[str | None, typer.Option(help="Column of the formulas, if its name does not say so.")] = None,
    passes: Annotated[float, typer.Option(min=0.01, help="How often every formula is read.")] = 36,
    atoms: Annotated[int, typer.Option(min=1, help="Most atoms in a reduced formula that is learned.")] = 40,
    elements: Annotated[int, typer.Option(min=1, help="Most elements in it.")] = 7,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU; two help on idle cores only.")] = 1,
    source: Annotated[str, typer.Option(help="What the formulas are and their licence, kept in the file.")] = "",
) -> None:
    """Fit a prior to known formulas by maximum likelihood: about 10 minutes a 50,000 formulas."""
    from gfnmat.flow.prior.likelihood import Fit
    from gfnmat.flow.prior.prior import FormulaPrior, Sizes
    from gfnmat.flow.prior.tables import known_formulas
    from surrogates.threads import on_threads

    with user_input():
        formulas, left_out = known_formulas(table, column)
        typer.echo(f"{len(formulas):,} distinct formulas; {left_out:,} rows without one", err=True)
        sizes = Sizes(elements=elements, atoms=atoms, count=min(Sizes.count, atoms))
        with on_threads(threads):
            prior = FormulaPrior.train(
                formulas,
                sizes,
                Fit(passes=passes, seed=seed),
                provenance={"data": source or table},
                progress=lambda done, nats: typer.echo(f"pass {done}: {nats:.3f} nats a formula", err=True),
            )
        prior.save(output)
    typer.echo(f"{output}: knows {len(prior.elements)} elements, from {prior.provenance['formulas']:,} formulas")


@app.command()
def show(
    file: Annotated[str, typer.Argument(help="A prior's file, or `default`.")] = "default",
    n: Annotated[int, typer.Option(min=1, help="Formulas to draw.")] = 20,
) -> None:
    """Show what a prior was trained on, and formulas drawn from it."""
    from gfnmat.flow.prior.prior import FormulaPrior

    with user_input():
        prior = FormulaPrior.load(file)
    for name, value in prior.provenance.items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"elements: {' '.join(prior.elements)}")
    typer.echo(f"draws: {' '.join(prior.sample(n).formulas)}")
