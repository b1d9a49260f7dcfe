"""The command line of priors: train one on a table of known formulas or structures, and look at one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnmat.terminal import user_input

if TYPE_CHECKING:
    from gfnmat.flow.prior.crystal_prior import CrystalPrior
    from gfnmat.flow.prior.prior import FormulaPrior

REASONS = 5  # of structures that cannot be encoded, told one by one

app = typer.Typer(name="prior", no_args_is_help=True, help="Train or show a prior from known materials.")


@app.command()
def train(
    table: Annotated[
        str,
        typer.Argument(
            help="A CSV, parquet or JSON file, the name of a data set of matminer, or a folder of CIF files."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the prior goes.")] = Path("prior.pt"),
    column: Annotated[str | None, typer.Option(help="Column of the formulas, if its name does not say so.")] = None,
    structures: Annotated[
        str | None,
        typer.Option(help="Column of structures (CIF, POSCAR, pymatgen's JSON): the prior is then one of crystals."),
    ] = None,
    formulas: Annotated[
        str, typer.Option(help="For crystals: the prior of their formulas, `default`, a file, or `none`.")
    ] = "default",
    passes: Annotated[
        float | None, typer.Option(min=0.01, help="How often all is read: 36 for formulas, 200 at most for crystals.")
    ] = None,
    atoms: Annotated[
        int | None, typer.Option(min=1, help="Most atoms in a reduced formula (40) or a primitive cell (20).")
    ] = None,
    elements: Annotated[int | None, typer.Option(min=1, help="Most elements in it (7; 5 in a crystal).")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU; two help on idle cores only.")] = 1,
    source: Annotated[str, typer.Option(help="What the materials are and their licence, kept in the file.")] = "",
) -> None:
    """Fit a prior to known materials: about 10 minutes a 50,000 formulas, 2 minutes a 1,000 structures."""
    from surrogates.threads import on_threads

    provenance = {"data": source or table}
    with user_input(), on_threads(threads):
        if structures is not None or Path(table).is_dir():
            of_crystals = _of_crystals(table, structures, formulas, passes, atoms, elements, seed, provenance)
            of_crystals.save(output)
            told = f"from {of_crystals.provenance['crystals']:,} crystals"
        else:
            of_formulas = _of_formulas(table, column, passes, atoms, elements, seed, provenance)
            of_formulas.save(output)
            known = of_formulas.provenance["formulas"]
            told = f"knows {len(of_formulas.elements)} elements, from {known:,} formulas"
    typer.echo(f"{output}: {told}")


def _of_formulas(
    table: str,
    column: str | None,
    passes: float | None,
    atoms: int | None,
    elements: int | None,
    seed: int,
    provenance: dict[str, str],
) -> FormulaPrior:
    from gfnmat.flow.prior.likelihood import Fit
    from gfnmat.flow.prior.prior import FormulaPrior, Sizes
    from gfnmat.flow.prior.tables import known_formulas

    formulas, left_out = known_formulas(table, column)
    typer.echo(f"{len(formulas):,} distinct formulas; {left_out:,} rows without one", err=True)
    atoms = atoms or Sizes.atoms
    sizes = Sizes(elements=elements or Sizes.elements, atoms=atoms, count=min(Sizes.count, atoms))
    fit = Fit(passes=passes or Fit.passes, seed=seed)
    return FormulaPrior.train(formulas, sizes, fit, provenance, _progress("a formula"))


def _of_crystals(
    table: str,
    column: str | None,
    formulas: str,
    passes: float | None,
    atoms: int | None,
    elements: int | None,
    seed: int,
    provenance: dict[str, str],
) -> CrystalPrior:
    from gfnmat.flow.prior.crystal_prior import CrystalPrior
    from gfnmat.flow.prior.prior import FormulaPrior
    from gfnmat.flow.prior.structure_fit import StructureFit
    from gfnmat.flow.prior.structures import encoded_crystals, known_structures

    of_formulas = None if formulas == "none" else FormulaPrior.load(formulas)
    structures, unread = known_structures(table, column)
    crystals, reasons = encoded_crystals(structures, atoms or 20, elements or 5)
    typer.echo(
        f"{len(crystals):,} crystals; {len(reasons):,} structures beyond the grammar; {unread:,} that cannot be read",
        err=True,
    )
    for reason in reasons[:REASONS]:
        typer.echo(f"  {reason}", err=True)
    fit = StructureFit(passes=round(passes or StructureFit.passes) or 1, seed=seed)
    progress = _progress("a crystal held out")
    prior = CrystalPrior.train(crystals, of_formulas, fit, {**provenance, "left_out": len(reasons) + unread}, progress)
    held = prior.provenance["held_out"]
    typer.echo(
        f"{held['crystals']:,} crystals held out: {held['nats']:.2f} nats each after the formula, "
        f"{held['nats_by_grammar']:.2f} by the grammar's own preferences",
        err=True,
    )
    return prior


def _progress(of_what: str) -> Callable[[int, float], None]:
    return lambda done, nats: typer.echo(f"pass {done}: {nats:.3f} nats {of_what}", err=True)


@app.command()
def show(
    file: Annotated[str, typer.Argument(help="A prior's file, or `default`.")] = "default",
    n: Annotated[int, typer.Option(min=1, help="Formulas to draw.")] = 20,
    crystals: Annotated[bool, typer.Option("--crystals", help="Of `default`, the one of crystals.")] = False,
) -> None:
    """Show what a prior was trained on, and formulas drawn from it."""
    from gfnmat.flow.prior.crystal_prior import CrystalPrior
    from gfnmat.flow.prior.prior import FormulaPrior
    from gfnmat.flow.prior.reading import load_prior

    with user_input():
        prior = load_prior(file, crystals=crystals)
    formulas: FormulaPrior | None = None
    if isinstance(prior, CrystalPrior):
        _tell(prior.provenance)
        chances = prior.log_units.exp().tolist()
        units = ", ".join(f"{number}: {chance:.1%}" for number, chance in enumerate(chances, 1) if chance >= 1e-3)
        typer.echo(f"formula units in a cell: {units}")
        formulas = prior.formulas
        typer.echo("its formulas:" if formulas else "it says nothing of formulas")
    elif isinstance(prior, FormulaPrior):
        formulas = prior
    if formulas is not None:
        _tell(formulas.provenance)
        typer.echo(f"elements: {' '.join(formulas.elements)}")
        typer.echo(f"draws: {' '.join(formulas.sample(n).formulas)}")


def _tell(provenance: dict[str, object]) -> None:
    for name, value in provenance.items():
        typer.echo(f"{name}: {value}")
