"""Known crystals and priors fitted to them, which the tests of this folder share."""

import pytest
from pymatgen.core import Structure

from gfnmat import Candidates
from gfnmat.flow.prior.crystal_prior import CrystalPrior
from gfnmat.flow.prior.likelihood import Fit
from gfnmat.flow.prior.prior import FormulaPrior, Sizes
from gfnmat.flow.prior.structure_fit import StructureFit
from gfnmat.flow.prior.structures import encoded_crystals
from gfnmat.space.crystal.templates import at_prediction

SALTS = {"Li": "FClBr", "Na": "FCl", "K": "FClBr", "Mg": "OS", "Ca": "OS", "Sr": "OS"}
FLUORITES = {"Ca": "F", "Sr": "FCl", "Ba": "FCl", "Zr": "O", "Ce": "O"}


def _elements(word: str) -> list[str]:
    return (
        word.replace("Cl", " Cl").replace("Br", " Br").replace("F", " F").replace("O", " O").replace("S", " S").split()
    )


@pytest.fixture(scope="session")
def known_crystals() -> list[Structure]:
    """Rock salts, and dihalides and dioxides in the structure of fluorite, at the volumes that are predicted."""
    found = []
    for kinds, third in ((SALTS, False), (FLUORITES, True)):
        for cation, anions in kinds.items():
            for anion in _elements(anions):
                cell = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
                if third:
                    sites, places = [cation, anion, anion], [[0, 0, 0], [0.25] * 3, [0.75] * 3]
                else:
                    sites, places = [cation, anion], [[0, 0, 0], [0.5] * 3]
                found.append(at_prediction(Structure(cell, sites, places)))
    return found


@pytest.fixture(scope="session")
def crystal_prior(known_crystals: list[Structure]) -> CrystalPrior:
    """Of structures alone."""
    crystals, reasons = encoded_crystals(known_crystals, atoms=8, elements=3)
    assert not reasons
    return CrystalPrior.train(crystals, None, StructureFit(passes=40, held=0.2), {"data": "rock salts and fluorites"})


@pytest.fixture(scope="session")
def binary_prior() -> FormulaPrior:
    """Of formulas of one or two of seven elements with up to five atoms, each of which it has a word for."""
    elements = ["Li", "Na", "Mg", "O", "S", "F", "Cl"]
    formulas = [
        f"{first}{n}{second}{m}"
        for place, first in enumerate(elements)
        for second in elements[place + 1 :]
        for n in range(1, 5)
        for m in range(1, 6 - n)
    ]
    fit = Fit(passes=5, batch=32, brain_floats=False, beside=0.0)
    return FormulaPrior.train(Candidates.of([*elements, *formulas]), Sizes(elements=2, atoms=5, count=5), fit)
