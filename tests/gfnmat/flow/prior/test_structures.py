"""Known structures from folders and tables, and the command line that trains on them."""

from pathlib import Path

import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from gfnmat.cli import app
from gfnmat.flow.prior.crystal_prior import CrystalPrior
from gfnmat.flow.prior.structures import encoded_crystals, known_structures

HALITE = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])


def test_structures_are_read_from_tables_in_any_form_and_the_others_counted(tmp_path: Path) -> None:
    texts = [HALITE.to(fmt="cif"), HALITE.to(fmt="poscar"), HALITE.to_json(), "nonsense", ""]
    pd.DataFrame({"id": range(5), "crystal": texts}).to_csv(tmp_path / "known.csv")
    structures, left_out = known_structures(tmp_path / "known.csv", "crystal")
    assert [structure.composition.reduced_formula for structure in structures] == ["NaCl"] * 3
    assert left_out == 2
    with pytest.raises(ValueError, match=r"no column 'of structures'; its columns are .*crystal"):
        known_structures(tmp_path / "known.csv")
    with pytest.raises(ValueError, match="no structure that can be read"):
        known_structures(tmp_path / "known.csv", "id")


def test_structures_are_read_from_folders(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(HALITE.to(fmt="cif"))
    (tmp_path / "POSCAR_b").write_text(HALITE.to(fmt="poscar"))
    (tmp_path / "c.cif").write_text("nonsense")
    (tmp_path / "notes.txt").write_text("not read")
    structures, left_out = known_structures(tmp_path)
    assert (len(structures), left_out) == (2, 1)


def test_what_the_grammar_cannot_write_is_named(known_crystals: list[Structure]) -> None:
    long = Structure(Lattice.tetragonal(3, 90), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.03]])
    mixed = Structure(Lattice.cubic(3), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    crystals, reasons = encoded_crystals([*known_crystals[:3], long, mixed, HALITE], atoms=8, elements=3)
    assert crystals.formulas == ("LiF", "LiCl", "LiBr", "NaCl")
    assert len(reasons) == 2
    assert "disordered" in reasons[1]
    with pytest.raises(ValueError, match="can write none of 1 structures"):
        encoded_crystals([mixed], atoms=8, elements=3)


def test_the_command_line_trains_on_structures_and_shows(known_crystals: list[Structure], tmp_path: Path) -> None:
    table, prior = tmp_path / "known.csv", tmp_path / "prior.pt"
    texts = [*(structure.to(fmt="poscar") for structure in known_crystals), "nonsense"]
    pd.DataFrame({"poscar": texts}).to_csv(table)
    options = ["--structures", "poscar", "--formulas", "none", "--passes", "2", "--atoms", "8", "--source", "made up"]
    result = CliRunner().invoke(app, ["prior", "train", str(table), "-o", str(prior), *options])
    assert result.exit_code == 0, result.output
    assert "1 that cannot be read" in result.output
    assert "by the grammar's own preferences" in result.output
    assert CrystalPrior.load(prior).provenance["crystals"] == len(known_crystals)
    shown = CliRunner().invoke(app, ["prior", "show", str(prior)])
    assert shown.exit_code == 0
    assert "data: made up" in shown.output
    assert "it says nothing of formulas" in shown.output
    wrong = CliRunner().invoke(app, ["prior", "train", str(table), "--structures", "cif", "-o", str(prior)])
    assert wrong.exit_code == 2
    assert "no column 'cif'" in wrong.output
