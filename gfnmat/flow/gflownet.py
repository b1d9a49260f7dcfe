"""A sampler of materials in proportion to a reward."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from gfnmat.flow.conditions import Condition, Conditioning
from gfnmat.flow.diagnosis import ENUMERATED, Diagnosis, diagnose
from gfnmat.flow.network import LogZ, PolicySize
from gfnmat.flow.policy import SeededPolicy
from gfnmat.flow.prior.reading import Prior, load_prior
from gfnmat.flow.rollout import log_prior_of, log_prob_of, written
from gfnmat.flow.trainer import Trainer, Training
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace
from gfnmat.space.sentences import Decisions, decisions_in, read
from gfnmat.space.spaces import build_space
from surrogates.threads import on_threads

LogReward = Callable[[Candidates], Tensor]
FILE_FORMAT = 6
KEPT = 8192  # candidates of one training that the next one begins with


@dataclass(frozen=True)
class TrainingRecord:
    """What one call of `fit` did: its losses (means over each batch) and how many sentences were drawn."""

    losses: tuple[float, ...]
    trajectories: int


class GFlowNet:
    """Draws candidates of a design space in proportion to a reward.

    Among crystals it is in proportion to the reward times the probability that an untrained policy gives the crystal,
    as in relative trajectory balance (Venkatraman et al., arXiv:2405.20971): were all sentences weighed alike, those of
    low symmetry, which are far the most, would be all that is ever drawn.

    Each material is one sentence of the space's grammar, so the graph is a tree, the backward policy is trivial,
    and `log_prob` is exact. Trained by trajectory balance (Malkin et al., arXiv:2201.13259) on what is drawn and on the
    distinct candidates that were drawn before; in one training each one's reward is asked for once.

    Args:
        space: the design space.
        seed: fixes the initial weights, training and sampling; other users of torch's random numbers, in this or
            another thread, neither disturb it nor are disturbed.
        policy: size of the network.
        device: where the network and the states live, for example `cpu` or `cuda`.
        threads: of the CPU; more are faster on idle cores only, and far slower on busy ones.
        prior: what known materials say: None for nothing, `default` for the prior that comes with the package, a
            file's path, or the prior itself. The target is then prior times reward.
        conditioning: makes it a conditional sampler, which learns from objectives instead of a log reward and is told
            a condition whenever it draws.
    """

    def __init__(
        self,
        space: DesignSpace,
        seed: int = 0,
        policy: PolicySize | None = None,
        device: torch.device | str = "cpu",
        threads: int = 1,
        conditioning: Conditioning | None = None,
        prior: Prior | str | Path | None = None,
    ) -> None:
        self.space = space
        self.policy_size = policy or PolicySize()
        self.threads = threads
        self.environment = space.environment(device=device)
        self._generator = torch.Generator(device=device).manual_seed(seed)
        self.conditioning = conditioning
        n_condition = conditioning.n_numbers if conditioning else 0
        n_slopes = conditioning.n_objectives if conditioning else 0
        self._prior_name = str(prior) if isinstance(prior, str | Path) else None
        if isinstance(prior, str | Path):
            prior = load_prior(prior, device, crystals=space.kind == "crystal")
        self.prior = None if prior is None else prior.to(self.environment.device)
        reading = None if self.prior is None else self.prior.reading(self.environment)
        self._policy = SeededPolicy(self.environment, self.policy_size, n_condition, self._generator, n_slopes, reading)
        self._log_z = LogZ(n_condition, self._generator, self.environment.device)
        self._trained = False
        self._kept = torch.zeros(
            0, 1, dtype=torch.int64, device=self.environment.device
        )  # sentences to learn from again
        self._lock = threading.RLock()

    @property
    def device(self) -> torch.device:
        """Where the network and the states live."""
        return self.environment.device

    @property
    def log_z(self) -> float:
        """Estimate of the log of the sum of the reward over the space; of crystals, each weighed by `log_prior`."""
        if self.conditioning is not None:
            raise TypeError("log Z of a conditional sampler depends on the condition; ask log_z_of.")
        return float(self._log_z.level.detach())

    @torch.no_grad()
    def log_z_of(self, condition: Condition) -> float:
        """The same under a condition."""
        return float(self._log_z(self._told(condition)))

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
        known: Candidates | None = None,
    ) -> TrainingRecord:
        """Trains on `trajectories` more sentences, from where the network stands.

        What was drawn in the last training, up to `KEPT` candidates, is learned from again, under the new reward.

        Args:
            log_reward: maps `Candidates` to the log of their rewards, a float tensor of shape `(n,)`; to objectives
                `(n, k)` where the sampler is conditional.
            trajectories: how many sentences to draw and learn from, at least. In a space so large that little of it is
                drawn, 1,024 more at the end say what log Z is. With 0, the rewards of `known` are all that is asked
                for and learned from (`training.least_steps` steps), and log Z is no more than a free parameter.
            training: how to learn.
            progress: called after each step with the sentences drawn so far and the loss.
            known: candidates of the space to learn from besides what is drawn, such as known materials.

        Raises:
            ValueError: the reward has another shape or is not finite, `trajectories` is less than 1 and nothing is
                known, or a known candidate is not in the space.
        """
        if trajectories < (0 if known is not None and len(known) else 1):
            raise ValueError(f"trajectories is {trajectories}; train on at least one, or on known candidates alone.")
        settings = training or Training()
        with self._lock:
            trainer = Trainer(
                self.environment,
                self._policy,
                self._log_z,
                self.conditioning,
                lambda candidates: self._checked_rewards(log_reward, candidates),
                self.space.decode,
                settings,
                trajectories,
                self._trained,
            )
            with on_threads(self.threads):
                for kept in self._kept.split(4096) if trajectories and len(self._kept) else ():
                    decisions, allowed = read(self.environment, kept)
                    if not bool(allowed.all()):  # another machine may round otherwise
                        decisions = read(self.environment, kept[allowed])[0]
                    trainer.remember(decisions)
                if known is not None and len(known):
                    for decisions in self._decisions(known, 4096):
                        trainer.remember(decisions)
            losses = []
            for step in range(trainer.steps):
                with on_threads(self.threads):
                    losses.append(trainer.step(step))
                if progress is not None:
                    progress((step + 1) * trainer.batch_size, losses[-1])
            with on_threads(self.threads):
                if trajectories:
                    trainer.settle_log_z()
                last = self.space.decode(trainer.memory.finished[trainer.worth_keeping(KEPT)])
                self._kept = self.space.sentences(last, self.environment)
            self._trained = True
        return TrainingRecord(losses=tuple(losses), trajectories=trainer.steps * trainer.batch_size)

    def checked_log_reward(
        self, log_reward: LogReward, candidates: Candidates, condition: Condition | None = None
    ) -> Tensor:
        """The log reward of each candidate, under a condition where the sampler takes one, `(n,)`.

        Raises:
            ValueError: `log_reward` gives another shape, or something that is not finite.
        """
        values = self._checked_rewards(log_reward, candidates)
        if self._told(condition) is None or self.conditioning is None or condition is None:
            return values.squeeze(1)
        return self.conditioning.log_reward(values, self.conditioning.rows([condition]).to(values))[0]

    def diagnose(
        self,
        log_reward: LogReward,
        n: int = 1000,
        candidates: Candidates | None = None,
        condition: Condition | None = None,
        enumerated: int = ENUMERATED,
    ) -> Diagnosis:
        """How close the sampler is to prior times reward: against all members of a space that is small enough.

        Of a larger one n draws are judged, and `candidates` (or untrained draws) beside them; see `Diagnosis`.
        """
        return diagnose(self, log_reward, n, candidates, condition, enumerated)

    def _checked_rewards(self, log_reward: LogReward, candidates: Candidates) -> Tensor:
        """What `log_reward` gives, `n x 1`, or `n x k` objectives; it is not asked about no candidates."""
        n = len(candidates)
        if not n:
            return torch.zeros(0, self.conditioning.n_objectives if self.conditioning else 1, device=self.device)
        values = torch.as_tensor(log_reward(candidates))
        wanted = (n,) if self.conditioning is None else (n, self.conditioning.n_objectives)
        if values.shape != wanted:
            raise ValueError(f"log_reward gave shape {tuple(values.shape)} for {n} candidates; it must be {wanted}.")
        if not bool((finite := torch.isfinite(values).reshape(n, -1).all(1)).all()):
            wrong = int((~finite).nonzero()[0])
            raise ValueError(
                f"log_reward is {values[wrong].tolist()} for {candidates.formulas[wrong]}; every log reward must be "
                "finite (give what should never be drawn a low one)."
            )
        return values.reshape(n, -1).to(device=self.device, dtype=torch.get_default_dtype())

    def _told(self, condition: Condition | None) -> Tensor | None:
        """What describes a condition to the network, `c`.

        Raises:
            ValueError: a condition is missing, or not wanted.
        """
        if (self.conditioning is None) != (condition is None):
            raise ValueError("a sampler made with a conditioning needs a condition, and only such a one takes one.")
        if self.conditioning is None or condition is None:
            return None
        return self.conditioning.numbers(self.conditioning.rows([condition]).to(self.device))[0]

    def sample(self, n: int, batch_size: int = 4096, condition: Condition | None = None) -> Candidates:
        """Draws n candidates, with repetition, `batch_size` at a time."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate.")
        told = self._told(condition)
        with self._lock, on_threads(self.threads):
            batches = []
            for start in range(0, n, batch_size):
                here = min(batch_size, n - start)
                each = None if told is None else told.expand(here, -1)
                decisions = written(self.environment, self._policy, here, condition=each, recorded=False)
                batches.append(self.space.decode(decisions.finished))
        return Candidates.concatenate(batches)

    def sample_untrained(self, n: int) -> Candidates:
        """Draws n candidates, with repetition, as the sampler did before any training."""
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one candidate.")
        with self._lock, on_threads(self.threads):
            drawn = written(self.environment, self._policy, n, n_untrained=n, recorded=False)
        return self.space.decode(drawn.finished)

    def sample_distinct(
        self, n: int, most_draws: int = 8, condition: Condition | None = None
    ) -> tuple[Candidates, float]:
        """Up to n distinct candidates, and the share of the draws that were distinct.

        Stops after `most_draws` times n draws: a sharp sampler repeats itself, and a small space is soon exhausted.
        """
        found, drawn = self.sample(n, condition=condition).distinct(), n
        while len(found) < n and drawn < most_draws * n:
            found = Candidates.concatenate([found, self.sample(n, condition=condition)]).distinct()
            drawn += n
        return found[:n], len(found) / drawn

    @torch.no_grad()
    def log_prob(self, candidates: Candidates, batch_size: int = 4096, condition: Condition | None = None) -> Tensor:
        """The exact log-probability that one draw gives each candidate, `(n,)`.

        Raises:
            ValueError: a candidate is not in the space.
        """
        told = self._told(condition)
        return self._over(candidates, batch_size, partial(log_prob_of, condition=told))

    @torch.no_grad()
    def log_prior(self, candidates: Candidates, batch_size: int = 4096) -> Tensor:
        """Log weight of each candidate before the reward, `(n,)`: what training adds the log reward to.

        In a space of compositions 0, or the prior's log-probability; in a space of crystals the log-probability that an
        untrained policy gives, which writes as the grammar prefers and, where there is a prior, as it says.

        Raises:
            ValueError: a candidate is not in the space.
        """
        return self._over(candidates, batch_size, log_prior_of)

    def _over(self, candidates: Candidates, batch_size: int, measure: Callable[..., Tensor]) -> Tensor:
        parts = [torch.zeros(0, device=self.device)]
        for decisions in self._decisions(candidates, batch_size):
            with on_threads(self.threads):
                parts.append(measure(decisions, self.environment, self._policy))
        return torch.cat(parts)

    def _decisions(self, candidates: Candidates, batch_size: int) -> Iterator[Decisions]:
        """The decisions in the sentences of candidates, batch by batch.

        Raises:
            ValueError: a candidate is not in the space.
        """
        for start in range(0, len(candidates), batch_size):
            part = candidates[start : start + batch_size]
            decisions, inside = decisions_in(self.space, self.environment, part)
            if not bool(inside.all()):
                outside = int((~inside).nonzero()[0])
                raise ValueError(f"{part.keys[outside]} is not in the space; see space.encode for why.")
            yield decisions

    def save(self, file: str | Path | BinaryIO) -> None:
        """Writes the space's settings, the weights and the random state, as tensors and plain values."""
        with self._lock:
            torch.save(
                {
                    "format": FILE_FORMAT,
                    "space": {"kind": self.space.kind, **self.space.settings},
                    "policy_size": asdict(self.policy_size),
                    "trained": self._trained,
                    "kept": self._kept.to("cpu", torch.int16),
                    "prior": None if self.prior is None else [self._prior_name, self.prior.fingerprint],
                    "conditioning": None if self.conditioning is None else asdict(self.conditioning),
                    "weights": self._policy.state_dict(),
                    "log_z": self._log_z.state_dict(),
                    "random_state": self._generator.get_state(),
                },
                file,
            )

    @classmethod
    def load(
        cls,
        file: str | Path | BinaryIO,
        device: torch.device | str = "cpu",
        prior: Prior | str | Path | None = None,
    ) -> GFlowNet:
        """The sampler as it was saved; its prior is not saved with it, and is looked for where it was.

        The random state goes on where it stood if the device is of the same kind; else it starts anew.

        Raises:
            ValueError: the file is not a sampler's, or of another format, or its prior has changed or is not where it
                was; then pass the right one as `prior`.
        """
        saved = _read(file, device)
        conditioning = None if saved["conditioning"] is None else Conditioning(**saved["conditioning"])
        size = PolicySize(**saved["policy_size"])
        name, fingerprint = saved["prior"] or (None, None)
        prior = name if prior is None else prior
        flow = cls(build_space(**saved["space"]), policy=size, device=device, conditioning=conditioning, prior=prior)
        if fingerprint != (flow.prior.fingerprint if flow.prior else None):
            now = "none" if flow.prior is None else f"one of fingerprint {flow.prior.fingerprint}"
            raise ValueError(
                f"the sampler was trained with another prior (fingerprint {fingerprint or 'none'}), and here is {now}; "
                "pass the prior that it was trained with as `prior`."
            )
        flow._policy.load_state_dict(saved["weights"])
        flow._log_z.load_state_dict(saved["log_z"])
        flow._trained = saved["trained"]
        flow._kept = saved["kept"].to(flow.device, torch.int64)
        state = saved["random_state"].cpu()
        if state.shape == flow._generator.get_state().shape:
            flow._generator.set_state(state)
        return flow


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
