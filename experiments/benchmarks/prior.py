"""How many known formulas a prior over compositions finds again that it was not shown, beside plain substitution.

    python experiments/benchmarks/prior.py TABLE [--held 5000] [--seed 0] [--passes 36] [--prior FILE]

TABLE is a csv with a column `formula`. Its domain is the reduced formulas of 2-5 elements, at most 8 atoms of each and
20 in all; of these, `--held` are held out by the seed, and everything below knows the others alone.
`FormulaPrior.train` is fitted to them and draws until 10,000, 30,000 and 100,000 distinct formulas of the domain were
found that it was not fitted to. Beside it are known formulas with one element replaced, by another of its group or by
one alike in the sense of `likeness`. These are drawn (a formula, one of its elements, another for it; 3 seeds for the
groups), or all of them are listed once, either shuffled (3 seeds) or ranked by how many ways lead to them, each way
counted as the share of its element among those that could have been taken.

`given` counts what a method had to give for that many new formulas, known and repeated ones and those beyond the domain
included; `a second` is given a CPU second, with the making of a list, but without the fit of the prior, which is
printed on its own. Nothing but the table is asked, so there are no oracle calls.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter, process_time

import torch
from machine import describe
from pymatgen.core import Element
from torch import Tensor

from gfnmat.flow.prior.likelihood import Fit
from gfnmat.flow.prior.prior import FormulaPrior, Sizes
from gfnmat.flow.prior.substitution import likeness, substituted
from gfnmat.flow.prior.tables import known_formulas
from gfnmat.space.candidates import N_ELEMENTS, Candidates

SIZES = Sizes(elements=5, atoms=20, count=8)
MARKS = (10_000, 30_000, 100_000)
BATCH = 16_384
BASELINE_SEEDS = 3
WORDS = torch.randint(-(2**62), 2**62, (N_ELEMENTS,), generator=torch.Generator().manual_seed(0))
METALS = torch.tensor([Element.from_Z(number).is_metal for number in range(1, N_ELEMENTS + 1)])


@dataclass(frozen=True)
class Split:
    """The formulas of the domain, known and held out, `n x 118` each."""

    known: Tensor
    held: Tensor

    @classmethod
    def of(cls, formulas: Candidates, n_held: int, seed: int) -> Split:
        """Holds some out at random."""
        counts = formulas.counts[in_domain(formulas.counts)]
        order = torch.randperm(len(counts), generator=torch.Generator().manual_seed(seed))
        return cls(counts[order[n_held:].sort().values], counts[order[:n_held]])


def in_domain(counts: Tensor) -> Tensor:
    """Which formulas are of the domain, `n` booleans."""
    return SIZES.hold(counts) & ((counts > 0).sum(1) >= 2)


def keys(counts: Tensor) -> Tensor:
    """A number for each formula, linear in its counts; two of ten million share one with odds of 1 to 10^5."""
    return (counts * WORDS).sum(1)


def all_metal(counts: Tensor) -> float:
    """Share of formulas that have metals alone."""
    return float((counts[:, ~METALS] == 0).all(1).float().mean())


def search(name: str, batches: Iterator[Tensor], split: Split, marks: list[int]) -> tuple[Tensor, Tensor]:
    """Takes batches of formulas until the last mark, printing a line at each mark; the new ones and all that came."""
    known, held = set(keys(split.known).tolist()), set(keys(split.held).tolist())
    seen: set[int] = set()
    new, given = [], []
    found = in_table = repeated = beyond = 0
    start, seconds = process_time(), 0.0
    for batch in batches:
        seconds += process_time() - start
        given.append(batch)
        taken = []
        for row, (key, inside) in enumerate(zip(keys(batch).tolist(), in_domain(batch).tolist(), strict=True)):
            if not inside:
                beyond += 1
            elif key in known:
                in_table += 1
            elif key in seen:
                repeated += 1
            else:
                seen.add(key)
                taken.append(row)
                found += key in held
                if len(seen) in marks:
                    total = len(seen) + in_table + repeated + beyond
                    print(
                        f"{name:32s}{len(seen):9,}{found / len(held):11.2%}{found / len(seen):11.2%}{total:11,}"
                        f"{in_table:10,}{repeated:10,}{beyond:8,}{sum(map(len, given)) / seconds:11,.0f}",
                        flush=True,
                    )
                if len(seen) == marks[-1]:
                    break
        new.append(batch[taken])
        if len(seen) == marks[-1]:
            break
        start = process_time()
    else:
        print(f"{name:32s}{len(seen):9,}{found / len(held):11.2%}{found / len(seen):11.2%}  and there are no more")
    return torch.cat(new), torch.cat(given)


def drawn(prior: FormulaPrior, seed: int) -> Iterator[Tensor]:
    """Batches of draws without end."""
    return (prior.sample(BATCH, seed=seed + batch).counts for batch in count())


def replaced(known: Tensor, alike: Tensor, seed: int) -> Iterator[Tensor]:
    """Batches without end of known formulas with an element replaced."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield substituted(known[torch.randint(len(known), (BATCH,), generator=generator)], alike, generator)


