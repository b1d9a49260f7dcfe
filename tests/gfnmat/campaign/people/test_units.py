"""Spellings of units, against what each is in SI."""

import pytest

from gfnmat.campaign.people.units import how_to_convert, is_same_unit
from oracles import PROPERTIES


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        *[(spelling, "g/cm3") for spelling in ("g/cm^3", "g/cm³", "g cm-3", "g cm^-3", "g·cm⁻³", "g.cm-3", "g / cm3")],
        *[(spelling, "A^3") for spelling in ("Å^3", "Å³", "A3", "Å3", "angstrom^3", "Å^3/atom", "A**3")],
        *[(spelling, "eV/atom") for spelling in ("eV atom-1", "eV / atom", "ev/atom", "eV/at")],
        *[(spelling, "W/m/K") for spelling in ("W/(m K)", "W/(m·K)", "W m-1 K-1", "W/mK", "W m^-1 K^-1")],
        *[(spelling, "1e-6/K") for spelling in ("10^-6/K", "10⁻⁶/K", "ppm/K", "1e-6 K^-1", "1e-6/°C", "10-6 K-1")],
        *[(spelling, "1") for spelling in ("", "-", "dimensionless")],
        ("gpa", "GPa"),
        ("µB/atom", "muB/atom"),
        ("$/kg", "USD/kg"),
        ("S cm-1", "S/cm"),
        ("degC", "°C"),
    ],
)
def test_one_unit_has_many_spellings(given: str, wanted: str) -> None:
    assert is_same_unit(given, wanted)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_unit_of_a_property_is_itself_and_no_other(name: str) -> None:
    unit = PROPERTIES[name].unit
    assert is_same_unit(f" {unit} ", unit)
    assert not is_same_unit(f"k{unit}", unit)
    assert not is_same_unit("furlong", unit)


@pytest.mark.parametrize(
    ("given", "wanted", "how"),
    [
        ("MPa", "GPa", "divide by 1000"),
        ("TPa", "GPa", "multiply by 1000"),
        ("kbar", "GPa", "divide by 10"),
        ("meV", "eV", "divide by 1000"),
        ("meV/atom", "eV/atom", "divide by 1000"),
        ("kg/m3", "g/cm3", "divide by 1000"),
        ("kg m-3", "g/cm3", "divide by 1000"),
        ("nm^3", "A^3", "multiply by 1000"),
        ("°C", "K", "add 273.15"),
        ("degC", "K", "add 273.15"),
        ("S/m", "S/cm", "divide by 100"),
        ("%", "1", "divide by 100"),
        ("1/K", "1e-6/K", "multiply by 1e+06"),
        ("cm-1", "THz", "divide by 33.3564"),
        ("mg/kg", "USD/kg", None),
        ("eV", "eV/atom", None),
        ("kJ/mol", "eV/atom", None),
        ("EUR/kg", "USD/kg", None),
        ("furlong", "GPa", None),
        ("(", "GPa", None),
        ("^", "GPa", None),
    ],
)
def test_another_unit_is_converted_in_words_where_that_is_simple(given: str, wanted: str, how: str | None) -> None:
    assert not is_same_unit(given, wanted)
    assert how_to_convert(given, wanted) == how
