"""What can be placed, against a search that places element by element and letter by letter."""

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from gfnmat import CrystalSpace
from gfnmat.space.crystal.coordinates import CoordinateTables
from gfnmat.space.crystal.env import CrystalEnvironment
from gfnmat.space.crystal.placement import PlacementTables
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure.wyckoff import N_GROUPS, load_wyckoff_tables

TABLES = load_wyckoff_tables()
MOST_ATOMS = 9
Sites = tuple[tuple[int, int], ...]  # (element, letter), in the order of the grammar


@cache
def letters_of(group: int) -> tuple[tuple[int, bool], ...]:
    """Atoms of each letter, and whether it can be used once only."""
    rows = range(int(TABLES.first[group - 1]), int(TABLES.first[group]))
    return tuple((int(TABLES.atoms[row]), int(TABLES.freedom[row]) == 0) for row in rows)


@cache
def can_be_placed(group: int, counts: tuple[int, ...], begin: int = 0, taken: frozenset[int] = frozenset()) -> bool:
    """Whether sites exist for the counts, those of the first element from the letter `begin` on."""
    if not counts:
        return True
    if counts[0] == 0:
        return can_be_placed(group, counts[1:], 0, taken)
    return any(
        atoms <= counts[0]
        and not (once and letter in taken)
        and can_be_placed(group, (counts[0] - atoms, *counts[1:]), letter, taken | {letter} if once else taken)
        for letter, (atoms, once) in enumerate(letters_of(group))
        if letter >= begin
    )


def placements(group: int, counts: tuple[int, ...], element: int = 0, begin: int = 0) -> Iterator[Sites]:
    """Every choice of letters for the counts, each element's in ascending order."""
    if element == len(counts):
        yield ()
    elif counts[element] == 0:
        yield from placements(group, counts, element + 1)
    else:
        for letter, (atoms, once) in enumerate(letters_of(group)):
            if letter >= begin and atoms <= counts[element]:
                left = (*counts[:element], counts[element] - atoms, *counts[element + 1 :])
                for rest in placements(group, left, element, letter):
                    if not (once and letter in {used for _, used in rest}):
                        yield ((element, letter), *rest)


def tallies(n_elements: int, n_atoms: int) -> list[tuple[int, ...]]:
    found = product(range(1, n_atoms + 1), repeat=n_elements)
    return [tally for tally in found if sum(tally) <= n_atoms]


def steps(environment: CrystalEnvironment, n: int, seed: int) -> Iterator[Tensor]:
    """States of n sentences, one word after another, each drawn evenly from those on offer."""
    generator = torch.Generator().manual_seed(seed)
    state = environment.s0.expand(n, -1).clone()
    while len(state):
        masks = environment.forward_masks(state)
        assert masks.any(1).all(), "a dead end"
        yield state
        action = torch.multinomial(masks.float(), 1, generator=generator).squeeze(1)
        goes_on = action != environment.n_actions - 1
        state = environment.advanced(state[goes_on], action[goes_on])


def after_letters(environment: CrystalEnvironment) -> Tensor:
    """Every state in which all letters are known, and nothing of the cell."""
    state, found = environment.s0[None], []
    phase = environment.grammar.columns.PHASE
    while len(state):
        done = state[:, phase] > Phase.LETTERS
        found.append(state[done])
        rows, actions = environment.forward_masks(state[~done]).nonzero(as_tuple=True)
        state = environment.advanced(state[~done][rows], actions)
    return torch.cat(found)


def permutations(group: int) -> list[list[int]]:
    return [operation.letters.tolist() for operation in TABLES.normaliser(group)]


@pytest.mark.parametrize("n_elements", [1, 2, 3])
def test_groups_hold_what_a_search_can_place(n_elements: int) -> None:
    tables = PlacementTables.build(TABLES, MOST_ATOMS, 3)
    for tally in tallies(n_elements, MOST_ATOMS):
        expected = [can_be_placed(group, tally) for group in range(1, N_GROUPS + 1)]
        assert tables.groups_that_hold(tally).tolist() == expected, tally


def test_the_order_of_the_elements_does_not_matter() -> None:
    tables = PlacementTables.build(TABLES, 14, 4)
    rng = np.random.default_rng(0)
    for _ in range(50):
        tally = tuple(rng.integers(1, 4, size=4).tolist())
        backwards = tables.groups_that_hold(tally[::-1])
        assert torch.equal(tables.groups_that_hold(tally), backwards), tally


