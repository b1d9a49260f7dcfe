"""A sampler told preferences and a sharpness, against enumeration; the memory it learns from; the losses."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, GFlowNet
from gfnmat.flow.conditions import Condition, Conditioning
from gfnmat.flow.gflownet import Training
from gfnmat.flow.memory import Table


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
