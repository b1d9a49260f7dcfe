"""What a sampler says of itself, against sums over all members of a space."""

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.flow.conditions import Condition, Conditioning

SPACE = CompositionSpace(["Li", "Mg", "Al", "Ti", "O", "F"], (1, 3), (1, 8))


def oxygen(candidates: Candidates) -> Tensor:
    return 4 * candidates.counts[:, 7] / candidates.counts.sum(1)


@pytest.fixture(scope="module")
def trained() -> GFlowNet:
    flow = GFlowNet(SPACE, seed=0)
    flow.fit(oxygen, trajectories=16_000)
    return flow


def test_a_small_space_is_judged_member_by_member(trained: GFlowNet) -> None:
    members = SPACE.enumerate()
    log_prob, target = trained.log_prob(members).double(), oxygen(members).double()
    found = trained.diagnose(oxygen)
    assert found.candidates == len(members)
    assert found.total_variation == pytest.approx(float((log_prob.exp() - target.softmax(0)).abs().sum() / 2), abs=1e-6)
    assert found.log_z_error == pytest.approx(trained.log_z - float(target.logsumexp(0)), abs=1e-5)
    assert found.total_variation < 0.05
    assert abs(found.log_z_error) < 0.05
    assert found.correlation > 0.97
    assert found.effective_share > 0.95


def test_an_untrained_sampler_is_told_from_a_trained_one_by_every_figure(trained: GFlowNet) -> None:
    untrained = GFlowNet(SPACE, seed=0)
    for enumerated in (50_000, 0):
        good = trained.diagnose(oxygen, enumerated=enumerated)
        bad = untrained.diagnose(oxygen, enumerated=enumerated)
        assert good.correlation > bad.correlation
        assert good.gap_variance < 0.2 * bad.gap_variance
        assert good.effective_share > bad.effective_share


def test_draws_say_of_a_large_space_what_enumeration_says_of_a_small_one(trained: GFlowNet) -> None:
    exact, drawn = trained.diagnose(oxygen), trained.diagnose(oxygen, n=8000, enumerated=0)
    assert drawn.total_variation is None
    assert drawn.gap_variance == pytest.approx(exact.gap_variance, rel=0.3)
    assert drawn.effective_share == pytest.approx(exact.effective_share, abs=0.02)
    assert drawn.log_z_error == pytest.approx(exact.log_z_error, abs=0.02)


def test_held_out_candidates_take_the_place_of_untrained_draws(trained: GFlowNet) -> None:
    held = SPACE.enumerate()[::7]
    assert trained.diagnose(oxygen, n=100, candidates=held).candidates >= len(held)
    outside = CompositionSpace(["K", "O"], (2, 2), (2, 4)).enumerate()
    with pytest.raises(ValueError, match="not in the space"):
        trained.diagnose(oxygen, candidates=outside)


def test_crystals_are_judged_beside_their_prior() -> None:
    space = CrystalSpace(["Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"])
    flow = GFlowNet(space, seed=0)
    before = flow.diagnose(lambda candidates: torch.zeros(len(candidates)))
    assert before.total_variation == pytest.approx(0, abs=1e-5)  # untrained is the prior itself
    assert before.effective_share == pytest.approx(1, abs=1e-4)
    assert not before.correlation > 0  # rewards are all alike

    def high_symmetry(candidates: Candidates) -> Tensor:
        assert candidates.crystals is not None
        return (candidates.crystals.group - 195) / 10

    flow.fit(high_symmetry, trajectories=8000)
    after = flow.diagnose(high_symmetry)
    assert after.total_variation is not None
    assert after.total_variation < 0.05
    assert after.correlation > 0.97


def test_a_conditional_sampler_is_judged_under_a_condition() -> None:
    def objectives(candidates: Candidates) -> Tensor:
        counts = candidates.counts.float()
        return torch.stack([counts[:, 7] / counts.sum(1), counts[:, 8] / counts.sum(1)], 1)

    flow = GFlowNet(SPACE, seed=0, conditioning=Conditioning(2, (1.0, 4.0)))
    condition = Condition((1.0, 0.0), 4.0)
    before = flow.diagnose(objectives, condition=condition)
    flow.fit(objectives, trajectories=8000)
    after = flow.diagnose(objectives, condition=condition)
    assert before.total_variation is not None
    assert after.total_variation is not None
    assert after.total_variation < 0.5 * before.total_variation
    with pytest.raises(ValueError, match="needs a condition"):
        flow.diagnose(objectives)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_rewards_that_are_none_are_refused(trained: GFlowNet, wrong: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        trained.diagnose(lambda candidates: torch.full((len(candidates),), wrong))


def test_one_draw_says_nothing_of_a_variance_and_two_do(trained: GFlowNet) -> None:
    with pytest.raises(ValueError, match="n is 1"):
        trained.diagnose(oxygen, n=1)
    found = trained.diagnose(oxygen, n=2, candidates=SPACE.enumerate()[:20])
    assert found.gap_variance >= 0
    assert found.correlation <= 1


def test_no_candidates_have_no_rewards(trained: GFlowNet) -> None:
    none = SPACE.enumerate()[:0]
    assert trained.checked_log_reward(oxygen, none).shape == (0,)
    conditional = GFlowNet(SPACE, conditioning=Conditioning(2, (1.0, 4.0)))
    assert conditional.checked_log_reward(oxygen, none, Condition((1.0, 0.0), 2.0)).shape == (0,)
    found = trained.diagnose(oxygen, n=100, candidates=none)
    assert found.candidates > 1
