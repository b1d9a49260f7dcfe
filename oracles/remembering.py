"""Answers that were computed before, by any campaign of this user, are not computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.evaluation import Evaluation, UnavailableError
from oracles.level_cache import LevelCache
from oracles.potential.oracle import PotentialOracle

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

DECIMALS = 6
"""Of A and of cell edges, to which crystals are the same."""


class Remembering:
    """A potential's oracle with a memory: what it answers, the same material at the same settings and versions always.

    Only answers about materials are kept, values and infeasible ones; faults of the machine are tried again.
    An answer that is remembered is as it was given, with the time that it took then.

    oracle: answers what is not known yet. file: the memory, which several processes may share.
    """

    def __init__(self, oracle: PotentialOracle, file: Path) -> None:
        self.oracle = oracle
        self.properties = oracle.properties
        level = json.dumps(oracle.provenance, sort_keys=True)
        self._memory = LevelCache(file, hashlib.sha256(level.encode()).hexdigest())

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return what the oracle does."""
        return self.oracle.admits(materials)

    def accepts(self, structures: Sequence[Structure]) -> list[bool]:
        """Return what the oracle does."""
        return self.oracle.accepts(structures)

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return one evaluation a material, remembered or computed now; if the memory is at fault, none is lost."""
        names = [_name(material) for material in materials]
        try:
            known = self._memory.get([name for name in names if name is not None])
        except UnavailableError as reason:
            return [Evaluation.retryable(str(reason))] * len(materials)
        missing = [at for at, name in enumerate(names) if name not in known]
        computed = dict(zip(missing, self.oracle.evaluate([materials[at] for at in missing]), strict=True))
        kept = {
            name: _written(evaluation)
            for at, evaluation in computed.items()
            if (name := names[at]) is not None and evaluation.status != "retryable"
        }
        with suppress(UnavailableError):  # what was computed is answered all the same
            self._memory.keep(kept)
        return [computed[at] if at in computed else _read(known[str(name)]) for at, name in enumerate(names)]


def _name(material: Any) -> str | None:
    """Return what materials that are the same share; None for what is no material."""
    from pymatgen.core import Composition, Structure

    if isinstance(material, Structure):
        sites = [[_amounts(site.species), site.frac_coords.round(DECIMALS).tolist()] for site in material]
        content: Any = [material.lattice.matrix.round(DECIMALS).tolist(), sites]
    elif isinstance(material, Composition):
        content = _amounts(material)
    else:
        return None
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _amounts(composition: Composition) -> list[tuple[str, float]]:
    return sorted((str(species), amount) for species, amount in composition.items())


def _written(evaluation: Evaluation) -> dict[str, Any]:
    structure = None if evaluation.structure is None else evaluation.structure.as_dict()
    return {
        "status": evaluation.status,
        "values": dict(evaluation.values),
        "errors": dict(evaluation.errors),
        "structure": structure,
        "seconds": evaluation.seconds,
        "error": evaluation.error,
        "provenance": dict(evaluation.provenance),
    }


def _read(kept: dict[str, Any]) -> Evaluation:
    from pymatgen.core import Structure

    structure = None if kept["structure"] is None else Structure.from_dict(kept["structure"])
    return Evaluation(**{**kept, "structure": structure})
