"""Energies of many crystals, each on its own risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oracles.evaluation import InfeasibleError
from oracles.oracle import isolated

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential


def energies(potential: Potential, structures: Sequence[Structure]) -> list[float | Exception]:
    """Return the energy of each structure (eV/atom), or why it has none; one never costs another its own."""
    answers: list[float | Exception] = []
    for start in range(0, len(structures), potential.batch):
        answers += isolated(potential.energies, structures[start : start + potential.batch])
    return [
        InfeasibleError(f"the potential answers {answer} eV/atom")
        if isinstance(answer, float) and not math.isfinite(answer)
        else answer
        for answer in answers
    ]
