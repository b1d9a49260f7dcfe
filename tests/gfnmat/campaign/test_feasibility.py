"""What is learned from the failures of an oracle."""

import math
from collections.abc import Sequence
from functools import cache

import pytest
import torch
from torch import Tensor

import surrogates
from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.pick import Pick
from gfnmat.campaign.acquisition.selection import Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.feasibility import LEAST, NEEDED, Feasibility
from gfnmat.campaign.features import features_of
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice, Measurement, Status, Suggestion
from gfnmat.campaign.reward import Span, SurrogateReward
from gfnmat.campaign.scores import OptimisticScore, Scale, draw_preferences
from gfnmat.problem import Budget, Fidelity, Objective, Problem
from gfnmat.space.design_space import DesignSpace
from surrogates import Prediction

ELEMENTS = ["Li", "Mg", "Al", "Ti", "O", "F"]
COMPOSITIONS = CompositionSpace(ELEMENTS, (2, 3), (2, 9))
CRYSTALS = CrystalSpace(ELEMENTS, (2, 3), (2, 6), crystal_systems=["cubic", "tetragonal"])
GOALS = Goals(
    Problem(
        objectives=(Objective(property="x", goal="maximize"),),
        constraints=(),
        fidelities=tuple(Fidelity(name=name, oracle="pauling", cost=1) for name in ("hint", "real")),
        budget=Budget(cost=100),
    )
)
FLUORINE = 8  # column of the counts


@cache
def sampled(space: DesignSpace, seed: int, n: int = 300) -> Candidates:
    return GFlowNet(space, seed=seed).sample(n).distinct()


def history(statuses: Sequence[tuple[str, Status]], rung: int = 1) -> History:
    """One measurement a key, with this status."""
    suggestions = [
        Suggestion(
            id=number,
            choice=Choice(key=key, formula=key, rung=rung, cost=1.0, means={}, sds={}, why=""),
            round=0,
        )
        for number, (key, _) in enumerate(statuses)
    ]
    answers = [Answer(status, {"x": 1.0} if status == "done" else {}) for _, status in statuses]
    return History(GOALS, suggestions, [Measurement(*both) for both in zip(suggestions, answers, strict=True)])


def told(candidates: Candidates, turned: bool = False) -> list[tuple[str, Status]]:
    """Fluorides fail and the others do not, or the other way round."""
    fails = (candidates.counts[:, FLUORINE] > 0) ^ turned
    return [(key, "infeasible" if bool(failed) else "done") for key, failed in zip(candidates.keys, fails, strict=True)]


def learned(statuses: Sequence[tuple[str, Status]], space: DesignSpace = COMPOSITIONS) -> Feasibility:
    return Feasibility.learned(history(statuses), features_of(sampled(space, seed=9)))


@pytest.mark.parametrize(("failures", "successes"), [(0, 0), (0, 20), (NEEDED - 1, 20), (20, NEEDED - 1)])
def test_too_little_to_learn_from_is_no_reason_to_doubt(failures: int, successes: int) -> None:
    keys = sampled(COMPOSITIONS, seed=1).keys
    statuses: list[Status] = ["infeasible"] * failures + ["done"] * successes
    found = learned(list(zip(keys, statuses, strict=False)))
    assert found.outcomes is None
    assert found.log_probability(features_of(sampled(COMPOSITIONS, seed=2)))[:50].eq(0).all()


@pytest.mark.parametrize("space", [COMPOSITIONS, CRYSTALS], ids=["compositions", "crystals"])
def test_what_failed_for_a_reason_that_shows_is_doubted_where_it_shows(space: DesignSpace) -> None:
    known, others = sampled(space, seed=1)[:80], sampled(space, seed=2)
    unseen = others[[row for row, key in enumerate(others.keys) if key not in known.keys]]
    found = learned(told(known), space).log_probability(features_of(unseen)).exp()
    fluoride = unseen.counts[:, FLUORINE] > 0
    assert min(int(fluoride.sum()), int((~fluoride).sum())) > 20
    assert float(found[fluoride].median()) < 0.25
    assert float(found[~fluoride].median()) > 0.75
    right = (found < 0.5) == fluoride
    assert float(right.double().mean()) > 0.9


@pytest.mark.parametrize("draw", [1, 3, 4, 5])
def test_four_failures_are_enough_to_doubt_their_like(draw: int) -> None:
    """What was drawn for the twelve that are known is chance; a guess by their share of failures is the yardstick."""
    known, unseen = sampled(COMPOSITIONS, seed=draw), sampled(COMPOSITIONS, seed=2)[:100]
    fluoride = known.counts[:, FLUORINE] > 0
    few = Candidates.concatenate([known[fluoride][:NEEDED], known[~fluoride][:8]])
    found = learned(told(few)).log_probability(features_of(unseen)).exp()
    fails = unseen.counts[:, FLUORINE] > 0
    doubted_more = found[fails][:, None] < found[~fails]
    assert float(doubted_more.double().mean()) > 0.75
    loss, guessed = (
        -torch.where(fails, 1 - p, p).log().mean() for p in (found, torch.full_like(found, 8 / (8 + NEEDED)))
    )
    assert float(loss) < float(guessed) - 0.05


