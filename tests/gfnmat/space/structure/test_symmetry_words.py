"""What a user says of space groups, as a choice among the 230."""

from itertools import pairwise

import pytest
import spglib

from gfnmat.space.structure.symmetry import groups_offered
from gfnmat.space.structure.wyckoff import N_GROUPS, load_wyckoff_tables

TABLES = load_wyckoff_tables()
KNOWN = [spglib.get_spacegroup_type(int(hall)) for hall in TABLES.hall]


def offered(**words: list) -> list[int]:
    return (groups_offered(**words).nonzero().squeeze(-1) + 1).tolist()


def test_no_words_offer_everything() -> None:
    assert offered() == list(range(1, N_GROUPS + 1))


def test_numbers_and_symbols_name_the_same_groups() -> None:
    for number, known in enumerate(KNOWN, start=1):
        assert offered(space_groups=[number]) == [number]
        assert offered(space_groups=[str(number)]) == [number]
        assert offered(space_groups=[known.international_short]) == [number]
        assert offered(space_groups=[known.international_short.replace("_", "")]) == [number]
    assert offered(space_groups=["Fm-3m", 62, "P6_3/mmc", "P 42/m n m"]) == [62, 136, 194, 225]


def test_crystal_systems_point_groups_and_centrings_are_those_of_the_international_tables() -> None:
    systems = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")
    for system, (before, last) in zip(systems, pairwise([0, 2, 15, 74, 142, 167, 194, 230]), strict=True):
        assert offered(crystal_systems=[system]) == list(range(before + 1, last + 1))
    for point_group in {known.pointgroup_international for known in KNOWN}:
        expected = [n for n, known in enumerate(KNOWN, start=1) if known.pointgroup_international == point_group]
        assert offered(point_groups=[point_group]) == expected
    for centring in "PACIFR":
        expected = [n for n, known in enumerate(KNOWN, start=1) if known.international_short[0] == centring]
        assert offered(centrings=[centring]) == expected


def test_lists_that_are_given_together_must_all_be_met() -> None:
    assert offered(crystal_systems=["cubic"], centrings=["F"], point_groups=["m-3m"]) == [225, 226, 227, 228]
    assert offered(space_groups=[1, 225, 227], crystal_systems=["cubic", "tetragonal"]) == [225, 227]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"space_groups": [0]}, "names 0; a space group is a number from 1 to 230"),
        ({"space_groups": [231]}, "names 231; a space group is a number from 1 to 230"),
        ({"space_groups": ["231"]}, "names 231; a space group"),
        ({"space_groups": [-1]}, "names -1; a space group"),
        ({"space_groups": [2.5]}, "names 2.5; a space group"),
        ({"space_groups": [True]}, "names True; a space group"),
        ({"space_groups": ["Fm3"]}, "'Fm3', which is no symbol of a space group; did you mean Fm-3"),
        ({"space_groups": ["what"]}, "'what', which is no symbol"),
        ({"crystal_systems": ["cubc"]}, "crystal_systems names 'cubc'.*did you mean cubic"),
        ({"point_groups": ["m3m"]}, "point_groups names 'm3m'.*did you mean m-3m"),
        ({"centrings": ["B"]}, "centrings names 'B'; allowed are P, C, F, I, A, R"),
        ({"space_groups": [225], "crystal_systems": ["tetragonal"]}, "no space group is in all of"),
        ({"point_groups": ["m-3m"], "centrings": ["R"]}, "no space group is in all of"),
    ],
)
def test_words_that_name_no_group_are_refused(words: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        groups_offered(**words)
