"""What a prior of crystals knows of structures that it was not shown, beside the grammar's own preferences.

    python experiments/benchmarks/crystal_prior.py TABLE --structures COLUMN [--held 0.2] [--seed 0]

TABLE holds known structures. Of its formulas a share is held out by the seed, with all their structures;
`CrystalPrior.train` sees the others alone, and holds a tenth of these out for itself. Printed are

- nats of a crystal that is held out, phase by phase, after its formula is given;
- of `--formulas` of those held out, drawn evenly, each in `CrystalSpace(formula=...)` with as many atoms in the cell as
  the crystal has: how often its space group, and its motif (the group with the Wyckoff letters of each element), are
  among the first 20 of `--samples` untrained draws, and the motif among all; which share of the draws has the group and
  the motif; and which share of the first hundred has no contact below 0.7 of the sum of the radii;
- in another space (`ELEMENTS`), the formation energy of untrained draws by the `ionic` oracle, over three seeds, with
  no prior, with the structures of this one alone, with the package's prior of formulas alone, and with both; and how
  many are drawn a CPU second.

Nothing is trained on a reward. Oracle calls are those of the last part: the draws.
"""

from __future__ import annotations

import argparse
from time import process_time

import numpy as np
import torch
from machine import describe

import oracles
from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.flow.prior.crystal_prior import CrystalPrior, space_of
from gfnmat.flow.prior.prior import FormulaPrior
from gfnmat.flow.prior.reading import Prior
from gfnmat.flow.prior.structure_fit import PhaseTable, StructureFit, held_out, nats
from gfnmat.flow.prior.structures import encoded_crystals, known_structures
from gfnmat.space.sentences import decisions_in
from oracles.potential.guards import CLOSEST_CONTACT, closest_contact

ELEMENTS = ["Na", "K", "Rb", "Sr", "Ba", "Zn", "Cd", "Ga", "Ge", "Sn", "In", "O", "S", "Se", "Br", "I"]
WORST = 2.0  # eV/atom, what an infeasible crystal counts as
SEEDS = (0, 1, 2)
EARLY = 20  # draws


def print_nats(prior: CrystalPrior, known: Candidates, held: torch.Tensor) -> None:
    """Nats of the crystals held out, phase by phase."""
    space = space_of(known)
    environment = space.environment()
    decisions, _ = decisions_in(space, environment, known)
    tables = [table.of(held) for table in PhaseTable.all_of(environment, decisions)]
    n = int(held.sum())
    print(f"{'nats a crystal held out':28s}{'grammar':>10s}{'prior':>10s}")
    for table in tables:
        print(f"{table.phase.name.lower():28s}{nats([table], None, n):10.2f}{nats([table], prior.structures, n):10.2f}")
    print(f"{'in all':28s}{nats(tables, None, n):10.2f}{nats(tables, prior.structures, n):10.2f}", flush=True)


def print_recovery(prior: CrystalPrior, crystals: Candidates, samples: int, seed: int) -> None:
    """How often the group and the motif of known crystals are drawn when their formula is given."""
    print(
        f"\n{len(crystals)} crystals held out, {samples} draws each\n"
        f"{'':10s}{'group in 20':>12s}{'motif in 20':>12s}{'motif in all':>13s}{'same group':>12s}{'same motif':>12s}"
        f"{'room':>8s}"
    )
    for name, used in (("grammar", None), ("prior", prior)):
        found = []
        for crystal in crystals:
            n_atoms = int(crystal.counts.sum())
            space = CrystalSpace(formula=crystal.formulas[0], n_atoms=(n_atoms, n_atoms), chemistry="any")
            drawn = GFlowNet(space, seed=seed, prior=used).sample_untrained(samples)
            assert drawn.crystals is not None
            assert crystal.crystals is not None
            group = (drawn.crystals.group == crystal.crystals.group).numpy()
            motif = np.array(drawn.crystals.motifs) == crystal.crystals.motifs[0]
            rooms = [closest_contact(structure)[0] >= CLOSEST_CONTACT for structure in drawn.structures[:100]]
            first = slice(EARLY)
            found.append(
                [group[first].any(), motif[first].any(), motif.any(), group.mean(), motif.mean(), np.mean(rooms)]
            )
        shares = np.array(found, dtype=float).mean(0)
        widths = (12, 12, 13, 12, 12, 8)
        columns = (f"{share:{width}.1%}" for share, width in zip(shares, widths, strict=True))
        print(f"{name:10s}" + "".join(columns), flush=True)


def print_energies(prior: CrystalPrior, formulas: FormulaPrior, samples: int) -> None:
    """The ionic energy of untrained draws in another space."""
    space = CrystalSpace(ELEMENTS, n_elements=(2, 3), n_atoms=(2, 10))
    oracle = oracles.build("ionic")
    both = CrystalPrior(prior.structures, prior.log_units, formulas, {})
    print(
        f"\n{space}, {samples} draws a seed\n"
        f"{'formation energy, eV/atom':28s}{'mean':>8s}{'median':>8s}{'best 10 %':>10s}{'formulas':>10s}"
        f"{'a second':>10s}   means by seed"
    )
    kinds: list[tuple[str, Prior | None]] = [
        ("no prior", None),
        ("structures", prior),
        ("formulas", formulas),
        ("formulas and structures", both),
    ]
    for name, used in kinds:
        energies, distinct, seconds = [], [], 0.0
        for seed in SEEDS:
            flow = GFlowNet(space, seed=seed, prior=used)
            start = process_time()
            drawn = flow.sample_untrained(samples)
            seconds += process_time() - start
            answers = oracle.evaluate(drawn.structures)
            energies.append([min(answer.values.get("formation_energy", WORST), WORST) for answer in answers])
            distinct.append(len(set(drawn.formulas)))
        table = np.array(energies)
        means = ", ".join(f"{mean:.3f}" for mean in table.mean(1))
        print(
            f"{name:28s}{table.mean():8.3f}{np.median(table):8.3f}{np.quantile(table, 0.1):10.3f}"
            f"{np.mean(distinct):10.0f}{len(SEEDS) * samples / seconds:10.0f}   {means}",
            flush=True,
        )


def main() -> None:
    """Trains on what is not held out, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--structures", required=True, help="column of the structures")
    parser.add_argument("--held", type=float, default=0.2)
    parser.add_argument("--formulas", type=int, default=50)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(describe("pymatgen", "spglib"))
    structures, unread = known_structures(given.table, given.structures)
    crystals, reasons = encoded_crystals(structures, atoms=20, elements=5)
    known = crystals.distinct()
    held = held_out(known.formulas, given.held, given.seed)
    print(
        f"{given.table}: {len(structures)} structures, {unread} not read, {len(reasons)} beyond the grammar; "
        f"{len(known)} distinct crystals, {int(held.sum())} held out, seed {given.seed}"
    )
    start = process_time()
    prior = CrystalPrior.train(known[~held], None, StructureFit(seed=given.seed))
    print(f"trained in {process_time() - start:.0f} CPU seconds; {prior.provenance['held_out']}")
    print_nats(prior, known, held)
    rows = held.nonzero().squeeze(-1)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(given.seed))
    print_recovery(prior, known[rows[order[: given.formulas]]], given.samples, given.seed)
    print_energies(prior, FormulaPrior.load("default"), given.samples)


if __name__ == "__main__":
    main()
