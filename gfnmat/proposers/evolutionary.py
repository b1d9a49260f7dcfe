"""Candidates from a genetic algorithm: the comparator that searches without a model of what it draws."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from gfnmat.flow.gflownet import LogReward
from gfnmat.proposers.crystal_variation import CrystalVariation
from gfnmat.proposers.formula_variation import FormulaVariation
from gfnmat.proposers.proposer import Measured, Proposal
from gfnmat.proposers.random import RandomProposer
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace

GENERATIONS = 30
IMMIGRANTS = 0.1  # share of each generation that is drawn at random: no operator changes a crystal's symmetry
ATTEMPTS = 8  # at finding enough offspring that is in the space
TRIED, LEAST_TRIED, MOST_TRIED = 4, 64, 1024  # children made in each, for each one that is missing, and in all


class Variation(Protocol):
    """Makes offspring, which may or may not be in the space."""

    def mutated(self, parents: Candidates, generator: torch.Generator) -> Candidates:
        """About one child for each parent."""

    def crossed(self, first: Candidates, second: Candidates, generator: torch.Generator) -> Candidates:
        """At most one child for each two parents."""


class EvolutionaryProposer:
    """Tournament selection, crossover and mutation, elitism; what leaves the space is dropped.

    Without a reward, the parents are the fittest that were measured, and their offspring is to be evaluated. With one,
    a population evolves against it for `GENERATIONS` generations, from the fittest measured and random candidates, and
    the best of all that it came by are proposed. Nothing is kept from one round to the next but what was measured.

    Args:
        space: the design space.
        population: how many of the fittest are parents.
        mutation: share of the offspring made by mutation; the rest is by crossover.
        tournament: how many are drawn for each parent, of which the fittest is taken.
    """

    def __init__(self, space: DesignSpace, population: int, mutation: float, tournament: int) -> None:
        self.space, self.population, self.mutation, self.tournament = space, population, mutation, tournament
        kind = CrystalVariation if space.kind == "crystal" else FormulaVariation
        self._variation: Variation = kind.over(space.elements)
        self._random = RandomProposer(space)

    def propose(self, n: int, log_reward: LogReward | None, seed: int, measured: Measured | None = None) -> Proposal:
        """Up to n distinct candidates that were not measured; random ones while nothing is known."""
        generator = torch.Generator().manual_seed(seed)
        nothing = self._drawn(0, generator) if measured is None else measured.candidates[:0]
        known = nothing if measured is None else measured.candidates
        if log_reward is not None:
            found, value = self._evolved(log_reward, measured, generator)
            found = found[value.argsort(descending=True, stable=True)]
            found = found[~found.among(known)]
        elif measured is not None:
            found = self._offspring(measured.candidates, measured.fitness, n, known, generator)
        else:
            found = nothing
        if len(found) < n:
            found = Candidates.concatenate([found, self._drawn(n, generator)]).distinct()
            found = found[~found.among(known)]
        return Proposal(candidates=found[:n], distinct=1.0)

    def _evolved(
        self, log_reward: LogReward, measured: Measured | None, generator: torch.Generator
    ) -> tuple[Candidates, Tensor]:
        """All that a population came by on its way to high rewards, and these."""
        every = self._drawn(2 * self.population, generator)
        if measured is not None:
            fittest = measured.fitness.topk(min(self.population, len(measured.fitness))).indices
            every = Candidates.concatenate([measured.candidates[fittest], every]).distinct()
        value = log_reward(every).cpu()
        for _ in range(GENERATIONS):
            children = self._offspring(every, value, self.population, every, generator)
            if not len(children):
                break
            every, value = Candidates.concatenate([every, children]), torch.cat([value, log_reward(children).cpu()])
        return every, value

    def _offspring(
        self, candidates: Candidates, fitness: Tensor, n: int, known: Candidates, generator: torch.Generator
    ) -> Candidates:
        """Up to n distinct members of the space that are not known, in random order: children, and some immigrants."""
        elite = fitness.topk(min(self.population, len(candidates))).indices
        parents = candidates[elite]  # the fittest first, so that the lowest row of a tournament wins
        found = self._drawn(max(1, round(IMMIGRANTS * n)), generator)
        found = found[~found.among(known)]
        for _ in range(ATTEMPTS):
            if len(found) >= n:
                break
            n_tried = min(max(TRIED * (n - len(found)), LEAST_TRIED), MOST_TRIED)
            first, second = (self._selected(parents, n_tried, generator) for _ in range(2))
            n_mutated = round(self.mutation * n_tried)
            children = Candidates.concatenate(
                [
                    self._variation.mutated(first[:n_mutated], generator),
                    self._variation.crossed(first[n_mutated:], second[n_mutated:], generator),
                ]
            ).distinct()
            children = children[~children.among(known)]
            children = children[self.space.admits(children)]
            children = children[~children.among(found)]
            if not len(children):  # little is left nearby
                break
            children = children[torch.randperm(len(children), generator=generator)]
            found = Candidates.concatenate([found, children])
        found = found[:n]
        return found[torch.randperm(len(found), generator=generator)]

    def _selected(self, parents: Candidates, n: int, generator: torch.Generator) -> Candidates:
        """n parents, each the fittest of a tournament."""
        drawn = torch.randint(len(parents), (n, self.tournament), generator=generator)
        return parents[drawn.amin(1)]

    def _drawn(self, n: int, generator: torch.Generator) -> Candidates:
        """Up to n random members of the space."""
        seed = int(torch.randint(2**62, (1,), generator=generator))
        return self._random.propose(max(1, n), None, seed).candidates[:n]

    def state(self) -> None:
        """There is nothing to keep."""

    def restore(self, state: bytes | None) -> None:
        """There is nothing to restore."""
