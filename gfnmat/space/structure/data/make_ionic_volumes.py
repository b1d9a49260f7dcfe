"""Writes `ionic_volumes.json`: what `gfnmat.space.structure.volume` knows of each element.

Run by hand: `python gfnmat/space/structure/data/make_ionic_volumes.py`; about 10 minutes on one core. The volumes of
the elements are fitted to those of compounds, which come from

- CHGNet's equation of state, by the oracle of this package, for formulas that a prototype can hold and that are
  bound: every cation in each common oxidation state (SMACT's ICSD24 list) with each of `ANIONS`, and random
  ternary salts, oxyanions included, and alloys;
- AFLOW's library of prototypes in pymatgen: the lattices of 288 real crystals;
- the ground states of the elements, `oracles/data/chgnet_references.json`.

An element is held to its neighbour in the group of the periodic table (rare earths and actinides: in the row), so
that those of which there are few data, or none, take after it. Electronegativities are Pauling's, from pymatgen.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from math import gcd
from pathlib import Path
from random import Random

import torch
from pymatgen.analysis.prototypes._data import AFLOW_PROTOTYPE_LIBRARY
from pymatgen.core import Composition, Element
from smact.utils.oxidation import ICSD24OxStatesFilter
from torch import Tensor

import oracles
from gfnmat.space.structure.volume import ElementVolumes
from oracles.potential.prototypes import pattern, patterns
from oracles.potential.references import load

PATH = Path(__file__).with_name("ionic_volumes.json")
ELEMENTS = [Element.from_Z(number) for number in range(1, 104)]

ANIONS = {
    "H": (1,), "F": (1,), "Cl": (1,), "Br": (1,), "I": (1,), "O": (2, 1), "S": (2, 1), "Se": (2,), "Te": (2,),
    "N": (3,), "P": (3, 1), "As": (3,), "Sb": (3,), "Bi": (3,), "C": (4,), "Si": (4,), "Ge": (4,), "B": (3, 1),
}  # fmt: skip
"""Charges, without the sign."""

SALTS = [*["O"] * 5, *["F"] * 4, *["S", "Cl"] * 3, *["Se"] * 2, "Te", "Br", "I", "N", "P", "As", "Sb", "H", "C"]
"""Anions of ternary salts, as often as they are drawn."""

METALLOIDS = ("B", "Si", "Ge", "As", "Sb", "Te")
N_TERNARY, N_BINARY_ALLOYS, N_TERNARY_ALLOYS = 1300, 300, 150

LARGEST = 20
"""Atoms in a formula."""

LEAST_BOUND = 0.1
"""Formation energy (eV/atom) above which a formula is not taken for a compound."""

WEIGHTS = {"salt": 1.0, "alloy": 0.5, "crystal": 2.0, "element": 0.3}

OUTLIER = 0.15
"""Error of ln V from which on it counts linearly."""

PRIOR, NEIGHBOUR = 0.3, 3.0
"""Weights of a parameter's squared distance from the common value and from that of its neighbour."""

Formula = tuple[tuple[str, int], ...]


