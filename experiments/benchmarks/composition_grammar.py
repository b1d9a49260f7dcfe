"""The composition grammar at full size: how long its tables take, and whether every sample is valid.

    python experiments/benchmarks/composition_grammar.py [--samples 100000] [--seed 0]

80 elements, 2 to 5 of them in a formula, 2 to 20 atoms, an untrained policy. Each distinct sample is checked with
`smact.screening.smact_validity` under the options it is stated for. Sampling stops with an error at a dead end, which
would leave the policy without an allowed action; nothing is rejected or drawn again.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import torch
from machine import describe
from pymatgen.core import Element
from smact import metals
from smact.screening import ICSD24FilterConfig, smact_validity

from gfnmat import CompositionSpace, GFlowNet

LEFT_OUT = {"He", "Ne", "Ar", "Kr", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa"}
ELEMENTS = [Element.from_Z(z).symbol for z in range(1, 93) if Element.from_Z(z).symbol not in LEFT_OUT]
BATCH = 1024


def build(commonality: str) -> tuple[CompositionSpace, float]:
    """The space and the seconds that its tables took, with SMACT's own data already read."""
    CompositionSpace(["Li", "O"], commonality=commonality)
    start = perf_counter()
    space = CompositionSpace(ELEMENTS, (2, 5), (2, 20), commonality=commonality)
    return space, perf_counter() - start


def main() -> None:
    """Prints the figures for the loose and the strict table of oxidation states."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(describe("smact", "torchgfn"))
    print(f"{len(ELEMENTS)} elements, 2-5 kinds, 2-20 atoms, {arguments.samples} samples, seed {arguments.seed}")
    for commonality in ("low", "medium"):
        space, seconds = build(commonality)
        print(f"commonality={commonality}: tables in {seconds:.2f} s")
        flow = GFlowNet(space, seed=arguments.seed)
        flow.sample(BATCH, batch_size=BATCH)
        start = perf_counter()
        sample = flow.sample(arguments.samples, batch_size=BATCH)
        seconds = perf_counter() - start
        distinct = sample.distinct()
        config = ICSD24FilterConfig(consensus=3, commonality=commonality)
        valid = torch.tensor(
            [
                smact_validity(
                    composition,
                    include_alloys=False,
                    check_metallicity=False,
                    mixed_valence=False,
                    icsd_filter=config,
                )
                for composition in distinct.compositions
            ]
        )
        alloys = sum(all(str(e) in metals for e in composition) for composition in distinct.compositions)
        print(
            f"  {arguments.samples / seconds:,.0f} samples/s at batch {BATCH}; {len(distinct)} distinct, "
            f"{int(valid.sum())} of them pass smact_validity ({100 * float(valid.double().mean()):.3f} %); "
            f"all-metal formulas {100 * alloys / len(distinct):.1f} %; rejected 0, no dead end"
        )


if __name__ == "__main__":
    main()
