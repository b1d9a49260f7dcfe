"""Crystals from the GFlowNet: refined, one of a motif, drawn in proportion to the reward."""

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CrystalSpace
from gfnmat.proposers.gflownet import GFlowNetProposer
from gfnmat.proposers.random import RandomProposer

OXIDES = CrystalSpace(["Li", "Mg", "Ti", "O"], (2, 3), (2, 5), crystal_systems=["cubic"])
SALTS = CrystalSpace(["Na", "K", "Cl"], (2, 2), (2, 2), space_groups=[221, 225])
BEST_VOLUME = 3


def dense_titanates(candidates: Candidates) -> Tensor:
    """High for titanium, and for volumes near one that a sampler meets seldom."""
    assert candidates.crystals is not None
    titanium = (candidates.counts[:, 21] > 0).float()
    return 3 * titanium - (candidates.crystals.volume - BEST_VOLUME).float() ** 2 / 4


def make(space: CrystalSpace = OXIDES) -> GFlowNetProposer:
    return GFlowNetProposer(space, trajectories=128, seed=0)


def motifs(candidates: Candidates) -> tuple[str, ...]:
    assert candidates.crystals is not None
    return candidates.crystals.motifs


@pytest.mark.parametrize("n", [1, 40])
def test_proposals_are_up_to_n_distinct_members_one_of_a_motif(n: int) -> None:
    for reward in (None, dense_titanates):
        candidates = make().propose(n, reward, seed=3).candidates
        assert len(set(candidates.keys)) == len(candidates) == n
        assert bool(OXIDES.admits(candidates).all())
    assert len(set(motifs(candidates))) == n


def test_one_seed_gives_one_proposal() -> None:
    for reward in (None, dense_titanates):
        first, again, other = (make().propose(10, reward, seed=seed).candidates.keys for seed in (5, 5, 6))
        assert first == again
        assert first != other


def test_a_restored_proposer_goes_on_as_the_one_that_was_never_interrupted() -> None:
    whole, broken = make(), make()
    for proposer in (whole, broken):
        proposer.propose(10, dense_titanates, 1)
    state, broken = broken.state(), make()
    broken.restore(state)
    ends = [proposer.propose(10, dense_titanates, 2) for proposer in (whole, broken)]
    assert ends[0].candidates.keys == ends[1].candidates.keys
    assert (ends[0].loss, ends[0].log_z) == (ends[1].loss, ends[1].log_z)
    assert whole.propose(10, None, 3).candidates.keys == broken.propose(10, None, 3).candidates.keys


def test_a_round_does_not_depend_on_those_before() -> None:
    proposer = make()
    proposer.propose(10, dense_titanates, 1)
    second = proposer.propose(10, dense_titanates, 2)
    assert second.candidates.keys == make().propose(10, dense_titanates, 2).candidates.keys


def test_proposals_are_worth_more_than_random_crystals() -> None:
    proposed = dense_titanates(make().propose(40, dense_titanates, seed=2).candidates)
    drawn = dense_titanates(RandomProposer(OXIDES).propose(40, None, seed=2).candidates)
    untrained = dense_titanates(make().propose(40, None, seed=2).candidates)
    assert float(proposed.mean()) > float(drawn.mean()) + 2
    assert float(proposed.mean()) > float(untrained.mean()) + 2


def test_of_each_motif_the_best_crystal_is_proposed_where_all_are_known() -> None:
    members = SALTS.enumerate()
    best: dict[str, float] = {}
    for motif, value in zip(motifs(members), dense_titanates(members).tolist(), strict=True):
        best[motif] = max(value, best.get(motif, value))
    found = make(SALTS).propose(len(members), dense_titanates, seed=1).candidates
    assert dict(zip(motifs(found), dense_titanates(found).tolist(), strict=True)) == best


def test_a_small_space_gives_no_more_than_it_holds() -> None:
    members = SALTS.enumerate()
    assert len(make(SALTS).propose(10 * len(members), dense_titanates, seed=1).candidates) == len(set(motifs(members)))
    found = make(SALTS).propose(10 * len(members), None, seed=1).candidates
    assert set(found.keys) <= set(members.keys)
    assert len(set(found.keys)) == len(found) > 0.9 * len(members)


def test_what_is_worth_far_more_is_nearly_always_among_the_few() -> None:
    """One motif is worth e^6 times as much as each of the others."""
    target = SALTS.enumerate()[0]

    def one_of_all(candidates: Candidates) -> Tensor:
        return torch.tensor([6.0 * (motif == motifs(target)[0]) for motif in motifs(candidates)])

    proposer = make(SALTS)
    hits = [motifs(target)[0] in motifs(proposer.propose(1, one_of_all, seed).candidates) for seed in range(6)]
    assert sum(hits) >= 5
