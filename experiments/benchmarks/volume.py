"""Predicted volumes against those of real crystals, beside simpler guesses.

python experiments/benchmarks/volume.py STRUCTURES.csv.gz

The table has a column of structures, as POSCAR, CIF or pymatgen's JSON; the first that can be read is taken.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import defaultdict
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from machine import describe
from pymatgen.analysis.structure_prediction.volume_predictor import DLSVolumePredictor
from pymatgen.core import Composition, Element, Structure

from gfnmat.space.candidates import N_ELEMENTS
from gfnmat.space.structure.volume import predicted_volume
from oracles.potential.references import load

FACTORS = (1.3, 1.5, 2.0)
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
PACKING = 0.68
"""Share of the volume that ions fill as spheres: rocksalt's is 0.52 to 0.79."""

FAMILIES = ("F", "O", "Cl", "N", "Br", "S", "Se", "I", "C", "H", "P", "Te", "As", "B", "Sb", "Si", "Ge")
"""Anions; a compound belongs to the first that it has."""

N_WORST = 3
REPEATS = 20


def structures(table: pd.DataFrame) -> list[Structure]:
    """The structures of the first column that holds any."""
    for _, column in table.select_dtypes(exclude="number").items():
        entries = column.astype(str)
        for form in ("poscar", "cif", "json"):
            try:
                Structure.from_str(entries.iloc[0], fmt=form)
            except Exception:  # readers fail on foreign text each in its own way
                continue
            return [Structure.from_str(entry, fmt=form) for entry in entries]
    raise SystemExit(f"no column holds structures as POSCAR, CIF or JSON: {', '.join(map(str, table))}")


def counts(compositions: list[Composition]) -> torch.Tensor:
    """Atoms per cell, a column an element."""
    rows = torch.zeros(len(compositions), N_ELEMENTS, dtype=torch.int64)
    for row, composition in zip(rows, compositions, strict=True):
        for element, n in composition.items():
            row[element.Z - 1] = round(n)
    return rows


def of_elements(composition: Composition) -> float:
    """Each atom takes the volume that it has in its element."""
    references = load("chgnet").elements
    return sum(n * references[e.symbol].volume if e.symbol in references else math.nan for e, n in composition.items())


def of_ions(composition: Composition) -> float:
    """Each atom is a sphere of its average radius, as an anion if the most electronegative, else as a cation."""
    anion = max(composition, key=lambda element: element.X)

    def radius(element: Element) -> float:
        ionic = element.average_anionic_radius if element == anion else element.average_cationic_radius
        return float(ionic or element.atomic_radius or math.nan)

    return 4 / 3 * math.pi * sum(n * radius(element) ** 3 for element, n in composition.items()) / PACKING


def of_bonds(structure: Structure) -> float:
    """What pymatgen's DLSVolumePredictor makes of the structure, of which it knows more than the composition."""
    try:
        return float(DLSVolumePredictor().predict(structure))
    except (ValueError, KeyError, RuntimeError):
        return math.nan


def figures(name: str, error: np.ndarray) -> str:
    """One line of the table."""
    error = error[np.isfinite(error)]
    size = np.abs(error)
    within = "".join(f"{(size < math.log(factor)).mean():8.1%}" for factor in FACTORS)
    return (
        f"{name:34s}{len(error):6d}{size.mean():8.3f}{np.median(size):8.3f}{np.median(error):+8.3f}{error.std():8.3f}"
        + within
    )


def main() -> None:
    """Print the comparison, the quantiles of the error, and the worst cases of each family of compounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="a CSV file with a column of structures")
    path = parser.parse_args().table
    warnings.simplefilter("ignore")
    crystals = structures(pd.read_csv(path))
    compositions = [crystal.composition for crystal in crystals]
    true = np.log([crystal.volume for crystal in crystals])
    rows = counts(compositions)
    seconds = []
    for _ in range(REPEATS):
        start = perf_counter()
        predicted = predicted_volume(rows)
        seconds.append(perf_counter() - start)
    error = true - predicted.log().numpy()
    guesses = {
        "gfnmat": error,
        "volumes of the elements": true - np.log([of_elements(composition) for composition in compositions]),
        "ionic radii": true - np.log([of_ions(composition) for composition in compositions]),
        "bond lengths (knows the structure)": true - np.log([of_bonds(crystal) for crystal in crystals]),
    }
    print(describe("pymatgen"))
    each = np.median(seconds) / len(rows) * 1e6
    print(f"ln(true/predicted volume) of {len(crystals)} crystals; {each:.1f} us a composition")
    head = "".join(f"{f'< x{factor}':>8s}" for factor in FACTORS)
    print(f"{'':34s}{'n':>6s}{'mean||':>8s}{'med||':>8s}{'median':>8s}{'std':>8s}{head}")
    for name, errors in guesses.items():
        print(figures(name, errors))
    print("quantiles of gfnmat's:", ", ".join(f"{q:.0%} {np.quantile(error, q):+.3f}" for q in QUANTILES))

    families = defaultdict(list)
    for k, composition in enumerate(compositions):
        symbols = {element.symbol for element in composition}
        families[next((symbol for symbol in FAMILIES if symbol in symbols), "alloys")].append(k)
    print("\nby anion, with the worst of each")
    for family in (*FAMILIES, "alloys"):
        if members := families[family]:
            worst = sorted(members, key=lambda k: -abs(error[k]))[:N_WORST]
            cases = ", ".join(f"{compositions[k].reduced_formula} {error[k]:+.2f}" for k in worst)
            print(f"{figures(family, error[members])}  {cases}")


if __name__ == "__main__":
    main()
