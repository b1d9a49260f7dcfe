"""Runs any oracle through the contract on materials that show what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracles.contract import OracleContract
from oracles.evaluation import Evaluation
from oracles.oracle import Oracle

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


@dataclass(frozen=True)
class Verdict:
    """A promise by name and as a sentence, and how an oracle breaks it; None if it is kept."""

    name: str
    promise: str
    broken: str | None


def probes() -> dict[str, Composition | Structure]:
    """Return materials by name: simple ones as composition and as crystal, and some that are no materials."""
    from pymatgen.core import Composition, DummySpecies, Lattice, Structure

    half = [0.5, 0.5, 0.5]

    def rock_salt(a: float, first: str, second: str) -> Structure:
        cubic = Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [first, second], [[0, 0, 0], half])
        return cubic.get_primitive_structure()

    return {
        **{formula: Composition(formula) for formula in ("NaCl", "MgO", "TiO2", "SrTiO3")},
        "a crystal of NaCl": rock_salt(5.64, "Na", "Cl"),
        "a crystal of MgO": rock_salt(4.21, "Mg", "O"),
        "HeNe": Composition("HeNe"),
        "a placeholder for an element": Composition({DummySpecies("X"): 1, "O": 2}),
        "a disordered crystal": Structure(Lattice.cubic(4.2), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], half]),
        "coincident atoms": Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]]),
    }


def verdicts(oracle: Oracle, materials: dict[str, Composition | Structure]) -> list[Verdict]:
    """Ask an oracle about each material alone, and then run it through the contract on what it answers and refuses.

    The first verdict is on the single questions: it is broken where one of them had no verdict on its material
    (`retryable`), or none had an answer.
    """
    alone: dict[str, Evaluation] = {name: oracle.evaluate([material])[0] for name, material in materials.items()}
    first = Verdict("single questions", "Each material is answered or refused.", _objection(alone))
    good = [materials[name] for name, evaluation in alone.items() if evaluation.status == "done"]
    bad = [materials[name] for name, evaluation in alone.items() if evaluation.status == "infeasible"]
    return [first, *(_kept(oracle, good, bad) if good else [])]


def _objection(alone: dict[str, Evaluation]) -> str | None:
    undecided = [f"{name}: {e.error}" for name, e in alone.items() if e.status == "retryable"]
    if undecided:
        return "no verdict on " + "; ".join(undecided)
    if all(evaluation.status != "done" for evaluation in alone.values()):
        return "nothing is answered: " + "; ".join(f"{name}: {e.error}" for name, e in alone.items())
    return None


def _kept(
    oracle: Oracle, good: Sequence[Composition | Structure], bad: Sequence[Composition | Structure]
) -> list[Verdict]:
    contract = type("Given", (OracleContract,), {"make": lambda _: oracle, "good": good, "bad": bad})()
    found = []
    for name in (name for name in vars(OracleContract) if name.startswith("test_")):
        test = getattr(contract, name)
        broken = None
        try:
            test()
        except Exception as reason:
            said = str(reason) or "not so"
            broken = said if isinstance(reason, AssertionError) else f"{type(reason).__name__}: {said}"
        found.append(Verdict(name.removeprefix("test_").replace("_", " "), str(test.__doc__).strip(), broken))
    return found