def formula(counts: dict[str, int]) -> Formula:
    """Reduced and in alphabetical order, so that equal compounds are equal."""
    divisor = gcd(*counts.values())
    return tuple(sorted((symbol, n // divisor) for symbol, n in counts.items()))


def cations() -> dict[str, list[int]]:
    """Common positive charges of the elements that CHGNet knows; none where there are none."""
    table = ICSD24OxStatesFilter().filter(consensus=3, include_zero=False, commonality="medium")
    states = {
        element: [int(state) for state in str(listed).split()]
        for element, listed in zip(table["element"], table["oxidation_state"], strict=True)
    }
    return {symbol: [q for q in states.get(symbol, []) if q > 0] for symbol in sorted(load("chgnet").elements)}


def binary_salts() -> Iterator[Formula]:
    """Every cation with every more electronegative anion."""
    for anion, charges in ANIONS.items():
        for cation, states in cations().items():
            if Element(cation).X < Element(anion).X:
                yield from (formula({cation: q, anion: p}) for q in charges for p in states)


def ternary_salts(random: Random) -> Iterator[Formula]:
    """Two random cations and an anion, without end."""
    states = cations()
    symbols = [symbol for symbol, charges in states.items() if charges]
    while True:
        anion = random.choice(SALTS)
        a, b = random.sample(symbols, 2)
        if max(Element(a).X, Element(b).X) >= Element(anion).X:
            continue
        n, m = random.choice([(1, 1), (1, 1), (2, 1), (1, 2), (3, 1), (1, 3)])
        positive, negative = n * random.choice(states[a]) + m * random.choice(states[b]), ANIONS[anion][0]
        yield formula({a: n * negative, b: m * negative, anion: positive})


def alloys(random: Random, stoichiometries: list[tuple[int, ...]]) -> Iterator[Formula]:
    """Random metals and metalloids, without end."""
    symbols = [s for s in sorted(load("chgnet").elements) if Element(s).is_metal or s in METALLOIDS]
    while True:
        amounts = random.choice(stoichiometries)
        yield formula(dict(zip(random.sample(symbols, len(amounts)), amounts, strict=True)))


def some(formulas: Iterator[Formula], n: int | None = None) -> list[Composition]:
    """The first n different formulas (all, without n), less those that no prototype can hold."""
    found: dict[Formula, None] = {}
    for entry in formulas:
        found[entry] = None
        if len(found) == n:
            break
    return [
        Composition(dict(entry))
        for entry in found
        if sum(k for _, k in entry) <= LARGEST and pattern([k for _, k in entry]) in patterns()
    ]


def computed(compositions: list[Composition], block: int = 50) -> Iterator[tuple[Composition, float]]:
    """Those of the compositions that are compounds by CHGNet, and their volumes (A^3/atom)."""
    oracle = oracles.build("chgnet", protocol="equation_of_state", prototypes=2)
    for start in range(0, len(compositions), block):
        print(f"{start} of {len(compositions)}", flush=True)
        some_of_them = compositions[start : start + block]
        for composition, answer in zip(some_of_them, oracle.evaluate(some_of_them), strict=True):
            if answer.status == "done" and answer.values["formation_energy"] < LEAST_BOUND:
                yield composition, answer.values["volume_per_atom"]


def training_set() -> Iterator[tuple[Composition, float, float]]:
    """Compositions, volumes (A^3/atom) and weights."""
    random = Random(0)
    salts = some(binary_salts()) + some(ternary_salts(random), N_TERNARY)
    mixed = some(alloys(random, [(1, 1), (1, 2), (1, 3), (1, 5), (2, 3)]), N_BINARY_ALLOYS)
    mixed += some(alloys(random, [(1, 1, 1), (2, 1, 1)]), N_TERNARY_ALLOYS)
    yield from ((composition, volume, WEIGHTS["salt"]) for composition, volume in computed(salts))
    yield from ((composition, volume, WEIGHTS["alloy"]) for composition, volume in computed(mixed))
    for entry in AFLOW_PROTOTYPE_LIBRARY:
        crystal = entry["snl"].structure
        yield crystal.composition, crystal.volume / len(crystal), WEIGHTS["crystal"]
    for symbol, reference in load("chgnet").elements.items():
        yield Composition(symbol), reference.volume, WEIGHTS["element"]


def neighbour(element: Element) -> Element | None:
    """The element that an element resembles: above it, or, for an f element, before it; None for the first ones."""
    if element.symbol in ("La", "Ac"):
        return Element("Y") if element.symbol == "La" else Element("La")
    if element.is_lanthanoid or element.is_actinoid:
        return Element.from_Z(element.Z - 1)
    above = [e for e in ELEMENTS if 2 <= e.row == element.row - 1 and e.group == element.group]
    return above[0] if above else None


def elemental_volumes() -> Tensor:
    """Volume (A^3/atom) by CHGNet, else the measured one, else that of the neighbour."""
    references = load("chgnet").elements
    found: dict[Element, float] = {}
    for element in ELEMENTS:
        if element.symbol in references:
            found[element] = references[element.symbol].volume
        elif element.molar_volume:
            found[element] = float(element.molar_volume) / 0.60221
        else:
            similar = neighbour(element)
            assert similar is not None
            found[element] = found[similar]
    return torch.tensor(list(found.values()), dtype=torch.float64)


def electronegativities() -> Tensor:
    """Pauling's; He, Ne and Ar, which have none, take krypton's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.tensor([element.X for element in ELEMENTS], dtype=torch.float64).nan_to_num(Element("Kr").X)


def fit(compositions: list[Composition], volumes: Tensor, weights: Tensor) -> ElementVolumes:
    """Least absolute deviation of ln V, squared where small, with the elements held together."""
    fractions = torch.tensor(
        [[composition.get_atomic_fraction(element) for element in ELEMENTS] for composition in compositions],
        dtype=torch.float64,
    )
    starting, chi = elemental_volumes(), electronegativities()
    similar = [(element.Z - 1, other.Z - 1) for element in ELEMENTS if (other := neighbour(element)) is not None]
    one, other = torch.tensor(similar).T
    common = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    crowding = torch.zeros((), dtype=torch.float64, requires_grad=True)
    own = torch.zeros(3, len(ELEMENTS), dtype=torch.float64, requires_grad=True)

    def model() -> ElementVolumes:
        swelling, shrinkage, growth = common + own
        return ElementVolumes(chi, starting * swelling.exp(), shrinkage, growth, crowding)

    def loss() -> Tensor:
        error = model()(fractions).log() - volumes.log()
        misfit = torch.nn.functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=OUTLIER)
        prior = PRIOR * own.square().sum() + NEIGHBOUR * (own[:, one] - own[:, other]).square().sum()
        return (weights * misfit).sum() / OUTLIER + prior

    optimiser = torch.optim.LBFGS([common, own, crowding], max_iter=500, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimiser.step(step)
    with torch.no_grad():
        error = (model()(fractions).log() - volumes.log()).abs()
        print(f"{len(error)} compounds, mean error of ln V {error.mean():.3f}, median {error.median():.3f}")
        return replace(model(), crowding=crowding.detach())


def main() -> None:
    """Compute the volumes of the compounds, fit, and write."""
    compositions, volumes, weights = zip(*training_set(), strict=True)
    fitted = fit(list(compositions), *torch.tensor([volumes, weights], dtype=torch.float64))
    columns = torch.stack([fitted.electronegativity, fitted.neutral, fitted.shrinkage, fitted.growth], 1)
    data = {
        "crowding": round(float(fitted.crowding), 4),
        "columns": ["electronegativity", "neutral", "shrinkage", "growth"],
        "elements": {
            element.symbol: [round(x, 4) for x in row] for element, row in zip(ELEMENTS, columns.tolist(), strict=True)
        },
    }
    PATH.write_text(json.dumps(data, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
