"""A sampler told preferences and a sharpness, against enumeration; the memory it learns from; the losses."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.flow.conditions import Condition, Conditioning
from gfnmat.flow.gflownet import Training
from gfnmat.flow.losses import log_partition_variance, subtrajectory_balance, trajectory_balance
from gfnmat.flow.memory import Memory
from gfnmat.flow.prior.prior import FormulaPrior
from gfnmat.flow.rollout import decided_in, log_prob_of, written
from gfnmat.flow.table import Table
from gfnmat.space.sentences import decisions_in


@pytest.fixture(scope="module")
def space() -> CompositionSpace:
    return CompositionSpace(["Li", "Mg", "Al", "Ti", "O", "F"], (1, 3), (1, 7))


def objectives(candidates: Candidates) -> Tensor:
    counts = candidates.counts.float()
    return torch.stack([counts[:, 7] / counts.sum(1), counts[:, 2].clamp(max=1)], 1)


CONDITIONS = [Condition((w, 1 - w), sharpness) for w in (0.0, 0.5, 1.0) for sharpness in (1.0, 4.0, 8.0)]


@pytest.mark.slow
def test_each_condition_has_its_distribution_and_partition_function(space: CompositionSpace, tmp_path: Path) -> None:
    members, conditioning = space.enumerate(), Conditioning(2, (1.0, 8.0))
    flow = GFlowNet(space, seed=0, conditioning=conditioning)
    flow.fit(objectives, trajectories=48_000)
    for condition in CONDITIONS:
        log_reward = conditioning.log_reward(objectives(members), conditioning.rows([condition]))[0].double()
        log_prob = flow.log_prob(members, condition=condition).double()
        assert float((log_prob.exp() - log_reward.softmax(0)).abs().sum() / 2) < 0.05
        assert flow.log_z_of(condition) == pytest.approx(float(log_reward.logsumexp(0)), abs=0.05)
    flow.save(tmp_path / "flow.pt")
    copy = GFlowNet.load(tmp_path / "flow.pt")
    condition = CONDITIONS[0]
    assert torch.equal(copy.sample(50, condition=condition).counts, flow.sample(50, condition=condition).counts)
    assert copy.log_z_of(condition) == flow.log_z_of(condition)


def test_crystals_are_weighed_by_their_prior_and_the_condition() -> None:
    space = CrystalSpace(["Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"])

    def symmetry(candidates: Candidates) -> Tensor:
        assert candidates.crystals is not None
        high = (candidates.crystals.group - 195) / 35
        return torch.stack([high, 1 - high], 1)

    members, conditioning = space.enumerate(), Conditioning(2, (1.0, 8.0))
    flow = GFlowNet(space, seed=0, conditioning=conditioning)
    log_prior = flow.log_prior(members).double()
    assert float(log_prior.exp().sum()) == pytest.approx(1, abs=1e-5)
    flow.fit(symmetry, trajectories=8192, training=Training(batch_size=64))
    for condition in CONDITIONS:
        log_reward = conditioning.log_reward(symmetry(members), conditioning.rows([condition]))[0].double()
        target, log_prob = log_prior + log_reward, flow.log_prob(members, condition=condition).double()
        assert float((log_prob.exp() - target.softmax(0)).abs().sum() / 2) < 0.05
        assert flow.log_z_of(condition) == pytest.approx(float(target.logsumexp(0)), abs=0.05)


@pytest.mark.slow
def test_a_prior_is_tilted_by_each_condition(space: CompositionSpace) -> None:
    prior, members, conditioning = FormulaPrior.load("default"), space.enumerate(), Conditioning(2, (1.0, 8.0))
    log_prior = prior.log_prob(members.counts).double()
    flow = GFlowNet(space, seed=0, conditioning=conditioning, prior=prior)
    flow.fit(objectives, trajectories=8192)
    for condition in CONDITIONS[::2]:
        log_reward = conditioning.log_reward(objectives(members), conditioning.rows([condition]))[0].double()
        target, log_prob = log_prior + log_reward, flow.log_prob(members, condition=condition).double()
        assert float((log_prob.exp() - target.softmax(0)).abs().sum() / 2) < 0.1
        assert flow.log_z_of(condition) == pytest.approx(float(target.logsumexp(0)), abs=0.1)


def test_distinct_draws_are_of_their_condition(space: CompositionSpace) -> None:
    flow = GFlowNet(space, seed=0, conditioning=Conditioning(2, (1.0, 32.0)))
    flow.fit(objectives, trajectories=4096, training=Training(batch_size=64))
    oxides, _ = flow.sample_distinct(20, condition=Condition((1.0, 0.0), 32.0))
    lithium, _ = flow.sample_distinct(20, condition=Condition((0.0, 1.0), 32.0))
    assert len(set(oxides.keys)) == len(oxides)
    assert (objectives(oxides).mean(0) > objectives(lithium).mean(0)).tolist() == [True, False]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_conditional_sampler_works_on_a_gpu_as_on_a_cpu(space: CompositionSpace, tmp_path: Path) -> None:
    flow = GFlowNet(space, seed=0, conditioning=Conditioning(2, (1.0, 8.0)), device="cuda")
    flow.fit(objectives, trajectories=4096, training=Training(batch_size=64))
    members, condition = space.enumerate(), CONDITIONS[1]
    log_prob = flow.log_prob(members, condition=condition)
    assert log_prob.device.type == flow.sample(10, condition=condition).counts.device.type == "cuda"
    assert float(log_prob.double().exp().sum()) == pytest.approx(1, abs=1e-5)
    flow.save(tmp_path / "flow.pt")
    copy = GFlowNet.load(tmp_path / "flow.pt")
    assert torch.allclose(copy.log_prob(members, condition=condition), log_prob.cpu(), atol=1e-3)
    assert copy.log_z_of(condition) == pytest.approx(flow.log_z_of(condition), abs=1e-3)


def test_what_conditions_say_vanishes_with_the_sharpness(space: CompositionSpace) -> None:
    """From one sharpness to one a thousandth of it, log p comes near what the policy says without a condition."""
    flow = GFlowNet(space, seed=0, conditioning=Conditioning(2, (1e-6, 8.0)))
    flow.fit(objectives, trajectories=512, training=Training(batch_size=64))
    members = space.enumerate()
    sharp, blunt, blunter = (flow.log_prob(members, condition=Condition((0.3, 0.7), b)) for b in (8.0, 8e-3, 8e-6))
    decisions, _ = decisions_in(space, flow.environment, members)
    without = log_prob_of(decisions, flow.environment, flow._policy).detach()
    assert float((sharp - without).std()) > 4 * float((blunt - without).std())
    assert float((blunt - without).std()) > 4 * float((blunter - without).std())


def test_a_condition_is_asked_for_where_it_is_due(space: CompositionSpace) -> None:
    with pytest.raises(ValueError, match="needs a condition"):
        GFlowNet(space).sample(1, condition=CONDITIONS[0])
    flow = GFlowNet(space, conditioning=Conditioning(2, (1.0, 8.0)))
    with pytest.raises(ValueError, match="needs a condition"):
        flow.sample(1)
    with pytest.raises(ValueError, match="give 2"):
        flow.sample(1, condition=Condition((1.0,), 2.0))
    with pytest.raises(ValueError, match="from 1"):
        flow.sample(1, condition=Condition((1.0, 1.0), 80.0))
    with pytest.raises(ValueError, match="it must be"):
        flow.fit(lambda c: torch.zeros(len(c)), trajectories=64)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["tb", "vargrad", "subtb"])
def test_every_loss_reaches_the_target(space: CompositionSpace, loss: str) -> None:
    members, flow = space.enumerate(), GFlowNet(space, seed=0)
    flow.fit(lambda c: 3 * objectives(c)[:, 0], trajectories=32_000, training=Training(loss=loss))  # type: ignore[arg-type]
    target = (3 * objectives(members)[:, 0]).double()
    assert float((flow.log_prob(members).double().exp() - target.softmax(0)).abs().sum() / 2) < 0.05
    assert flow.log_z == pytest.approx(float(target.logsumexp(0)), abs=0.05)


def test_a_reward_is_asked_once_for_each_candidate(space: CompositionSpace) -> None:
    asked: list[tuple[int, ...]] = []

    def reward(candidates: Candidates) -> Tensor:
        asked.extend(tuple(row) for row in candidates.counts.tolist())
        return objectives(candidates)[:, 0]

    GFlowNet(space).fit(reward, trajectories=4096)
    assert len(set(asked)) == len(asked) <= len(space.enumerate())


def test_a_table_numbers_rows_once_each() -> None:
    table, generator = Table(3, torch.device("cpu")), torch.Generator().manual_seed(0)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(5):
        rows = torch.randint(-3, 3, (100, 3), generator=generator)
        numbers, new = table.add(rows)
        assert torch.equal(table.rows[numbers], rows)
        assert all(tuple(rows[i].tolist()) not in seen for i in new.tolist())
        seen.update(zip(map(tuple, rows.tolist()), numbers.tolist(), strict=True))
        assert len(table) == len(seen)
        asked = torch.randint(-4, 4, (50, 3), generator=generator)
        assert table.numbers(asked).tolist() == [seen.get(tuple(row), -1) for row in asked.tolist()]


def test_a_space_of_one_member_is_trained_on_without_a_decision() -> None:
    flow = GFlowNet(CompositionSpace(["Na", "Cl"], (2, 2), (2, 2)), seed=0)
    flow.fit(lambda candidates: torch.full((len(candidates),), 1.5), trajectories=64)
    assert flow.log_z == pytest.approx(1.5)
    assert set(flow.sample(5).formulas) == {"NaCl"}


def test_losses_are_what_their_formulas_say() -> None:
    decided = torch.tensor([[[-1.0, -2.0], [-0.5, 0.0]]])  # one condition, two sentences, the second of one decision
    log_target, log_z = torch.tensor([[-1.0, 0.25]]), torch.tensor([1.0])
    gaps = torch.tensor([1 - 3 + 1.0, 1 - 0.5 - 0.25])
    assert trajectory_balance(decided, log_target, log_z) == pytest.approx(float(gaps.square().mean()))
    assert log_partition_variance(decided, log_target) == pytest.approx(float(gaps.var(correction=0)))
    inside = torch.tensor([[True, True], [True, False]])
    balanced = torch.tensor([[1.0 - 3.0, 1.0 - 0.5]])
    flows = torch.tensor([[[0.0, -1.0], [0.0, 0.0]]])  # relative to log Z, of the states where decisions are taken
    assert subtrajectory_balance(decided, balanced, log_z, flows, inside) == pytest.approx(0, abs=1e-6)
    assert subtrajectory_balance(decided, balanced, log_z, flows + torch.tensor([0.0, 1.0]), inside) > 0.1
    assert subtrajectory_balance(decided, log_target, log_z, flows, inside) > 0.1


def test_what_is_kept_in_memory_is_what_was_learned(space: CompositionSpace) -> None:
    flow = GFlowNet(space, seed=0)
    environment, policy = flow.environment, flow._policy
    decisions = written(environment, policy, 200)
    memory = Memory(policy, 1)
    _, new = memory.number(decisions)
    values = memory.finished[:, :1].float()
    memory.learn(values, torch.zeros(len(new)))

    def known() -> dict[tuple[int, ...], tuple[float, float]]:
        rows = torch.arange(len(memory))
        log_prob = decided_in(memory.sentences(rows), environment, policy, None).log_probs[0].sum(-1)
        names = map(tuple, memory.finished.tolist())
        return dict(zip(names, zip(memory.values[:, 0].tolist(), log_prob.tolist(), strict=True), strict=True))

    before = known()
    memory.keep(torch.arange(0, len(memory), 3))
    after = known()
    assert len(after) == -(-len(before) // 3)
    for name, (value, log_prob) in after.items():
        assert value == before[name][0] == name[0]
        assert log_prob == pytest.approx(before[name][1], abs=1e-5)


def test_decisions_are_in_the_order_in_which_they_were_taken(space: CompositionSpace) -> None:
    flow = GFlowNet(space, seed=0)
    environment = flow.environment
    every = written(environment, flow._policy, 200).flat(environment)
    states = every.states
    n_words = 2 * states[:, environment.ELEMENTS] + (states[:, environment.PENDING] > 0)
    for sentence in range(200):
        words = n_words[every.sentence == sentence]
        assert bool((words.diff() > 0).all())
    assert len({*(n_words % 2).tolist()}) == 2  # elements and counts are among them


def test_a_memory_that_is_full_forgets_and_goes_on_learning(
    space: CompositionSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "is_full", property(lambda memory: len(memory) > 60))
    members, flow = space.enumerate(), GFlowNet(space, seed=0)
    flow.fit(lambda c: 3 * objectives(c)[:, 0], trajectories=16_000)
    target = (3 * objectives(members)[:, 0]).double()
    assert float((flow.log_prob(members).double().exp() - target.softmax(0)).abs().sum() / 2) < 0.1


def test_the_next_training_begins_with_what_the_last_one_drew(space: CompositionSpace, tmp_path: Path) -> None:
    flow, first, second = GFlowNet(space, seed=0), [], []
    flow.fit(lambda c: first.extend(c.formulas) or torch.zeros(len(c)), trajectories=256)
    flow.save(tmp_path / "flow.pt")
    for sampler in (flow, GFlowNet.load(tmp_path / "flow.pt")):
        second.clear()
        sampler.fit(lambda c: second.extend(c.formulas) or torch.zeros(len(c)), trajectories=8)
        assert set(first) <= set(second[: len(first)])


def test_untrained_draws_are_what_they_were_before_training(space: CompositionSpace) -> None:
    flow = GFlowNet(space, seed=0)
    members = space.enumerate()
    before = dict(zip(members.formulas, flow.log_prob(members).exp().tolist(), strict=True))
    flow.fit(lambda c: 20 * objectives(c)[:, 0], trajectories=2048)
    drawn = flow.sample_untrained(8000).formulas
    for formula, chance in before.items():
        assert abs(drawn.count(formula) / 8000 - chance) < 5 * (chance / 8000) ** 0.5 + 1e-3


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"loss": "TB"}, "loss is"),
        ({"batch_size": 0}, "batch_size"),
        ({"untrained": 1.0}, "untrained"),
        ({"even": -1}, "even"),
    ],
)
def test_training_that_cannot_be_says_so(setting: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Training(**setting)


@pytest.mark.parametrize("preferences", [(float("nan"), 1.0), (float("inf"), 1.0), (-1.0, 2.0), (0.0, 0.0)])
def test_preferences_that_are_none_are_refused(preferences: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="preferences are"):
        Conditioning(2).rows([Condition(preferences, 2.0)])