def test_what_tables_for_larger_cells_say_of_small_ones_is_the_same() -> None:
    small, large = PlacementTables.build(TABLES, 6, 2), PlacementTables.build(TABLES, 20, 4)
    for tally in tallies(2, 6):
        assert torch.equal(small.groups_that_hold(tally), large.groups_that_hold(tally)), tally


def test_letters_and_groups_on_offer_are_those_after_which_a_search_finds_a_completion() -> None:
    space = CrystalSpace(["Na", "Ti", "Cl", "O"], n_elements=(2, 3), n_atoms=(2, 10))
    environment = space.environment()
    grammar, c = environment.grammar, environment.grammar.columns
    checked = 0
    for state in steps(environment, 400, seed=2):
        masks = environment.forward_masks(state)
        for row, mask in zip(state.tolist(), masks, strict=True):
            counts = tuple(count for count in row[c.COUNT] if count)
            if row[c.PHASE] == Phase.GROUP:
                offered = mask[grammar.words.of(Phase.GROUP)].tolist()
                assert offered == [can_be_placed(group, counts) for group in range(1, N_GROUPS + 1)]
            if row[c.PHASE] != Phase.LETTERS:
                continue
            group, last = row[c.GROUP], row[c.LETTER]
            used = [position - int(TABLES.first[group - 1]) for position in row[c.POSITION][: row[c.N_SITES]]]
            of_letters = letters_of(group)
            taken = frozenset(letter for letter in used if of_letters[letter][1])
            stays = [p for p in permutations(group) if all(p[letter] == letter for letter in used)]
            left, to_come = row[c.REMAINING], counts[row[c.BLOCK] + 1 :]
            expected = {
                letter
                for letter, (atoms, once) in enumerate(of_letters)
                if letter >= last - 1
                and atoms <= left
                and letter not in taken
                and (last > 0 or letter == min(p[letter] for p in stays))
                and can_be_placed(group, (left - atoms, *to_come), letter, taken | {letter} if once else taken)
            }
            offered_letters = mask[grammar.words.of(Phase.LETTERS)].nonzero().squeeze(-1).tolist()
            assert set(offered_letters) == expected, (group, counts, used)
            checked += 1
    assert checked > 1000


@pytest.mark.parametrize(
    ("groups", "formula", "n_atoms"),
    [
        ([2, 10], "NaCl", 4),
        ([16, 47, 65], "TiO2", 3),
        ([123, 129, 139], "TiO2", 6),
        ([187, 191, 194], "TiO2", 6),
        ([195, 196, 200, 216, 221, 224, 225, 227, 229], "TiO2", 12),
        ([1, 4, 25, 36, 99, 146, 186], "NaCl", 4),
    ],
)
def test_no_choice_of_letters_is_lost_up_to_the_moves_of_the_normaliser(
    groups: list[int], formula: str, n_atoms: int
) -> None:
    """Of the choices that another origin or other axes exchange, the first is always written."""
    space = CrystalSpace(formula=formula, n_atoms=(n_atoms, n_atoms), space_groups=groups)
    environment = space.environment()
    c = environment.grammar.columns
    written: dict[int, set[Sites]] = {group: set() for group in groups}
    n_written, counts = 0, ()
    for row in after_letters(environment).tolist():
        group, n_sites = row[c.GROUP], row[c.N_SITES]
        letters = [position - int(TABLES.first[group - 1]) for position in row[c.POSITION][:n_sites]]
        written[group].add(tuple(zip(row[c.OWNER][:n_sites], letters, strict=True)))
        counts = tuple(row[: len(space.elements)])
        n_written += 1
    assert n_written == sum(map(len, written.values()))

    for group in groups:
        possible = set(placements(group, counts))

        def images(sites: Sites, group: int = group) -> list[Sites]:
            return [tuple(sorted((element, p[letter]) for element, letter in sites)) for p in permutations(group)]

        assert written[group] <= possible
        classes = {sites: min(images(sites)) for sites in possible}
        assert set(classes.values()) <= written[group]


def test_every_line_and_plane_has_different_bins_for_24_atoms() -> None:
    coordinates = CoordinateTables.build(TABLES, 24)
    free = (TABLES.freedom > 0) & (TABLES.atoms <= 24)
    assert (coordinates.total * TABLES.atoms)[free].min() >= 24
