"""Which estimate of a formation energy from the formula alone is worth having: rank correlations.

    python experiments/benchmarks/composition_estimates.py [--energies mp_formation_energy.csv.gz] [--seed 100]

Candidates: `pauling`, and what matminer's featurizers and pymatgen say of a formula that might rank stability. Judges:
CHGNet's single points on prototypes of 300 random formulas of an ionic space of twelve elements, and 500 random
formulas of a table of formation energies (columns `formula` and `formation_energy_per_atom`, eV/atom). Printed is
Spearman's correlation with either judge, signed so that a good estimate is positive, and the share of formulas that it
answers.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from machine import describe
from matminer.featurizers.composition import (
    BandCenter,
    ElectronegativityDiff,
    IonProperty,
    Miedema,
    OxidationStates,
    Stoichiometry,
)
from pymatgen.core import Composition
from scipy.stats import spearmanr

import oracles
from gfnmat.proposers.random import RandomProposer
from gfnmat.space.composition.space import CompositionSpace

ELEMENTS = ("Li", "Na", "Mg", "Ca", "Al", "Ti", "Fe", "Zn", "Si", "O", "F", "S")


def candidates() -> dict[str, Callable[[Composition], float]]:
    """Estimate of the formation energy by name; a lower value means more stable."""
    pauling = oracles.build("pauling")
    bands, miedema, ions = BandCenter(), Miedema(struct_types="inter"), IonProperty(fast=True)
    difference = ElectronegativityDiff()
    states, norm = OxidationStates(stats=["range"]), Stoichiometry(p_list=(2,))

    def by_pauling(composition: Composition) -> float:
        return pauling.evaluate([composition])[0].values["formation_energy"]

    def with_states(composition: Composition) -> Composition:
        return Composition(composition.add_charges_from_oxi_state_guesses(max_sites=-30))

    return {
        "pauling": by_pauling,
        "band centre (BandCenter)": lambda c: bands.featurize(c)[0],
        "Miedema, intermetallic": lambda c: miedema.featurize(c)[0],
        "mean ionic character (IonProperty)": lambda c: -ions.featurize(c)[2],
        "cation-anion electronegativity (ElectronegativityDiff)": lambda c: -difference.featurize(with_states(c))[2],
        "range of oxidation states": lambda c: -states.featurize(with_states(c))[0],
        "evenness of the formula (Stoichiometry)": lambda c: norm.featurize(c)[0],
    }


def judged(estimate: Callable[[Composition], float], formulas: list[Composition], energy: np.ndarray) -> str:
    """Correlation with the energies, and the share that is answered."""
    values = np.full(len(formulas), np.nan)
    for at, formula in enumerate(formulas):
        try:
            values[at] = estimate(formula)
        except Exception:  # featurizers fail each in its own way on what they do not know
            continue
    known = np.isfinite(values)
    if known.sum() < 10:
        return f"{'':>6}   {known.mean():4.0%}"
    return f"{spearmanr(values[known], energy[known]).statistic:6.2f}   {known.mean():4.0%}"


def main() -> None:
    """Judge all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energies", type=Path)
    parser.add_argument("--seed", type=int, default=100)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(describe("matminer", "chgnet"))
    judges: dict[str, tuple[list[Composition], np.ndarray]] = {}
    space = CompositionSpace(elements=ELEMENTS, n_elements=(2, 4), n_atoms=(2, 12))
    drawn = list(RandomProposer(space).propose(300, None, given.seed).candidates.compositions)
    answers = oracles.build("chgnet", device="cpu").evaluate(drawn)
    kept = [(c, a.values["formation_energy"]) for c, a in zip(drawn, answers, strict=True) if a.status == "done"]
    judges[f"CHGNet ({len(kept)})"] = ([c for c, _ in kept], np.array([e for _, e in kept]))
    if given.energies is not None:
        frame = pd.read_csv(given.energies, keep_default_na=False).sample(500, random_state=given.seed)
        compounds = [Composition(formula) for formula in frame.formula]
        judges["table (500)"] = (compounds, frame.formation_energy_per_atom.to_numpy(dtype=float))
    print(f"{'':56}" + "   ".join(f"{name:>13}" for name in judges))
    for name, estimate in candidates().items():
        print(f"{name:56}" + "   ".join(judged(estimate, *judge) for judge in judges.values()), flush=True)


if __name__ == "__main__":
    main()
