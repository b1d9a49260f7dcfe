"""A sampler of materials in proportion to a reward."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from gfn.gflownet import TBGFlowNet
from torch import Tensor

from gfnmat.flow.policy import SeededPolicy
from gfnmat.flow.rollout import log_prior_of, log_prob_of, written
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace
from gfnmat.space.sentences import Decisions, decisions_in
from gfnmat.space.spaces import build_space
from surrogates.threads import on_threads

LogReward = Callable[[Candidates], Tensor]
FILE_FORMAT = 2


@dataclass(frozen=True)
class PolicySize:
    """Width and number of the policy's hidden layers."""

    hidden: int = 256
    layers: int = 3


@dataclass(frozen=True)
class Training:
    """How `GFlowNet.fit` learns.

    Attributes:
        batch_size: trajectories a step.
        exploration: share of actions drawn uniformly from the allowed ones while training.
        learning_rate: Adam's at the start; it falls to a hundredth along a cosine.
        log_z_learning_rate: the same for log Z, a single number that may move faster.
    """

    batch_size: int = 128
    exploration: float = 0.05
    learning_rate: float = 3e-3
    log_z_learning_rate: float = 5e-2


@dataclass(frozen=True)
class TrainingRecord:
    """What one call of `fit` did: its losses (trajectory balance, mean over each batch) and how many were drawn."""

    losses: tuple[float, ...]
    trajectories: int