def listed(known: Tensor, alike: Tensor, shuffled: int | None = None) -> Iterator[Tensor]:
    """Batches of all that replacing one element makes new, once each: ranked, or shuffled by a seed."""
    shares = (alike / alike.sum(1, keepdim=True).clamp(min=1e-9)).double()
    known_keys = keys(known)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for old, other in shares.nonzero().tolist():
        rows = ((known[:, old] > 0) & (known[:, other] == 0)).nonzero().squeeze(-1)
        key = known_keys[rows] + known[rows, old] * (WORDS[other] - WORDS[old])
        parts.append((key, (rows * N_ELEMENTS + old) * N_ELEMENTS + other, shares[old, other].expand(len(rows))))
    key, step, share = (torch.cat(part) for part in zip(*parts, strict=True))
    key, place = key.unique(return_inverse=True)
    score = torch.zeros(len(key), dtype=torch.float64).index_add_(0, place, share)
    way = torch.empty_like(key).scatter_(0, place, step)
    if shuffled is not None:
        score = torch.rand(len(key), generator=torch.Generator().manual_seed(shuffled), dtype=torch.float64)
    fresh = (~torch.isin(key, known_keys)).nonzero().squeeze(-1)
    for step in way[fresh[score[fresh].argsort(descending=True, stable=True)]].split(BATCH):
        old, other = step // N_ELEMENTS % N_ELEMENTS, step % N_ELEMENTS
        counts, row = known[step // N_ELEMENTS**2].clone(), torch.arange(len(step))
        counts[row, other] = counts[row, old]
        counts[row, old] = 0
        yield counts


def same_group(known: Tensor) -> Tensor:
    """One for each two known elements of a group, lanthanides and actinides in the third, `118 x 118`."""
    group = torch.tensor([Element.from_Z(number).group for number in range(1, N_ELEMENTS + 1)])
    present = (known > 0).any(0)
    alike = (group[:, None] == group) & present[:, None] & present
    return alike.float().fill_diagonal_(0)


def fitted(split: Split, arguments: argparse.Namespace) -> FormulaPrior:
    """The prior of the file, if there is one, or else a new one."""
    origin = {"table": Path(arguments.table).name, "held": arguments.held, "seed": arguments.seed}
    if arguments.prior and Path(arguments.prior).exists():
        prior = FormulaPrior.load(arguments.prior)
        if {name: prior.provenance.get(name) for name in origin} != origin:
            raise SystemExit(f"{arguments.prior} was fitted to {prior.provenance}, not to {origin}.")
        print(f"prior of {arguments.prior}: {prior.provenance}")
        return prior
    cpu, wall = process_time(), perf_counter()
    prior = FormulaPrior.train(
        Candidates(split.known), SIZES, Fit(passes=arguments.passes, seed=arguments.seed), provenance=origin
    )
    print(
        f"fitted in {arguments.passes:g} passes: {(process_time() - cpu) / 60:.1f} CPU minutes, "
        f"{(perf_counter() - wall) / 60:.1f} wall minutes"
    )
    if arguments.prior:
        prior.save(arguments.prior)
    return prior


def main() -> None:
    """Splits, fits, draws and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="a csv file with a column of formulas")
    parser.add_argument("--held", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="fixes the split, the fit and the draws")
    parser.add_argument("--passes", type=float, default=36)
    parser.add_argument("--prior", help="a file to keep the fitted prior in; taken instead of a fit if it is there")
    parser.add_argument("--marks", type=int, nargs="+", default=MARKS, help="numbers of new formulas")
    arguments = parser.parse_args()
    marks = sorted(arguments.marks)
    print(describe("pymatgen"))
    formulas, left_out = known_formulas(arguments.table, "formula")
    split = Split.of(formulas, arguments.held, arguments.seed)
    known = split.known
    print(
        f"{len(formulas):,} formulas ({left_out} rows left out), {len(known) + len(split.held):,} of the domain, "
        f"{len(split.held):,} held out, seed {arguments.seed}",
        flush=True,
    )
    prior = fitted(split, arguments)
    likelihood = prior.log_prob(split.held)
    possible = likelihood.isfinite()
    print(
        f"{-likelihood[possible].mean():.3f} nats a formula held out; {int((~possible).sum())} of an element that it "
        "does not know left out\n"
    )
    print(
        f"{'':32s}{'new':>9s}{'recovered':>11s}{'precision':>11s}{'given':>11s}{'in table':>10s}{'repeated':>10s}"
        f"{'beyond':>8s}{'a second':>11s}"
    )
    new, given = search("prior", drawn(prior, arguments.seed), split, marks)
    groups, alike = same_group(known), likeness(known)
    for seed in range(BASELINE_SEEDS):
        search(f"same group, drawn, seed {seed}", replaced(known, groups, seed), split, marks)
    for seed in range(BASELINE_SEEDS):
        search(f"same group, shuffled, seed {seed}", listed(known, groups, seed), split, marks)
    search("same group, ranked", listed(known, groups), split, marks)
    search("likeness, drawn", replaced(known, alike, arguments.seed), split, marks)
    first, _ = search("likeness, ranked", listed(known, alike), split, marks)
    print(
        f"\nall-metal: {all_metal(new):.1%} of the prior's new ones, {all_metal(given):.1%} of its draws, "
        f"{all_metal(first):.1%} of the ranked by likeness; {all_metal(known):.1%} of the table, "
        f"{all_metal(split.held):.1%} of the held out"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
