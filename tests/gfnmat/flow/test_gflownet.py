"""The sampler against enumeration."""

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, GFlowNet
from gfnmat.flow.gflownet import PolicySize, Training


@pytest.fixture(scope="module")
def space() -> CompositionSpace:
    return CompositionSpace(["Li", "Mg", "Al", "Ti", "O", "F"], (1, 3), (1, 7))


@pytest.fixture(scope="module")
def members(space: CompositionSpace) -> Candidates:
    return space.enumerate()


def oxygen_is_good(candidates: Candidates) -> Tensor:
    counts = candidates.counts.double()
    return 4 * counts[:, 7] / counts.sum(1) + counts[:, 2].clamp(max=1) - 0.2 * counts.sum(1)


def total_variation(flow: GFlowNet, members: Candidates) -> float:
    target = torch.softmax(oxygen_is_good(members), 0)
    return float((flow.log_prob(members).double().exp() - target).abs().sum() / 2)


def test_probabilities_of_all_members_sum_to_one_before_and_after_training(
    space: CompositionSpace, members: Candidates
) -> None:
    flow = GFlowNet(space, seed=3)
    assert float(flow.log_prob(members).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    flow.fit(oxygen_is_good, trajectories=1000)
    assert float(flow.log_prob(members).double().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_an_untrained_policy_is_uniform_over_what_the_masks_allow(space: CompositionSpace) -> None:
    flow, env = GFlowNet(space), space.environment()
    candidate = space.encode(["MgAl2O4"])
    state, log_prob = env.reset(batch_shape=1), 0.0
    for action in space.sentences(candidate, env)[0]:
        if action >= 0:
            log_prob -= float(env.forward_masks(state.tensor).sum().log())
            state = env._step(state, env.actions_from_tensor(action.reshape(1, 1)))
    assert float(flow.log_prob(candidate)) == pytest.approx(log_prob, abs=1e-5)


def test_samples_occur_as_often_as_log_prob_says(space: CompositionSpace, members: Candidates) -> None:
    flow = GFlowNet(space, seed=5)
    flow.fit(oxygen_is_good, trajectories=3000)
    probability = dict(zip(members.keys, flow.log_prob(members).double().exp().tolist(), strict=True))
    n, seen = 20_000, dict.fromkeys(members.keys, 0)
    for key in flow.sample(n).keys:
        seen[key] += 1
    chi_squared = sum((seen[k] - n * p) ** 2 / (n * p) for k, p in probability.items() if n * p > 5)
    degrees = sum(n * p > 5 for p in probability.values())
    assert chi_squared < degrees + 5 * (2 * degrees) ** 0.5


@pytest.mark.slow
def test_training_reaches_the_target_distribution_and_its_partition_function(
    space: CompositionSpace, members: Candidates
) -> None:
    flow = GFlowNet(space, seed=0)
    before = total_variation(flow, members)
    flow.fit(oxygen_is_good, trajectories=48_000)
    assert before > 0.3
    assert total_variation(flow, members) < 0.05
    assert flow.log_z == pytest.approx(float(oxygen_is_good(members).logsumexp(0)), abs=0.05)


def test_one_seed_gives_one_result_whatever_else_draws_random_numbers(space: CompositionSpace) -> None:
    def result(disturb: bool) -> tuple[float, Tensor]:
        stop = threading.Event()

        def draw() -> None:
            while not stop.is_set():
                torch.rand(10)

        other = threading.Thread(target=draw)
        if disturb:
            other.start()
        flow = GFlowNet(space, seed=7)
        record = flow.fit(oxygen_is_good, trajectories=512)
        counts = flow.sample(200).counts
        stop.set()
        if disturb:
            other.join()
        return record.losses[-1], counts

    torch.manual_seed(0)
    before = torch.get_rng_state()
    loss, counts = result(disturb=False)
    assert torch.equal(before, torch.get_rng_state())
    again, counts_again = result(disturb=True)
    assert loss == again
    assert torch.equal(counts, counts_again)
    assert not torch.equal(counts, GFlowNet(space, seed=8).sample(200).counts)


def test_a_saved_sampler_goes_on_as_if_nothing_had_happened(space: CompositionSpace, tmp_path: Path) -> None:
    flow = GFlowNet(space, seed=2, policy=PolicySize(hidden=32, layers=2))
    flow.fit(oxygen_is_good, trajectories=512)
    flow.save(tmp_path / "flow.pt")
    copy = GFlowNet.load(tmp_path / "flow.pt")
    assert copy.log_z == flow.log_z
    assert torch.equal(copy.sample(300).counts, flow.sample(300).counts)
    assert copy.fit(oxygen_is_good, trajectories=256) == flow.fit(oxygen_is_good, trajectories=256)


def test_a_file_that_is_no_sampler_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a sampler")
    with pytest.raises(ValueError, match="is not a saved sampler"):
        GFlowNet.load(tmp_path / "note.txt")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="not a sampler of format"):
        GFlowNet.load(tmp_path / "other.pt")
    with pytest.raises(FileNotFoundError):
        GFlowNet.load(tmp_path / "nothing.pt")


@pytest.mark.parametrize(
    ("reward", "reason"),
    [
        (lambda c: torch.zeros(len(c), 1), "it must be"),
        (lambda c: torch.full((len(c),), float("nan")), "must be finite"),
        (lambda c: torch.full((len(c),), -float("inf")), "must be finite"),
    ],
)
def test_a_reward_that_is_none_is_refused(space: CompositionSpace, reward: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        GFlowNet(space).fit(reward, trajectories=64)  # type: ignore[arg-type]


def test_candidates_of_another_space_have_no_probability(space: CompositionSpace) -> None:
    with pytest.raises(ValueError, match="Na2O is not in the space"):
        GFlowNet(space).log_prob(Candidates.of(["Li2O", "Na2O"]))


def test_exploration_does_not_leak_into_what_is_learned(space: CompositionSpace, members: Candidates) -> None:
    """With a constant reward and pure exploration the policy still learns the uniform target."""
    flow = GFlowNet(space, seed=4)
    flow.fit(lambda c: torch.zeros(len(c)), trajectories=24_000, training=Training(exploration=1.0))
    uniform = 1 / len(members)
    assert float((flow.log_prob(members).exp() - uniform).abs().sum() / 2) < 0.1


def test_distinct_draws_are_distinct_and_counted(space: CompositionSpace, members: Candidates) -> None:
    found, share = GFlowNet(space, seed=1).sample_distinct(10 * len(members))
    assert len(set(found.keys)) == len(found) <= len(members)
    assert 0 < share < 1


on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


@on_a_gpu
def test_a_gpu_gives_the_probabilities_of_a_cpu(space: CompositionSpace, members: Candidates, tmp_path: Path) -> None:
    flow = GFlowNet(space, seed=0, device="cuda")
    flow.fit(oxygen_is_good, trajectories=1000)
    assert flow.sample(100).counts.device.type == "cuda"
    log_prob = flow.log_prob(members)
    assert float(log_prob.double().exp().sum()) == pytest.approx(1, abs=1e-5)
    flow.save(tmp_path / "flow.pt")
    assert torch.allclose(GFlowNet.load(tmp_path / "flow.pt").log_prob(members), log_prob.cpu(), atol=1e-3)


@on_a_gpu
def test_one_seed_draws_the_same_on_a_gpu(space: CompositionSpace) -> None:
    drawn, again = (GFlowNet(space, seed=7, device="cuda").sample(100).counts for _ in range(2))
    assert torch.equal(drawn, again)


def test_words_are_drawn_as_often_as_their_probabilities_say_and_closed_ones_never() -> None:
    policy = GFlowNet(CompositionSpace(["Na", "Cl"], (2, 2), (2, 2)), seed=0)._policy
    chances = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0], [0.5, 0.0, 0.0, 0.0, 0.5]])
    row = torch.tensor([0, 1]).repeat(20_000)
    word = policy.drawn(chances.log(), row)
    for number, expected in enumerate(chances):
        seen = torch.bincount(word[row == number], minlength=5) / 20_000
        assert torch.equal(seen > 0, expected > 0)
        assert torch.allclose(seen, expected, atol=5 * (0.25 / 20_000) ** 0.5)
    assert policy.drawn(chances.log()).shape == (2,)


