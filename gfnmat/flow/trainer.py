"""Training: sentences are drawn, distinct ones are remembered, and the policy learns from both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from gfnmat.flow.conditions import Conditioning
from gfnmat.flow.losses import Loss, log_partition_variance, subtrajectory_balance, trajectory_balance
from gfnmat.flow.memory import Memory
from gfnmat.flow.network import LogZ
from gfnmat.flow.policy import SeededPolicy
from gfnmat.flow.rollout import decided_in, log_prior_of, written
from gfnmat.space.candidates import Candidates
from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.sentences import Decisions

STEPS_A_DRAW = 8  # a batch is drawn for so many steps at once
LARGEST_BATCH, SMALLEST_BATCH = 128, 8
AT_THE_END = 1024  # sentences drawn after training for log Z, where the space is large
SHARPNESS_COUNTS = 0.03
MORE_AT_ZERO = 768  # candidates that a step learns from at sharpness 0 only, which costs little
SETTLED_CONDITIONS, SETTLING_STEPS = 4096, 3000  # for the network of log Z, after training
SETTLING_SHARE = 8  # of these steps at most for each one of training
MOSTLY_NEW = 0.5  # share of what is drawn that is not remembered, beyond which what is remembered says little of log Z
SETTLED_BY = 8192  # candidates of the highest reward by which log Z is settled


@dataclass(frozen=True)
class Training:
    """How `GFlowNet.fit` learns.

    Attributes:
        batch_size: sentences drawn for each step; None for 128, or fewer where these would be too few steps, with
            as many more learned from again.
        replay: distinct candidates that are learned from again, for each sentence drawn.
        exploration: share of actions drawn uniformly from the allowed ones while training.
        untrained: share of the sentences that are drawn as an untrained policy draws them.
        even: share of those learned from again that are taken evenly, the others in proportion to their reward.
        loss: `tb` is trajectory balance, `vargrad` the log-partition variance, `subtb` sub-trajectory balance; None
            for trajectory balance, or the variance where there are conditions.
        conditions: how many conditions each step learns under, all its sentences under each (hindsight).
        learning_rate: Adam's at its highest; it rises in the first fiftieth and then falls to a hundredth by a cosine.
        log_z_learning_rate: the same for log Z.
        clip: largest norm of the gradient.
        least_steps: steps at least, where `batch_size` is None: with few sentences, fewer are drawn for each step; and
            the steps where none is drawn.
    """

    batch_size: int | None = None
    replay: float = 3.0
    exploration: float = 0.05
    untrained: float = 0.25
    even: float = 0.5
    loss: Loss | None = None
    conditions: int = 8
    learning_rate: float = 4e-3
    log_z_learning_rate: float = 5e-2
    clip: float = 1.0
    least_steps: int = 512

    def __post_init__(self) -> None:
        shares = {"exploration": self.exploration, "untrained": self.untrained, "even": self.even}
        for name, share in shares.items():
            if not 0 <= share <= (0.99 if name == "untrained" else 1):
                raise ValueError(f"{name} is {share}; it must be a share from 0 to 1, and leave some to the policy.")
        if self.loss not in (None, *get_args(Loss)):
            raise ValueError(f"loss is {self.loss!r}; it must be one of {', '.join(get_args(Loss))}.")
        for name, number in (
            ("batch_size", self.batch_size),
            ("conditions", self.conditions),
            ("steps", self.least_steps),
        ):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1.")

    def sizes(self, trajectories: int) -> tuple[int, int]:
        """Sentences drawn for each step, and learned from again, when so many are drawn in all."""
        if not trajectories:
            return 0, round((1 + self.replay) * (self.batch_size or LARGEST_BATCH))
        if self.batch_size is not None:
            return self.batch_size, round(self.replay * self.batch_size)
        drawn = min(LARGEST_BATCH, max(SMALLEST_BATCH, trajectories // self.least_steps))
        return drawn, round((1 + self.replay) * LARGEST_BATCH) - drawn


class Trainer:
    """One run of training.

    Args:
        environment: writes the sentences.
        policy: learns.
        log_z: learns too.
        conditioning: what conditions there are; None for none.
        values: of candidates, `n x k`: the log reward, or the objectives.
        decode: from finished states to candidates.
        settings: how.
        trajectories: how many to draw, at least; with 0, `settings.least_steps` steps learn from what is known alone.
        started: whether log Z stands somewhere already.
    """

    def __init__(
        self,
        environment: GrammarEnvironment,
        policy: SeededPolicy,
        log_z: LogZ,
        conditioning: Conditioning | None,
        values: Callable[[Candidates], Tensor],
        decode: Callable[[Tensor], Candidates],
        settings: Training,
        trajectories: int,
        started: bool,
    ) -> None:
        self.environment, self.policy, self.log_z, self.conditioning = environment, policy, log_z, conditioning
        self.values, self.decode, self.settings = values, decode, settings
        self.batch_size, self.n_again = settings.sizes(trajectories)
        self.steps = -(-trajectories // self.batch_size) if trajectories else settings.least_steps
        self.loss: Loss = settings.loss or ("tb" if conditioning is None else "vargrad")
        self.memory = Memory(policy, conditioning.n_objectives if conditioning else 1)
        self.started = started
        rates = ((policy, settings.learning_rate), (log_z, settings.log_z_learning_rate))
        if conditioning is not None:  # the network of log Z is not a single number
            rates = (rates[0], (log_z, min(rates[1][1], 1e-2)))
        groups: list[dict[str, Any]] = [{"params": list(m.parameters()), "lr": rate} for m, rate in rates]
        self.flow = self._flow_head() if self.loss == "subtb" else None
        if self.flow is not None:
            groups.append({"params": list(self.flow.parameters()), "lr": settings.learning_rate})
        named = list(policy.network.named_parameters())
        learn_apart = ([p for name, p in named if name.startswith("at_zero.") == apart] for apart in (True, False))
        at_zero, others = learn_apart
        if self.flow is not None:
            others += self.flow.parameters()
        self._clipped = [parameters for parameters in (at_zero, others) if parameters]
        self.optimizer = torch.optim.Adam(groups)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: _rate((step + 1) / self.steps))
        self._drawn: list[Tensor] = []

    def step(self, number: int) -> float:
        """One step; the loss."""
        settings, generator = self.settings, self.policy.generator
        if self.batch_size and not self._drawn:
            n = self.batch_size * min(STEPS_A_DRAW if number else 1, self.steps - number)
            self._drawn = list(self._draw(n).split(self.batch_size))
        drawn = [self._drawn.pop(0)] if self.batch_size else []
        rows = None if self.conditioning is None else self.conditioning.drawn(settings.conditions, generator)
        batch = torch.cat([*drawn, self._remembered(self.n_again, rows)])
        target = self._log_target(rows, batch)
        told = None if rows is None or self.conditioning is None else self.conditioning.numbers(rows)
        sentences = self.memory.sentences(batch)
        decided = decided_in(sentences, self.environment, self.policy, told, self.flow)
        if not self.started:
            self.log_z.level.data.fill_(float((target - decided.log_probs.detach().sum(-1)).mean()))
            self.started = True
        log_z = self.log_z(told)
        if self.loss == "tb":
            loss = trajectory_balance(decided.log_probs, target, log_z)
        elif self.loss == "vargrad":
            loss = log_partition_variance(decided.log_probs, target, self._weights(target, rows))
            gap = target - decided.log_probs.detach().sum(-1)
            loss = loss + (log_z - gap.mean(1)).square().mean()
        else:
            inside = sentences.place >= 0
            loss = subtrajectory_balance(decided.log_probs, target, log_z, decided.flows, inside)
        if self.policy.network.at_zero is not None:
            loss = loss + self._loss_at_zero(batch)
        if not bool(torch.isfinite(loss)):
            raise RuntimeError(
                f"the loss of step {number + 1} is {float(loss)}: training went astray. Lower Training.learning_rate, "
                "or narrow the range of the log rewards."
            )
        self.optimizer.zero_grad()
        loss.backward()
        for parameters in self._clipped:
            torch.nn.utils.clip_grad_norm_(parameters, settings.clip, error_if_nonfinite=True)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())

    def _flow_head(self) -> nn.Linear:
        """Nothing at first; it serves its loss alone, and is not kept."""
        head = nn.utils.skip_init(nn.Linear, self.policy.network.last.in_features, 1, device=self.environment.device)
        for parameter in head.parameters():
            nn.init.zeros_(parameter)
        return head

    def _loss_at_zero(self, batch: Tensor) -> Tensor:
        """Of what the policy says without a condition: the target is the prior alone, and all are weighed alike."""
        generator, device = self.policy.generator, batch.device
        even = torch.randint(len(self.memory), (MORE_AT_ZERO,), generator=generator, device=device)
        rows = torch.cat([batch, even])
        decided = decided_in(self.memory.sentences(rows), self.environment, self.policy, None)
        return log_partition_variance(decided.log_probs, self.memory.log_prior[rows][None])

    @staticmethod
    def _weights(target: Tensor, conditions: Tensor | None) -> Tensor | None:
        """Of the sentences under each condition, `g x n`: half of it as the target has it, half evenly.

        The sharper the reward, the further the imbalances range, and the less a condition counts.
        """
        if conditions is None:
            return None
        weights = (target.softmax(1) + 1 / target.shape[1]) / 2
        return weights / (1 + SHARPNESS_COUNTS * conditions[:, -1:]).square()

    def settle_log_z(self) -> None:
        """Log Z from the rewards that are known."""
        if self.conditioning is None:
            self._settle_number()
        else:
            self._settle_network(self.conditioning)

    @torch.no_grad()
    def _settle_number(self) -> None:
        """Z is the sum of the best rewards and of the share of all others in it, which is nearly the policy's.

        Where that share is large, importance sampling says what Z is: by draws from the policy as it has become.
        """
        target = self._log_target(None, torch.arange(len(self.memory), device=self.memory.values.device))[0]
        best = target.topk(min(SETTLED_BY, len(target))).indices
        log_prob = torch.cat([self._log_prob(rows) for rows in best.split(1024)])
        beyond = 1 - log_prob.double().exp().sum()
        if float(beyond) > MOSTLY_NEW:
            places = self.remember(written(self.environment, self.policy, AT_THE_END))
            gap = self._log_target(None, places)[0] - torch.cat([self._log_prob(rows) for rows in places.split(1024)])
            self.log_z.level.fill_(float(gap.double().logsumexp(0)) - math.log(AT_THE_END))
            return
        if float(beyond) > 0.0:
            rest = self.log_z.level.double() + beyond.log()
            settled = torch.logaddexp(target[best].double().logsumexp(0), rest)
        else:
            settled = target[best].double().logsumexp(0) - log_prob.double().logsumexp(0)
        self.log_z.level.fill_(float(settled))

    def _settle_network(self, conditioning: Conditioning) -> None:
        """Fits the network of log Z to the sums of the rewards, over the policy's share of what is remembered.

        Draws say how large that share is, by condition. Where it is small, log Z stays as it was learned.
        """
        generator = self.policy.generator
        rows = conditioning.drawn(SETTLED_CONDITIONS, generator)
        told = conditioning.numbers(rows)
        drawn = written(self.environment, self.policy, len(rows), condition=told, recorded=False)
        share = _fitted(told, self.memory.knows(drawn.finished).to(told)).clamp(0, 1)
        every = torch.arange(len(self.memory), device=rows.device)
        known = torch.cat([self._log_target(part, every).logsumexp(1) for part in rows.split(64)])
        is_known = share > 1 - MOSTLY_NEW
        wanted = torch.where(is_known, known - share.log(), self.log_z(told).detach())
        optimizer = torch.optim.Adam(self.log_z.parameters(), lr=3e-2)
        steps = min(SETTLING_STEPS, SETTLING_SHARE * self.steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate((step + 1) / steps))
        for _ in range(steps):
            part = torch.randint(len(rows), (512,), generator=generator, device=rows.device)
            optimizer.zero_grad()
            nn.functional.smooth_l1_loss(self.log_z(told[part]), wanted[part], beta=0.02).backward()
            optimizer.step()
            schedule.step()

    def _log_prob(self, rows: Tensor) -> Tensor:
        return decided_in(self.memory.sentences(rows), self.environment, self.policy, None).log_probs[0].sum(-1)

    @torch.no_grad()
    def _draw(self, n: int) -> Tensor:
        """Draws n sentences and remembers those that are new; their places in the memory, `n`."""
        if self.memory.is_full:
            self.memory.keep(self.worth_keeping(len(self.memory) // 2))
        told = None
        if self.conditioning is not None:
            told = self.conditioning.numbers(self.conditioning.drawn(n, self.policy.generator))
        n_untrained = round(self.settings.untrained * n)
        decisions = written(self.environment, self.policy, n, self.settings.exploration, told, n_untrained)
        places = self.remember(decisions)
        order = torch.randperm(n, generator=self.policy.generator, device=places.device)
        return places[order]

    @torch.no_grad()
    def remember(self, decisions: Decisions) -> Tensor:
        """Remembers the sentences that are new, and asks for their rewards; the places of all in the memory, `n`."""
        places, new = self.memory.number(decisions)
        if len(new):
            fresh = self.memory.finished[-len(new) :]
            log_prior = log_prior_of(decisions, self.environment, self.policy)[new]
            self.memory.learn(self.values(self.decode(fresh)), log_prior)
        return places

    def worth_keeping(self, most: int) -> Tensor:
        """Places of at most so many of those remembered: the latest, and of the others the best, half of each."""
        n = len(self.memory)
        most = min(most, n)
        latest = torch.arange(n - most // 2, n, device=self.environment.device)
        promise = (self.memory.values.amax(1) + self.memory.log_prior)[: n - most // 2]
        best = promise.topk(most - most // 2).indices.sort().values
        return torch.cat([best, latest])

    def _log_target(self, conditions: Tensor | None, rows: Tensor) -> Tensor:
        """Under each condition, `g x n`."""
        values = self.memory.values[rows]
        if conditions is None or self.conditioning is None:
            return values.T + self.memory.log_prior[rows]
        return self.conditioning.log_reward(values, conditions) + self.memory.log_prior[rows]

    def _remembered(self, n: int, conditions: Tensor | None) -> Tensor:
        """Places of n candidates, some taken evenly and some in proportion to their reward under the conditions."""
        generator, device = self.policy.generator, self.environment.device
        n_even = round(self.settings.even * n)
        parts = [torch.randint(len(self.memory), (n_even,), generator=generator, device=device)]
        if n > n_even:
            every = torch.arange(len(self.memory), device=device)
            reached = self._log_target(conditions, every).softmax(1).cumsum(1)
            n_each = -(-(n - n_even) // len(reached))
            height = torch.rand(len(reached), n_each, generator=generator, device=device) * reached[:, -1:]
            picked = torch.searchsorted(reached, height).clamp(max=len(self.memory) - 1)
            parts.append(picked.flatten()[: n - n_even])
        return torch.cat(parts)


def _rate(done: float) -> float:
    """The share of a learning rate after a share of the training."""
    return min(1.0, done / 0.02) * (0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1.0))) / 2)


def _fitted(rows: Tensor, values: Tensor) -> Tensor:
    """The values `n` smoothed: what is linear in the rows `n x k`, and nearest to them."""
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1).double()
    normal = rows.T @ rows + 1e-6 * len(rows) * torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    return (rows @ torch.linalg.solve(normal, rows.T @ values.double())).to(values)
