"""Results that nobody asked for: of formulas, of tables, and of crystals."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from gfnmat import CompositionSpace, CrystalSpace, TableSpace
from gfnmat.campaign.choices import described_choice
from gfnmat.campaign.people.reading import read_results
from gfnmat.campaign.people.unasked import Unasked, unasked_from
from gfnmat.campaign.records import Answer
from gfnmat.problem import Problem
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace

PROPERTIES = ("density", "shine")
COSTS = {"hint": 1, "lab": 5}
PROBLEM = Problem.model_validate(
    {
        "objectives": [{"property": "density", "goal": "minimize"}],
        "fidelities": [{"name": name, "oracle": "laboratory", "cost": cost} for name, cost in COSTS.items()],
        "budget": {"cost": 100},
    }
)  # fmt: skip
OXIDES = CompositionSpace(elements=["Li", "Mg", "Ti", "N", "Na", "O"], n_elements=(2, 2), n_atoms=(2, 6))
ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.2), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def imported(rows: Any, space: DesignSpace = OXIDES, **options: Any) -> Unasked:
    return unasked_from(rows, space, PROBLEM, PROPERTIES, **options)


def test_a_formula_with_a_value_becomes_a_choice_with_its_answer() -> None:
    row = {
        "formula": "Ti2O4",
        "density [g/cm3]": "4.2 g/cm³",
        "density_error": 0.1,
        "note": "rutile",
        "measured_by": "Ann",
    }
    ((choice, answer),) = imported([row], source="handbook").imported
    assert choice == described_choice(Candidates.of(["TiO2"]), 1, 0.0, "imported: handbook")
    kept = {"note": "rutile", "measured_by": "Ann", "source": "handbook"}
    assert answer == Answer("done", {"density": 4.2}, {"density": 0.1}, provenance=kept)


def test_a_row_says_better_than_the_caller_where_it_is_from_and_at_which_rung() -> None:
    rows = [{"formula": "MgO", "shine": 1, "source": "DOI", "fidelity": "lab"}, {"formula": "MgO", "shine": 2}]
    (first, _), (second, answer) = imported(rows, fidelity="hint", source="handbook").imported
    assert (first.why, first.rung) == ("imported: DOI", 1)
    assert (second.why, second.rung) == ("imported: handbook", 0)
    assert answer.provenance == {"source": "handbook"}


def test_what_is_not_said_is_the_target_and_costs_nothing() -> None:
    ((choice, answer),) = imported([{"formula": "MgO", "shine": 1}]).imported
    assert (choice.rung, choice.cost, choice.replicate, choice.why) == (1, 0.0, 0, "imported")
    assert answer.provenance == {}


def test_the_same_several_times_is_numbered_in_order() -> None:
    rows = [
        *[{"formula": "MgO", "shine": value} for value in (1, 2)],
        {"formula": "OMg", "shine": 3, "replicate": 1},
        {"formula": "MgO", "shine": 4, "fidelity": "hint"},
        {"formula": "TiO2", "shine": 5, "cost": 2.5},
    ]
    found = imported(rows).imported
    assert [choice.replicate for choice, _ in found] == [0, 2, 1, 0, 0]
    assert [choice.cost for choice, _ in found] == [0, 0, 0, 0, 2.5]


def test_what_could_not_be_made_is_a_result_and_what_nobody_tried_is_none() -> None:
    rows = [
        {"formula": "MgO", "status": "infeasible", "error": "it melts"},
        {"formula": "TiO2", "shine": None},
        {"formula": "Li2O", "status": "withdrawn"},
        {"formula": "Mg2N", "status": "retryable"},
    ]
    found = imported(rows)
    assert [answer for _, answer in found.imported] == [Answer("infeasible", error="it melts")]
    assert found.left_out == [f"row {n} ({f}) holds no result." for n, f in ((2, "TiO2"), (3, "Li2O"), (4, "Mg2N"))]


def test_sodium_nitride_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text("formula;density\nNaN;1,5\nMgO;3,6\n", encoding="utf-8")
    space = CompositionSpace(elements=["Na", "N", "Mg", "O"], n_elements=(2, 2), n_atoms=(2, 4), chemistry="any")
    assert [choice.formula for choice, _ in imported(read_results(path), space).imported] == ["NaN", "MgO"]


def test_what_the_space_does_not_admit_is_refused_whole_or_left_out() -> None:
    formulas = ["MgO", "CaO", "TiO2", "Mg2O", "Li2O", "Li0.5O"]
    rows = [{"formula": formula, "shine": 1} for formula in formulas]
    with pytest.raises(ValueError, match="3 faults in the results") as refused:
        imported(rows)
    lines = [line.strip() for line in str(refused.value).splitlines()]
    assert [line.split(":")[0] for line in lines[1:4]] == ["row 2", "row 4", "row 6"]
    assert "CaO is not in the space" in lines[1]
    assert "--skip-outside" in lines[4]
    found = imported(rows, skip_outside=True)
    assert [choice.formula for choice, _ in found.imported] == ["MgO", "TiO2", "Li2O"]
    assert found.left_out == lines[1:4]


def test_many_results_are_read_in_a_moment() -> None:
    space = CompositionSpace(
        elements=["Li", "Mg", "Al", "Ti", "O"], n_elements=(2, 3), n_atoms=(2, 12), chemistry="any"
    )
    formulas = space.enumerate().formulas[:500]
    rows = [{"formula": formula, "shine": 1} for formula in [*formulas, "NaCl", *formulas, "KCl"]]
    found = imported(rows, space, skip_outside=True)
    assert [choice.formula for choice, _ in found.imported] == [*formulas, *formulas]
    assert [choice.replicate for choice, _ in found.imported] == [0] * 500 + [1] * 500
    assert len(found.left_out) == 2


def test_a_table_s_formulas_are_its_space() -> None:
    space = TableSpace(frame=pd.DataFrame({"formula": ["MgO", "TiO2"]}))
    rows = [{"formula": "Ti2O4", "shine": 1}, {"formula": "NaCl", "shine": 1}]
    found = imported(rows, space, skip_outside=True)
    assert [choice.key for choice, _ in found.imported] == ["TiO2"]
    assert "none of its 2 formulas" in found.left_out[0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no row"),
        ([{"density": 3}], "no column 'formula'; they have density. Say what was measured."),
        ([{"formula": "MgO"}], "no column of a property"),
        ([{"formula": "MgO", "density": None}], "no row of the results holds a value"),
        ([{"formula": None, "density": 3}], "row 1 has no formula; say what was measured"),
        ([{"formula": "water!", "density": 3}], "row 1: 'water!' is not a formula"),
        ([{"formula": "MgO", "density": -3}], r"row 1 \(MgO\): density is -3 g/cm3; allowed is"),
        ([{"formula": "MgO", "density": "3 kg/m3"}], "divide by 1000"),
        ([{"formula": "MgO", "density": 3, "fidelity": "dft"}], r"row 1 \(MgO\): fidelity 'dft' is not on the ladder"),
        ([{"formula": "MgO", "density": 3, "cost": -1}], "cost is -1; give what it is charged, 0 or more"),
        ([{"formula": "MgO", "density": 3, "cost": float("inf")}], "cost is inf"),
        ([{"formula": "MgO", "density": 3, "cost": "much"}], "cost is 'much', which is not a number"),
        ([{"formula": "MgO", "density": 3, "replicate": 0.5}], "replicate is 0.5; number"),
        ([{"formula": f, "shine": 3, "replicate": 0} for f in ("MgO", "OMg")], "replicate 0 at lab stands twice"),
        ([{"formula": "CaO", "density": 3}], r"row 1: CaO is not in the space: .*--skip-outside"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(rows: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        imported(rows)
    assert "\n" not in str(refused.value)


def test_an_unknown_fidelity_of_all_is_refused() -> None:
    with pytest.raises(ValueError, match="fidelity 'dft' is not on the ladder; allowed are hint, lab"):
        imported([{"formula": "MgO", "shine": 1}], fidelity="dft")


@pytest.fixture(scope="module")
def crystals() -> CrystalSpace:
    return CrystalSpace(elements=["Mg", "O"], n_elements=(2, 2), n_atoms=(2, 4))


def test_crystals_are_imported_from_texts_files_and_objects(crystals: CrystalSpace, tmp_path: Path) -> None:
    CifWriter(ROCK_SALT).write_file(tmp_path / "mgo.cif")
    structures = [
        *[str(CifWriter(ROCK_SALT)), str(Poscar(ROCK_SALT)), json.dumps(ROCK_SALT.as_dict())],
        *["mgo.cif", str(tmp_path / "mgo.cif"), ROCK_SALT, ROCK_SALT.get_primitive_structure()],
    ]
    rows = [{"structure": structure, "density": 3.6} for structure in structures]
    found = imported(rows, crystals, folder=tmp_path).imported
    (expected,) = {choice.key for choice, _ in found}
    assert expected == crystals.encode([ROCK_SALT]).keys[0]
    assert [choice.replicate for choice, _ in found] == list(range(len(rows)))
    assert {(choice.formula, choice.space_group) for choice, _ in found} == {("MgO", "Fm-3m")}
    choice, answer = found[0]
    assert choice.structure is not None
    assert choice.structure.composition.reduced_formula == "MgO"
    assert answer.structure is not None
    assert answer.structure.volume == pytest.approx(ROCK_SALT.volume, rel=1e-3)


def test_a_table_of_unknown_origin_names_no_files(crystals: CrystalSpace) -> None:
    with pytest.raises(ValueError, match=r"row 1: the structure 'mgo\.cif' is a path here; give the CIF itself"):
        imported([{"structure": "mgo.cif", "density": 3.6}], crystals)


def test_crystals_come_back_from_a_file_of_comma_separated_values(crystals: CrystalSpace, tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    pd.DataFrame({"structure": [str(CifWriter(ROCK_SALT))], "density": [3.6]}).to_csv(path, index=False)
    ((choice, _),) = imported(read_results(path), crystals, folder=tmp_path).imported
    assert choice.material == "MgO Fm-3m"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"formula": "MgO"}, "no column 'structure'; they have .* Give a CIF, a POSCAR, or a file's path."),
        ({"structure": None, "formula": "MgO"}, r"row 1 \(MgO\) has no structure; give a CIF"),
        ({"structure": "mgo.cif"}, "row 1: the structure 'mgo.cif' is no file in "),
        ({"structure": "data_\nnothing"}, "row 1: its structure cannot be read as CIF"),
        ({"structure": ROCK_SALT, "formula": "TiO2"}, "row 1: the structure is MgO, and the formula says TiO2"),
        ({"structure": ROCK_SALT.copy().replace_species({"Mg": "Ca"})}, "row 1: .*--skip-outside"),
    ],
)
def test_crystals_that_cannot_be_kept_are_refused(
    row: dict[str, Any], reason: str, crystals: CrystalSpace, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=reason):
        imported([{"density": 3.6, **row}], crystals, folder=tmp_path)