def test_what_was_withdrawn_or_no_machine_could_answer_says_nothing() -> None:
    known, others = sampled(COMPOSITIONS, seed=1)[:30], sampled(COMPOSITIONS, seed=2)[:60]
    unspoken: tuple[Status, ...] = ("withdrawn", "retryable")
    unsaid = [(key, status) for key in others[:20].keys for status in unspoken]
    features = features_of(others)
    with_unsaid = learned([*unsaid, *told(known)]).log_probability(features)
    assert torch.allclose(with_unsaid, learned(told(known)).log_probability(features))
    successes = [(key, status) for key, status in told(known) if status == "done"]
    assert learned([*successes, *unsaid]).outcomes is None


def test_probabilities_have_a_least_and_are_none_above_one() -> None:
    known = sampled(COMPOSITIONS, seed=1)[:40]
    features = features_of(sampled(COMPOSITIONS, seed=2))
    far = (
        features.mean(0) + 30 * torch.randn(50, features.shape[1], generator=torch.Generator().manual_seed(0)).double()
    )
    for turned in (False, True):
        found = learned(told(known, turned)).log_probability(torch.cat([features, far]))
        assert found.shape == (len(features) + 50,)
        assert bool(found.isfinite().all())
        assert float(found.max()) <= 0
        assert float(found.min()) >= math.log(LEAST) - 1e-12
    assert LEAST == 0.02


class Says:
    """A surrogate, or a model of outcomes, that says what it was given, in the order of the candidates."""

    def __init__(self, values: Sequence[float]) -> None:
        mean = torch.tensor(values, dtype=torch.float64)[:, None]
        self.prediction = Prediction(mean, torch.full_like(mean, 0.1))

    def predict(self, features: Tensor, fidelity: int | None = None) -> Prediction:
        return self.prediction

    def probability(self, features: Tensor, fidelity: int | None = None) -> Tensor:
        return self.prediction.mean[:, 0]


def test_no_probability_is_below_the_least() -> None:
    feasibility = Feasibility(Says([0.5, 0.0, 1.0]))  # type: ignore[arg-type]
    assert feasibility.log_probability(torch.zeros(3, 1)).exp().tolist() == pytest.approx([0.5, LEAST, 1.0])


def test_the_reward_falls_by_what_speaks_against_an_answer() -> None:
    probabilities = [1.0, 0.5, 0.1, 0.0]
    scale = Scale(torch.zeros(1).double(), torch.ones(1).double())
    reward = SurrogateReward(
        surrogate=Says([0.5] * 4),  # type: ignore[arg-type]
        features=features_of,
        goals=GOALS,
        score=OptimisticScore(GOALS, scale, draw_preferences(1, seed=0), 1.0),
        span=Span(),
        sharpness=10,
        screen=lambda candidates: torch.ones(len(candidates), dtype=torch.bool),
        feasibility=Feasibility(Says(probabilities)),  # type: ignore[arg-type]
    )
    found = reward(Candidates.of(["MgO"] * 4))
    expected = [math.log(max(probability, LEAST)) for probability in probabilities]
    assert (found - found[0]).tolist() == pytest.approx(expected)


def chosen(pool: Tensor, log_feasibility: Tensor | None, n: int = 1) -> list[Pick]:
    """From a pool of which a sine was measured at some points."""
    known = torch.linspace(0, 1, 8, dtype=torch.float64)[:, None]
    values = torch.sin(5 * known)
    surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=2, n_properties=1)
    surrogate.fit(known, torch.ones(8, dtype=torch.long), values)
    at_target = torch.ones(len(known), dtype=torch.long)
    situation = Situation(
        surrogate=surrogate,
        goals=GOALS,
        scale=Scale.of(GOALS.utilities(values)),
        measured=known,
        pending=known[:0],
        pending_rungs=at_target[:0],
        agreement=Agreement.of([str(i) for i in range(len(known))], at_target, values, 2),
    )
    offer = Offer(
        pool=pool,
        open_pairs=torch.tensor([[False, True]]).expand(len(pool), 2),
        costs=(1.0, 1.0),
        budget=100.0,
        log_feasibility=log_feasibility,
    )
    return select(situation, offer, Policy(), n, seed=0)


@pytest.mark.parametrize("doubtful", [0, 1])
def test_of_two_equal_candidates_the_one_that_will_be_answered_is_chosen(doubtful: int) -> None:
    twins = torch.tensor([[0.4], [0.4]], dtype=torch.float64)
    doubt = torch.zeros(2, dtype=torch.float64)
    doubt[doubtful] = math.log(0.3)
    first, second = chosen(twins, doubt, n=2)
    assert (first.index, second.index) == (1 - doubtful, doubtful)
    (alone,) = chosen(twins[:1], doubt[doubtful, None])
    assert alone.log_value == pytest.approx(first.log_value + math.log(0.3), abs=1e-6)


def test_without_doubts_the_choice_is_the_same_as_with_certainty() -> None:
    pool = torch.rand(30, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    certain = torch.zeros(30, dtype=torch.float64)
    assert chosen(pool, None, n=5) == chosen(pool, certain, n=5)
    best = chosen(pool, None)[0].index
    certain[best] = math.log(LEAST)
    assert chosen(pool, certain)[0].index != best