def test_known_candidates_are_learned_from_though_they_are_never_drawn() -> None:
    """One hit among thousands: an untrained sampler hardly finds it, and knows it when it is told."""
    space = CompositionSpace(["Li", "Na", "Mg", "Al", "Ti", "Fe", "N", "O", "F", "S"], (2, 4), (2, 14))
    hit = space.encode(["Li3Al2F9"])

    def reward(candidates: Candidates) -> Tensor:
        return torch.where((candidates.counts == hit.counts).all(1), 12.0, 0.0)

    told, alone = GFlowNet(space, seed=0), GFlowNet(space, seed=0)
    alone.fit(reward, trajectories=256)
    told.fit(reward, trajectories=256, known=hit)
    assert float(told.log_prob(hit)) > float(alone.log_prob(hit)) + 2
    with pytest.raises(ValueError, match="not in the space"):
        told.fit(reward, trajectories=64, known=Candidates.of(["KBr"]))


def test_known_candidates_alone_teach_what_is_worth_more() -> None:
    """No reward is asked for but theirs, and their ratios are learned."""
    space = CompositionSpace(["Li", "Mg", "Ti", "O", "F"], (2, 3), (2, 9))
    flow = GFlowNet(space, seed=0)
    known = flow.sample_distinct(24)[0]
    reward = torch.linspace(0, 3, len(known))
    asked: list[str] = []

    def log_reward(candidates: Candidates) -> torch.Tensor:
        asked.extend(candidates.keys)
        return torch.tensor([float(reward[known.keys.index(key)]) for key in candidates.keys])

    record = flow.fit(log_reward, trajectories=0, training=Training(least_steps=128), known=known)
    assert (record.trajectories, sorted(asked)) == (0, sorted(known.keys))
    gap = flow.log_prob(known) - reward
    assert float(gap.std()) < 0.1
    with pytest.raises(ValueError, match="trajectories is 0; train on at least one, or on known"):
        flow.fit(log_reward, trajectories=0)
