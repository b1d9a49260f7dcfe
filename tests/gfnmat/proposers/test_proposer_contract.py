"""What every proposer promises; any other implementation can be run through `ProposerContract`."""

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace, TableSpace
from gfnmat.proposers.evolutionary import EvolutionaryProposer
from gfnmat.proposers.gflownet import GFlowNetProposer
from gfnmat.proposers.pool import PoolProposer
from gfnmat.proposers.proposer import Measured, Proposer
from gfnmat.proposers.random import RandomProposer
from gfnmat.space.design_space import DesignSpace

SPACE = CompositionSpace(["Li", "Mg", "Al", "Ti", "O", "F", "N"], (2, 3), (2, 9))
TABLE = TableSpace(frame={"formula": SPACE.enumerate()[::2].formulas})


def nitrogen(candidates: Candidates) -> Tensor:
    return 3.0 * (candidates.counts[:, 6] > 0)


def measured_in(space: DesignSpace) -> Measured:
    """Twelve candidates, fitter with nitrogen."""
    candidates = RandomProposer(space).propose(12, None, seed=7).candidates
    return Measured(candidates, candidates.counts[:, 6].double())


class ProposerContract:
    """Subclass it with `make`."""

    space: DesignSpace = SPACE

    def make(self) -> Proposer:
        raise NotImplementedError

    @pytest.mark.parametrize("reward", [None, nitrogen])
    def test_proposals_are_distinct_members_of_the_space(self, reward: object) -> None:
        proposal = self.make().propose(50, reward, seed=1)  # type: ignore[arg-type]
        assert len(proposal.candidates) == 50
        assert len(set(proposal.candidates.keys)) == 50
        assert bool(self.space.admits(proposal.candidates).all())
        assert 0 < proposal.distinct <= 1

    @pytest.mark.parametrize("reward", [None, nitrogen])
    def test_one_seed_and_history_give_one_proposal(self, reward: object) -> None:
        first, second = (self.make().propose(30, reward, seed=1) for _ in range(2))  # type: ignore[arg-type]
        other = self.make().propose(30, reward, seed=2)  # type: ignore[arg-type]
        assert first.candidates.keys == second.candidates.keys
        assert first.candidates.keys != other.candidates.keys

    @pytest.mark.parametrize("reward", [None, nitrogen])
    def test_what_was_measured_is_used_and_gives_one_proposal(self, reward: object) -> None:
        known = measured_in(self.space)
        first, second = (self.make().propose(30, reward, 1, known) for _ in range(2))  # type: ignore[arg-type]
        assert first.candidates.keys == second.candidates.keys
        assert 0 < len(set(first.candidates.keys)) == len(first.candidates) <= 30
        assert bool(self.space.admits(first.candidates).all())

    def test_what_was_kept_goes_on_as_before(self) -> None:
        proposer = self.make()
        proposer.propose(10, nitrogen, seed=1)
        copy, state = self.make(), proposer.state()
        if state is not None:
            copy.restore(state)
        assert (
            copy.propose(30, nitrogen, seed=2).candidates.keys == proposer.propose(30, nitrogen, seed=2).candidates.keys
        )

    def test_a_small_space_gives_what_it_has(self) -> None:
        assert 10 < len(self.make().propose(4000, None, seed=1).candidates) < 4000


class TestRandom(ProposerContract):
    def make(self) -> Proposer:
        return RandomProposer(SPACE)


class TestGFlowNet(ProposerContract):
    def make(self) -> Proposer:
        return GFlowNetProposer(SPACE, trajectories=1024, seed=0)

    def test_it_goes_where_the_reward_is(self) -> None:
        proposer = self.make()

        def share(seed: int, reward: object) -> float:
            found = proposer.propose(200, reward, seed)  # type: ignore[arg-type]
            return float((nitrogen(found.candidates) > 0).float().mean())

        assert share(1, None) + 0.15 < share(3, nitrogen)
        assert torch.isfinite(torch.tensor(proposer.propose(10, nitrogen, 4).loss))


class TestEvolutionary(ProposerContract):
    def make(self) -> Proposer:
        return EvolutionaryProposer(SPACE, population=10, mutation=0.5, tournament=3)


class TestPool(ProposerContract):
    def make(self) -> Proposer:
        return PoolProposer(SPACE.enumerate()[:400])


class TestRandomOfATable(ProposerContract):
    space = TABLE

    def make(self) -> Proposer:
        return RandomProposer(TABLE)


class TestGFlowNetOfATable(ProposerContract):
    space = TABLE

    def make(self) -> Proposer:
        return GFlowNetProposer(TABLE, trajectories=512, seed=0)


class TestEvolutionaryOfATable(ProposerContract):
    space = TABLE

    def make(self) -> Proposer:
        return EvolutionaryProposer(TABLE, population=10, mutation=0.5, tournament=3)


CRYSTALS = CrystalSpace(["Mg", "Al", "N"], (2, 2), (2, 4), chemistry="any", space_groups=[216, 225])


class TestRandomCrystals(ProposerContract):
    space = CRYSTALS

    def make(self) -> Proposer:
        return RandomProposer(CRYSTALS)


class TestGFlowNetOfCrystals(ProposerContract):
    space = CRYSTALS

    def make(self) -> Proposer:
        return GFlowNetProposer(CRYSTALS, trajectories=256, seed=0)


class TestEvolutionaryOfCrystals(ProposerContract):
    space = CRYSTALS

    def make(self) -> Proposer:
        return EvolutionaryProposer(CRYSTALS, population=8, mutation=0.5, tournament=3)


class TestPoolOfCrystals(ProposerContract):
    space = CRYSTALS

    def make(self) -> Proposer:
        return PoolProposer(RandomProposer(CRYSTALS).propose(300, None, seed=0).candidates)
