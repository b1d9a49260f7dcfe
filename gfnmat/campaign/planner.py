"""One round: learn from what is known, propose candidates, select pairs of candidate and fidelity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from time import perf_counter
from typing import Literal

import torch
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.explanation import explain
from gfnmat.campaign.acquisition.information import rung_noise
from gfnmat.campaign.acquisition.kinds import choose_kind
from gfnmat.campaign.acquisition.selection import Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.choices import described_choice
from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.features import features_of, identities
from gfnmat.campaign.first_design import best_known, first_design
from gfnmat.campaign.fitness import measured
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.offered import Offered
from gfnmat.campaign.records import Choice, RoundRecord, Suggestion, Trust
from gfnmat.campaign.replicates import Replication, next_replicate
from gfnmat.campaign.reward import Span, SurrogateReward
from gfnmat.campaign.scores import Scale, build_score
from gfnmat.config import CampaignConfig
from gfnmat.problem import Problem
from gfnmat.proposers.proposer import LogReward, Proposer
from gfnmat.proposers.random import RandomProposer
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace
from surrogates import Surrogate

N_REFERENCE = 1000
Screen = Callable[[Candidates], Tensor]


@dataclass(frozen=True)
class Plan:
    """What to evaluate, and how it came about."""

    choices: tuple[Choice, ...]
    record: RoundRecord


@dataclass(frozen=True)
class Planner:
    """Plans rounds. It keeps nothing: a plan follows from the history, the seed and the proposer's state.

    Attributes:
        config: the campaign.
        goals: its objectives and constraints.
        proposer: where candidates come from.
        space: the design space.
        screens: one a rung; says which candidates its oracle can answer at all, by their formulas, `n` booleans.
        accepts: says which candidates the target's oracle takes as they are, crystal by crystal, `n` booleans.
    """

    config: CampaignConfig
    goals: Goals
    proposer: Proposer
    space: DesignSpace
    screens: Sequence[Screen]
    accepts: Screen

    @cached_property
    def _reference(self) -> Candidates:
        """Random candidates of the space: which directions of the features matter before much is measured."""
        return RandomProposer(self.space).propose(N_REFERENCE, None, seed=self.config.seed).candidates

    def plan(
        self,
        history: History,
        n: int,
        round_number: int,
        only_rung: int | None = None,
        say: Callable[[str], None] = lambda phase: None,
        go_on: Callable[[], None] = lambda: None,
    ) -> Plan:
        """Up to n choices that what is left of the budget pays for; a first design of many rungs may take more.

        Args:
            history: everything known.
            n: most choices.
            round_number: what the record calls the round.
            only_rung: choose at this rung alone; None leaves it open.
            say: told what is being done: `learn`, `propose`, `select`.
            go_on: called now and then, also while the proposer is trained; it raises where the plan is to be given up.
        """
        start = perf_counter()
        seed = plan_seed(self.config.seed, len(history.suggestions))
        asked = "random" if self.config.surrogate.kind == "none" else self.config.acquisition.kind
        kind = choose_kind(asked, self.goals.problem)
        picks_at_random = kind.name == "random"
        if only_rung is None and self.config.acquisition.fidelity == "target":
            only_rung = self.goals.problem.target_rung
        learned = None if picks_at_random else self._learn(history, seed, say)
        say("propose")
        reward = _watched(learned.reward, go_on) if learned else None
        proposal = self.proposer.propose(self.config.proposer.pool, reward, seed, measured(history))
        replication = self._replication(history, learned)
        offered = self._open(proposal.candidates, history, only_rung, replication, with_known=not picks_at_random)
        # a sharp sampler may know nothing but what was measured or is refused; what a list leaves out stays out
        if not offered.has_news and self.config.proposer.kind != "pool":
            others = RandomProposer(self.space).propose(self.config.proposer.pool, None, seed).candidates
            offered = self._open(others, history, only_rung, replication, with_known=not picks_at_random)
        pool, open_pairs = offered.candidates, offered.open_pairs
        go_on()
        say("select")
        budget = self.config.budget.cost - history.spent
        if not bool(open_pairs.any()):
            choices: tuple[Choice, ...] = ()
        elif learned is not None:
            reserve = self.config.fidelities[-1].cost if only_rung is None else 0.0
            place = self._place(budget, round_number)
            choices = self._select(learned, offered, history, n, budget, reserve, place, seed, kind.name)
        elif picks_at_random:
            choices = self._at_random(pool, open_pairs, n, budget, only_rung)
        else:
            choices = self._first_design(offered, history, n, budget, only_rung, round_number)
        diagnosis = proposal.diagnosis
        record = RoundRecord(
            round=round_number,
            seconds=perf_counter() - start,
            pool=len(pool),
            distinct=proposal.distinct,
            loss=proposal.loss,
            log_z=proposal.log_z,
            sampler_correlation=diagnosis.correlation if diagnosis and isfinite(diagnosis.correlation) else None,
            gap_variance=diagnosis.gap_variance if diagnosis else None,
            effective_share=diagnosis.effective_share if diagnosis else None,
            coverage=learned.mean_at_target("coverage") if learned else None,
            rank_correlation=learned.mean_at_target("rank_correlation") if learned else None,
            trust=learned.trust if learned else (),
            acquisition=f"{kind.name}: {kind.why}" if learned or picks_at_random else "first design",
        )
        return Plan(choices, record)

    def _learn(self, history: History, seed: int, say: Callable[[str], None]) -> Learned | None:
        """The surrogate and the reward that follow from the history; None while the target is unknown."""
        judged = history.at_target()
        if not judged:
            return None
        say("learn")
        answered = history.answered
        reference = features_of(self._reference)
        surrogate = surrogates.build(
            self.config.surrogate.kind,
            n_fidelities=len(self.config.fidelities),
            n_properties=len(self.goals.problem.properties),
            reference=reference,
        )
        surrogate.fit(
            features_of(Candidates.of_keys([m.suggestion.choice.key for m in answered])),
            torch.tensor([m.suggestion.choice.rung for m in answered]),
            history.values(answered),
        )
        feasibility = Feasibility.learned(history, reference)
        goals = self.goals.above(surrogate.predict(reference[:1]).floor)
        feasible = history.feasible_at_target()
        scale = Scale.of(goals.utilities(history.values(feasible if len(feasible) > 1 else judged)))
        front = goals.utilities(history.values(feasible))
        proposer = self.config.proposer
        score = build_score(proposer.reward, goals, scale, front, seed, proposer.optimism)
        span = Span()
        if not score.is_scaled:
            known = _features_suggested([m.suggestion for m in judged], like=reference)
            prediction = surrogate.predict(torch.cat([reference, known]))
            span = Span.of(score(prediction.mean, prediction.sd))
        reward = SurrogateReward(
            surrogate=surrogate,
            features=features_of,
            goals=goals,
            score=score,
            span=span,
            sharpness=proposer.sharpness,
            screen=self.screens[-1],
            feasibility=feasibility,
        )
        return Learned(surrogate, feasibility, scale, reward, _trust(surrogate, self.goals.problem))

    def _replication(self, history: History, learned: Learned | None) -> Replication:
        """What may be measured again: where there is noise, as often as the campaign file says."""
        most = tuple(fidelity.replicates for fidelity in self.config.fidelities)
        if learned is None or max(most) == 1:
            return Replication((1,) * len(most))
        answered = history.answered
        identity = self._identities_of(history)
        return Replication.of(
            most,
            rung_noise(learned.surrogate, features_of(self._reference[:1]), len(most)),
            [identity[m.suggestion.choice.key] for m in answered],
            torch.tensor([m.suggestion.choice.rung for m in answered]),
            history.values(answered),
        )

    def _open(
        self, proposed: Candidates, history: History, only_rung: int | None, replication: Replication, with_known: bool
    ) -> Offered:
        """The pool, and which pairs of its candidates and rungs may be picked."""
        pool, names = self._pool(proposed, history, with_known)
        identity = self._identities_of(history)
        pairs = history.open_pairs(names, identity, replication.most)
        open_pairs = pairs & torch.stack([screen(pool) for screen in self.screens], dim=1)
        if only_rung is not None:
            open_pairs &= torch.arange(open_pairs.shape[1]) == only_rung
        return Offered(pool, names, open_pairs, history.answered_pairs(names, identity), replication.untried)

    def _pool(self, proposed: Candidates, history: History, with_known: bool) -> tuple[Candidates, list[str]]:
        """What the oracles can answer of the proposals and of what was measured, and the identity of each."""
        batches = [proposed]
        if with_known and history.answered:
            known = dict.fromkeys(m.suggestion.choice.key for m in history.answered)
            batches.append(Candidates.of_keys(list(known)))
        pool = Candidates.concatenate(batches)
        first = {name: row for row, name in reversed(list(enumerate(identities(pool))))}
        rows, names = sorted(first.values()), sorted(first, key=first.__getitem__)
        distinct = pool[rows]
        answered = self.screens[-1](distinct) & self.accepts(distinct)
        return distinct[answered], [name for name, kept in zip(names, answered.tolist(), strict=True) if kept]

    @staticmethod
    def _identities_of(history: History) -> dict[str, str]:
        """The identity of everything suggested, by its key."""
        keys = list(dict.fromkeys(suggestion.choice.key for suggestion in history.suggestions))
        return dict(zip(keys, identities(Candidates.of_keys(keys)), strict=True)) if keys else {}

    def _select(
        self,
        learned: Learned,
        offered: Offered,
        history: History,
        n: int,
        budget: float,
        reserve: float,
        place: float,
        seed: int,
        kind: str,
    ) -> tuple[Choice, ...]:
        pool = offered.candidates
        features = features_of(pool)
        identities_known = self._identities_of(history)
        answered = history.answered
        situation = Situation(
            surrogate=learned.surrogate,
            goals=learned.reward.goals,
            scale=learned.scale,
            measured=_features_suggested([m.suggestion for m in history.at_target()], like=features),
            pending=_features_suggested(history.outstanding, like=features),
            pending_rungs=torch.tensor([s.choice.rung for s in history.outstanding], dtype=torch.long),
            agreement=Agreement.of(
                [identities_known[m.suggestion.choice.key] for m in answered],
                torch.tensor([m.suggestion.choice.rung for m in answered]),
                history.values(answered),
                len(self.config.fidelities),
            ),
        )
        offer = Offer(
            pool=features,
            open_pairs=offered.open_pairs,
            costs=tuple(fidelity.cost for fidelity in self.config.fidelities),
            place=place,
            budget=budget,
            reserve=reserve,
            log_feasibility=learned.feasibility.log_probability(features),
            answered=offered.answered,
            untried=offered.untried,
        )
        policy = Policy(kind, self.config.acquisition.fidelity, self.config.acquisition.deadline)
        picks = select(situation, offer, policy, n, seed)
        if not picks:
            return ()
        prediction = learned.surrogate.predict(features[[pick.index for pick in picks]])
        properties = self.goals.problem.properties
        issued = history.issued(identities_known)
        chosen = []
        for pick, mean, sd in zip(picks, prediction.median.tolist(), prediction.sd.tolist(), strict=True):
            means, sds = dict(zip(properties, mean, strict=True)), dict(zip(properties, sd, strict=True))
            earlier = [s.choice for s in issued.get((offered.names[pick.index], pick.rung), ())]
            why = explain(pick, kind, self.config.fidelities, means, sds, len(earlier))
            # the same crystal may be proposed in another description: what is measured again is what was measured
            candidate = Candidates.of_keys([earlier[0].key]) if earlier else pool[pick.index]
            choice = self._choice(candidate, pick.rung, why)
            chosen.append(replace(choice, means=means, sds=sds, replicate=next_replicate(earlier)))
        return tuple(chosen)

    def _place(self, budget: float, round_number: int) -> float:
        """What a place in a batch is worth, see `Offer`: 0 where rounds are not limited."""
        if (rounds := self.config.budget.rounds) is None:
            return 0.0
        return budget / (max(1, rounds - round_number) * self.config.acquisition.batch_size)

    def _choices(self, pool: Candidates, pairs: Sequence[tuple[int, int]], why: str) -> tuple[Choice, ...]:
        return tuple(self._choice(pool[index], rung, why) for index, rung in pairs)

    def _choice(self, candidate: Candidates, rung: int, why: str) -> Choice:
        """The choice of one candidate at a rung, without predictions."""
        return described_choice(candidate, rung, self.config.fidelities[rung].cost, why)

    def _at_random(
        self, pool: Candidates, open_pairs: Tensor, n: int, budget: float, only_rung: int | None
    ) -> tuple[Choice, ...]:
        rung = self.goals.problem.target_rung if only_rung is None else only_rung
        affordable = max(0, min(n, int((budget + 1e-9) // self.config.fidelities[rung].cost)))
        rows = open_pairs[:, rung].nonzero().squeeze(-1).tolist()[:affordable]
        return self._choices(pool, [(row, rung) for row in rows], "chosen without a surrogate, as proposed")

    def _first_design(
        self, offered: Offered, history: History, n: int, budget: float, only_rung: int | None, round_number: int
    ) -> tuple[Choice, ...]:
        costs = [fidelity.cost for fidelity in self.config.fidelities]
        answers = offered.answered[:, :-1].sum(1)
        if only_rung is not None:
            pairs = best_known(offered.open_pairs, answers, only_rung, n, costs[only_rung], budget)
        else:
            begun = sum(suggestion.choice.rung < len(costs) - 1 for suggestion in history.suggestions)
            rounds = self.config.budget.rounds
            is_short = rounds is not None and round_number + 2 >= rounds  # what two rounds bring would never be used
            pairs = first_design(offered.open_pairs, answers, costs, n, budget, begun, is_short)
        return self._choices(offered.candidates, pairs, "first design: random candidates, shared by the rungs")


@dataclass(frozen=True)
class Learned:
    """What one round learned."""

    surrogate: Surrogate
    feasibility: Feasibility
    scale: Scale
    reward: SurrogateReward
    trust: tuple[Trust, ...]

    def mean_at_target(self, figure: Literal["coverage", "rank_correlation"]) -> float | None:
        """Mean over the properties at the target; None where none is known."""
        target = self.reward.goals.problem.target.name
        found = [getattr(entry, figure) for entry in self.trust if entry.fidelity == target]
        known = [number for number in found if number is not None]
        return sum(known) / len(known) if known else None


def _watched(reward: SurrogateReward, go_on: Callable[[], None]) -> LogReward:
    """The same reward, which asks each time whether to go on."""

    def asked(candidates: Candidates) -> Tensor:
        go_on()
        return reward(candidates)

    return asked


def _features_suggested(suggestions: Sequence[Suggestion], like: Tensor) -> Tensor:
    """Features of the suggested candidates, as wide as `like`, `n x d`."""
    if not suggestions:
        return like[:0]
    return features_of(Candidates.of_keys([suggestion.choice.key for suggestion in suggestions]))


def _trust(surrogate: Surrogate, problem: Problem) -> tuple[Trust, ...]:
    """How good the surrogate is by property and fidelity, from leaving measurements out."""
    return tuple(
        Trust(
            property=problem.properties[column],
            fidelity=problem.fidelities[rung].name,
            n=found.n,
            mae=found.mae,
            crps=found.crps,
            coverage=found.coverage_90,
            rank_correlation=found.spearman if isfinite(found.spearman) else None,
        )
        for (column, rung), found in surrogates.diagnose(surrogate).items()
    )


def plan_seed(seed: int, issued: int) -> int:
    """A seed for each plan of each campaign, by what was issued before; torch's generators take 63 bits."""
    digest = hashlib.sha256(f"{seed}/{issued}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
