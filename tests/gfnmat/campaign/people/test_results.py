"""Tables of results: what they are taken for, and every way in which they are refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gfnmat.campaign.people.results import answers_from
from gfnmat.campaign.records import Answer, Replicate, Suggestion
from tests.gfnmat.campaign.people.issued import FIDELITIES, PROPERTIES, suggestion


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "density": 3.5},
        {"id": "1", "density": "3.5"},
        {"id": 1.0, "density": np.float32(3.5), "status": " Done "},
        {"ID": 1, "Density": 3.5},
        {"id": 1, "density [g/cm3]": 3.5},
        {"id": 1, "density (g cm⁻³)": "3.5 g/cm^3"},
        {"id": 1, "density [g/cm3]": None, "density": 3.5},
        {"id": 1, "density": 3.5, "formula": "OMg", "fidelity": "lab", "key": "MgO", "campaign": "ceramics"},
        {"id": 1, "density": 3.5, "density_mean": "?", "colour": "red", "bulk_modulus": "NA", "status": "nan"},
        {"id": 1, "density": "3.5", "replicate": "0"},
    ],
)
def test_one_result_in_many_forms(row: dict[str, Any], suggestions: dict[int, Suggestion]) -> None:
    told = answers_from([row], suggestions, PROPERTIES, campaign="ceramics", fidelities=FIDELITIES)
    assert told == {1: Answer("done", {"density": 3.5})}


def test_a_further_measurement_is_a_replicate(suggestions: dict[int, Suggestion]) -> None:
    rows = [
        {"id": 1, "density": 3.5},
        {"id": 1, "replicate": 2.0, "density": 3.6},
        {"id": 4, "replicate": 1, "shine": 1},
    ]
    assert list(answers_from(rows, suggestions, PROPERTIES)) == [1, Replicate(1, 2), 4]


def test_a_property_of_the_users_own_is_in_the_unit_that_he_says(suggestions: dict[int, Suggestion]) -> None:
    told = answers_from([{"id": 1, "shine [lux]": "5 lux"}], suggestions, PROPERTIES)
    assert told == {1: Answer("done", {"shine": 5.0})}


def test_crystals_are_told_by_their_keys(suggestions: dict[int, Suggestion]) -> None:
    rows = [{"id": 1, "density": 3.5, "key": "225|MgO"}]
    with pytest.raises(ValueError, match=r"id 1 is MgO at lab, key MgO, and the row says key 225\|MgO"):
        answers_from(rows, suggestions, PROPERTIES, fidelities=FIDELITIES)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"density [kg/m3]": 3500}, r"column 'density \[kg/m3\]' is in kg/m3, and g/cm3 is due; divide by 1000"),
        ({"bulk_modulus (MPa)": 1}, r"is in MPa, and GPa is due; divide by 1000 and give GPa"),
        ({"bulk_modulus_error [MPa]": 1, "density": 3}, "divide by 1000 and give GPa"),
        ({"density [furlong]": 3}, "convert it to g/cm3"),
        ({"density": "3.5 kg/m3"}, r"id 1: density is '3.5 kg/m3', and g/cm3 is due; divide by 1000"),
        ({"bulk_modulus": "120000 MPa"}, "and GPa is due; divide by 1000"),
        ({"shine": "5 lux"}, "no unit here that is known; give the number alone"),
        ({"density": 3.5, "density [g/cm3]": 3.6}, "are of the same; leave one"),
        ({"density": "3.5 ± 0.1"}, "standard error in its own column"),
        ({"density": "3.5 g/cm3 ± 0.1"}, "standard error in its own column"),
        ({"density": "3,5"}, "write a decimal point"),
        ({"density": "1 234.5"}, "no marks between thousands"),
        ({"density": "01.05.2024"}, "looks like a date"),
        ({"density": pd.Timestamp("2024-05-01")}, "is the date 2024-05-01"),
        ({"density": True}, "which is not a number"),
        ({"density": np.True_}, "which is not a number"),
        ({"density": [3.5]}, "which is not a number"),
        ({"density": "#DIV/0!"}, "error of the spreadsheet's formula"),
        ({"density": "<3"}, "what limits it as a note"),
        ({"density": "inf"}, "allowed is what is finite"),
        ({"density": float("inf")}, r"density is inf g/cm3; allowed is 0.01 to 30 g/cm3"),
        ({"density": -3.5}, r"density is -3.5 g/cm3; allowed is 0.01 to 30 g/cm3"),
        (
            {"density": 3500},
            r"1 of 1 values, such as 3500.*divided by 1000 they fit, so the unit looks wrong: give",
        ),
        ({"density": 0.0035}, r"multiplied by 1000 they fit, so the unit looks wrong"),
        ({"density": 3.5, "density_error": -1}, "density_error is -1; a standard error is a number from 0"),
        ({"density": 3.5, "density_error": "some"}, "density_error is 'some', which is not a number"),
        ({"density": 3.5, "shine_error": 1}, "id 1 has shine_error and no shine; give the value too"),
        ({"status": "infeasible", "density": 3.5}, r"is infeasible and has a value \(density\)"),
        ({"status": "retryable", "density_error": 3.5}, r"is retryable and has a value \(density_error\)"),
        ({"status": "broken"}, "allowed are done, infeasible, retryable, withdrawn"),
        ({"status": None, "error": "it broke"}, "has an error and no status; say infeasible"),
        ({"density": 3.5, "formula": "TiO2"}, "id 1 is MgO at lab, and the row says TiO2"),
        ({"density": 3.5, "formula": "2024-05-01"}, "id 1 is MgO at lab, and the row says 2024-05-01"),
        ({"density": 3.5, "fidelity": "hint"}, "id 1 is MgO at lab, and the row says hint"),
        ({"density": 3.5, "campaign": "steels"}, "are of the campaign steels, and this is ceramics; tell them there"),
        ({"density": 3.5, "replicate": -1}, "replicate is -1; number the measurements"),
        ({"density": 3.5, "replicate": "first"}, "replicate is 'first'; number the measurements"),
        ({"id": None, "density": 3.5}, "row 1 has no id"),
        ({"id": None, "formula": "MgO", "density": 3.5}, r"row 1 \(MgO\) has no id"),
        ({"id": "one", "density": 3.5}, "is not a whole number"),
        ({"id": float("inf"), "density": 3.5}, "is not a whole number"),
        ({"id": True, "density": 3.5}, "is not a whole number"),
        ({"densty [g/cm3]": 3.5, "status": "done"}, "did you mean density"),
    ],
)
def test_what_cannot_be_kept_is_refused(row: dict[str, Any], reason: str, suggestions: dict[int, Suggestion]) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        answers_from(
            pd.DataFrame([{"id": 1, **row}], dtype=object),
            suggestions,
            PROPERTIES,
            campaign="ceramics",
            fidelities=FIDELITIES,
        )
    assert "\n" not in str(refused.value)


def test_all_faults_are_told_at_once(suggestions: dict[int, Suggestion]) -> None:
    rows = [
        {"id": 1, "density": -1, "bulk_modulus": "soft"},
        {"id": 2, "density": 3.5, "density_error": -1},
        {"id": 99, "density": 3.5},
    ]
    with pytest.raises(ValueError, match="4 faults in the results, and nothing was written:") as refused:
        answers_from(rows, suggestions, PROPERTIES)
    assert [line.split()[1].rstrip(":") for line in str(refused.value).splitlines()[1:]] == ["1", "1", "2", "99"]


def test_of_many_faults_ten_are_told() -> None:
    issued = {number: suggestion(number, "MgO") for number in range(1, 15)}
    rows = [{"id": number, "density": "heavy"} for number in issued]
    with pytest.raises(ValueError, match="14 faults") as refused:
        answers_from(rows, issued, PROPERTIES)
    lines = str(refused.value).splitlines()
    assert len(lines) == 12
    assert lines[-1].strip() == "and 4 more."


def test_a_unit_looks_wrong_only_where_most_values_do(suggestions: dict[int, Suggestion]) -> None:
    rows = [{"id": number, "bulk_modulus": value} for number, value in ((1, 150.0), (2, 90.0), (3, 160_000.0))]
    with pytest.raises(ValueError, match=r"^id 3: bulk_modulus is 160000 GPa; allowed is 0 to 600 GPa\.$"):
        answers_from(rows, suggestions, PROPERTIES)
    rows[1]["bulk_modulus"] = 90_000.0
    with pytest.raises(ValueError, match=r"^bulk_modulus: 2 of 3 values, such as 90000,.*divided by 1000"):
        answers_from(rows, suggestions, PROPERTIES)