class GFlowNet:
    """Draws candidates of a design space in proportion to a reward.

    Among crystals it is in proportion to the reward times the probability that an untrained policy gives the crystal,
    as in relative trajectory balance (Venkatraman et al., arXiv:2405.20971): were all sentences weighed alike, those of
    low symmetry, which are far the most, would be all that is ever drawn.

    Each material is one sentence of the space's grammar, so the graph is a tree, the backward policy is trivial,
    and `log_prob` is exact. Trained by trajectory balance (Malkin et al., arXiv:2201.13259).

    Args:
        space: the design space.
        seed: fixes the initial weights, training and sampling; other users of torch's random numbers, in this or
            another thread, neither disturb it nor are disturbed.
        policy: size of the network.
        device: where the network and the states live, for example `cpu` or `cuda`.
        threads: of the CPU; more are faster on idle cores only, and far slower on busy ones.
    """

    def __init__(
        self,
        space: DesignSpace,
        seed: int = 0,
        policy: PolicySize | None = None,
        device: torch.device | str = "cpu",
        threads: int = 1,
    ) -> None:
        self.space = space
        self.policy_size = policy or PolicySize()
        self.threads = threads
        self.environment = space.environment(device=device)
        self._generator = torch.Generator(device=device).manual_seed(seed)
        self._policy = SeededPolicy(self.environment, self.policy_size.hidden, self.policy_size.layers, self._generator)
        self._balance = TBGFlowNet(self._policy, pb=None, constant_pb=True).to(device)
        self._trained = False
        self._lock = threading.RLock()

    @property
    def device(self) -> torch.device:
        """Where the network and the states live."""
        return self.environment.device

    @property
    def log_z(self) -> float:
        """Estimate of the log of the sum of the reward over the space; of crystals, each weighed by `log_prior`."""
        return float(self._balance.logZ.detach())

    def reseed(self, seed: int) -> None:
        """Starts the random numbers anew, as a campaign does at each round."""
        with self._lock:
            self._generator.manual_seed(seed)

    def fit(
        self,
        log_reward: LogReward,
        trajectories: int = 64_000,
        training: Training | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> TrainingRecord:
        """Trains on `trajectories` more sentences, from where the network stands.

        Args:
            log_reward: maps `Candidates` to the log of their rewards, a float tensor of shape `(n,)`.
            trajectories: how many sentences to draw and learn from.
            training: how to learn.
            progress: called after each step with the sentences drawn so far and the loss.

        Raises:
            ValueError: the reward has another shape or is not finite, or `trajectories` is less than 1.
        """
        if trajectories < 1:
            raise ValueError(f"trajectories is {trajectories}; train on at least one.")
        settings = training or Training()
        steps = max(1, -(-trajectories // settings.batch_size))
        with self._lock:
            optimizer = torch.optim.Adam(
                [
                    {"params": self._balance.pf_pb_parameters(), "lr": settings.learning_rate},
                    {"params": self._balance.logz_parameters(), "lr": settings.log_z_learning_rate},
                ]
            )
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step / steps))
            losses = []
            for step in range(steps):
                with on_threads(self.threads):
                    loss = self._learn(log_reward, settings, optimizer)
                schedule.step()
                losses.append(loss)
                if progress is not None:
                    progress((step + 1) * settings.batch_size, loss)
        return TrainingRecord(losses=tuple(losses), trajectories=steps * settings.batch_size)

    def _learn(self, log_reward: LogReward, settings: Training, optimizer: torch.optim.Optimizer) -> float:
        batch = self._rollout(settings.batch_size, exploration=settings.exploration)
        log_rewards = self._checked_rewards(log_reward, self.space.decode(batch.finished))
        if not self._trained:
            self._start_log_z(batch, log_rewards)
        optimizer.zero_grad()
        log_target = log_rewards + log_prior_of(batch, self.environment, self._policy)
        imbalance = self._balance.logZ + log_prob_of(batch, self.environment, self._policy) - log_target
        loss = self._balance.loss_fn(imbalance).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._balance.pf_pb_parameters(), max_norm=10.0)
        optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def _start_log_z(self, batch: Decisions, log_rewards: Tensor) -> None:
        """The log Z that balances the first batch on average, so that training starts near it."""
        log_target = log_rewards + log_prior_of(batch, self.environment, self._policy)
        self._balance.logZ.data.fill_(float((log_target - log_prob_of(batch, self.environment, self._policy)).mean()))
        self._trained = True

    def _checked_rewards(self, log_reward: LogReward, candidates: Candidates) -> Tensor:
        values = torch.as_tensor(log_reward(candidates))
        if values.shape != (len(candidates),):
            raise ValueError(
                f"log_reward gave shape {tuple(values.shape)} for {len(candidates)} candidates; "
                f"it must be ({len(candidates)},)."
            )
        if not bool(torch.isfinite(values).all()):
            wrong = int((~torch.isfinite(values)).nonzero()[0])
            raise ValueError(
                f"log_reward is {float(values[wrong])} for {candidates.formulas[wrong]}; every log reward must be "
                "finite (give what should never be drawn a low one)."
            )
        return values.to(device=self.device, dtype=torch.get_default_dtype())

    @torch.no_grad()
    def _rollout(self, n: int, exploration: float = 0.0) -> Decisions:
        return written(self.environment, self._policy, n, exploration)

    def sample(self, n: int, batch_size: int = 4096) -> Candidates:
        """Draws n candidates, with repetition, `batch_size` at a time."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate.")
        with self._lock, on_threads(self.threads):
            batches = []
            for start in range(0, n, batch_size):
                sentences = written(self.environment, self._policy, min(batch_size, n - start), recorded=False)
                batches.append(self.space.decode(sentences.finished))
        return Candidates.concatenate(batches)

    def sample_distinct(self, n: int, most_draws: int = 8) -> tuple[Candidates, float]:
        """Up to n distinct candidates, and the share of the draws that were distinct.

        Stops after `most_draws` times n draws: a sharp sampler repeats itself, and a small space is soon exhausted.
        """
        found, drawn = self.sample(n).distinct(), n
        while len(found) < n and drawn < most_draws * n:
            found = Candidates.concatenate([found, self.sample(n)]).distinct()
            drawn += n
        return found[:n], len(found) / drawn

    @torch.no_grad()
    def log_prob(self, candidates: Candidates, batch_size: int = 4096) -> Tensor:
        """The exact log-probability that one draw gives each candidate, `(n,)`.

        Raises:
            ValueError: a candidate is not in the space.
        """
        return self._over(candidates, batch_size, log_prob_of)

    @torch.no_grad()
    def log_prior(self, candidates: Candidates, batch_size: int = 4096) -> Tensor:
        """Log weight of each candidate before the reward, `(n,)`: what training adds the log reward to.

        0 in a space of compositions; in a space of crystals the log-probability that an untrained policy gives.

        Raises:
            ValueError: a candidate is not in the space.
        """
        return self._over(candidates, batch_size, log_prior_of)

    def _over(self, candidates: Candidates, batch_size: int, measure: Callable[..., Tensor]) -> Tensor:
        parts = [torch.zeros(0, device=self.device)]
        for start in range(0, len(candidates), batch_size):
            part = candidates[start : start + batch_size]
            decisions, inside = decisions_in(self.space, self.environment, part)
            if not bool(inside.all()):
                outside = int((~inside).nonzero()[0])
                raise ValueError(f"{part.keys[outside]} is not in the space; see space.encode for why.")
            with on_threads(self.threads):
                parts.append(measure(decisions, self.environment, self._policy))
        return torch.cat(parts)

    def save(self, file: str | Path | BinaryIO) -> None:
        """Writes the space's settings, the weights and the random state, as tensors and plain values."""
        with self._lock:
            torch.save(
                {
                    "format": FILE_FORMAT,
                    "space": {"kind": self.space.kind, **self.space.settings},
                    "policy_size": asdict(self.policy_size),
                    "trained": self._trained,
                    "weights": self._balance.state_dict(),
                    "random_state": self._generator.get_state(),
                },
                file,
            )

    @classmethod
    def load(cls, file: str | Path | BinaryIO, device: torch.device | str = "cpu") -> GFlowNet:
        """The sampler as it was saved.

        The random state goes on where it stood if the device is of the same kind; else it starts anew.

        Raises:
            ValueError: the file is not a sampler's, or of another format.
        """
        saved = _read(file, device)
        flow = cls(build_space(**saved["space"]), policy=PolicySize(**saved["policy_size"]), device=device)
        flow._balance.load_state_dict(saved["weights"])
        flow._trained = saved["trained"]
        state = saved["random_state"].cpu()
        if state.shape == flow._generator.get_state().shape:
            flow._generator.set_state(state)
        return flow


def _cosine(done: float) -> float:
    """The share of a learning rate after a share of the training: from 1 to a hundredth along a cosine."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def _read(file: str | Path | BinaryIO, device: torch.device | str) -> dict[str, Any]:
    try:
        saved = torch.load(file, map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{file} is not a saved sampler: {error}") from None
    if not isinstance(saved, dict) or saved.get("format") != FILE_FORMAT:
        raise ValueError(f"{file} is not a sampler of format {FILE_FORMAT}; save it again with this version.")
    return saved
