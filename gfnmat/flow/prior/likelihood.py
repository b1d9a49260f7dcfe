"""Fits a formula network to known formulas: maximum likelihood of every word of every sentence.

Sentences begin alike, so a state is worked on once a batch however many sentences pass through it: the first element
alone saves a quarter of the work, all shared beginnings together about a third to a half, and the gradient is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gfnmat.flow.prior.network import Partial, Reading

STATES_AT_ONCE = 16_384


@dataclass(frozen=True)
class SentenceTable:
    """Known sentences, and each state in them once: n sentences of at most L words, U states.

    Attributes:
        reading: of the environment that wrote them.
        partial: the states as the network reads them, packed, `U x (slots + 4)`.
        masks: which actions are open, `U x actions`.
        visited: in which state each word was chosen, `n x L`; -1 after the end and where there was no choice.
        actions: the words, `n x L`; -1 after the end.
    """

    reading: Reading
    partial: Tensor
    masks: Tensor
    visited: Tensor
    actions: Tensor

    def __len__(self) -> int:
        return len(self.actions)

    @classmethod
    @torch.no_grad()
    def of(cls, reading: Reading, counts: Tensor) -> SentenceTable:
        """The sentences of formulas.

        Args:
            reading: how the network reads an environment.
            counts: `n x E` in the order of that environment.

        Raises:
            ValueError: a formula is not in the space of the environment.
        """
        env = reading.environment
        actions = env.sentences(counts)
        visited = torch.full_like(actions, -1)
        state = env.s0[None]
        at = torch.zeros(len(actions), dtype=torch.int64, device=state.device)  # each sentence's row of `state`
        levels, n_states = [state], 0
        for position, word in enumerate(actions.unbind(1)):
            rows = (word >= 0).nonzero().squeeze(-1)
            visited[rows, position] = at[rows] + n_states
            n_states += len(state)
            rows = rows[word[rows] < env.n_actions - 1]
            if not len(rows):
                break
            step, at[rows] = (at[rows] * env.n_actions + word[rows]).unique(return_inverse=True)
            state = env.advanced(state[step // env.n_actions], step % env.n_actions)
            levels.append(state)
        states = torch.cat(levels)
        masks = torch.cat([env.forward_masks(part) for part in states.split(STATES_AT_ONCE)])
        there = visited >= 0
        if not bool(masks[visited[there], actions[there]].all()):
            raise ValueError("a formula is not in the space of the environment")
        visited[there & (masks.sum(1) == 1)[visited]] = -1
        partial = torch.cat([reading.partial(part).packed for part in states.split(STATES_AT_ONCE)])
        return cls(reading, partial, masks, visited, actions)

    def log_prob(self, rows: Tensor) -> Tensor:
        """Log-probability that the network gives some sentences (`m`) in all, a number."""
        visited, actions = self.visited[rows], self.actions[rows]
        chosen = visited >= 0
        return self._decided(visited[chosen], actions[chosen]).sum()

    @torch.no_grad()
    def log_probs(self) -> Tensor:
        """Log-probability of each sentence, `n`."""
        total = torch.zeros(len(self), device=self.actions.device)
        for rows in torch.arange(len(self), device=total.device).split(2048):
            visited, actions = self.visited[rows], self.actions[rows]
            chosen = visited >= 0
            decided = torch.zeros(visited.shape, device=total.device)
            decided[chosen] = self._decided(visited[chosen], actions[chosen])
            total[rows] = decided.sum(1)
        return total

    def _decided(self, visited: Tensor, actions: Tensor) -> Tensor:
        """Log-probability of the words in states, `m` both."""
        state, which = visited.unique(return_inverse=True)
        logits = self.reading.network(Partial.unpacked(self.partial[state])).float()
        logits = self.reading.in_actions(logits).masked_fill(~self.masks[state], -torch.inf)
        return logits.log_softmax(1)[which, actions]

    @torch.no_grad()
    def nats(self) -> float:
        """Negative log-likelihood of a sentence, on average."""
        was = self.reading.network.training
        self.reading.network.eval()
        total = float(self.log_probs().double().sum())
        self.reading.network.train(was)
        return -total / max(len(self), 1)


@dataclass(frozen=True)
class Fit:
    """How a network is fitted.

    Attributes:
        passes: how often every sentence is read.
        batch: sentences a step.
        rate: the largest learning rate; it rises over `warm_up` steps and falls along a cosine.
        decay: weight decay, of matrices.
        memory: of the running average of the weights, which is what is kept.
        warm_up: steps.
        beside: weight of the sentences learned beside the known ones, such as substituted ones; they count in all this
            much of the known ones, and half as many are read a step.
        brain_floats: multiply in bfloat16: four times as fast on processors that know it, slow on others.
        seed: fixes order and dropout.
    """

    passes: float = 36
    batch: int = 256
    rate: float = 1.5e-3
    decay: float = 0.1
    memory: float = 0.999
    warm_up: int = 100
    beside: float = 0.5
    brain_floats: bool = True
    seed: int = 0

    def of(
        self,
        table: SentenceTable,
        beside: SentenceTable | None = None,
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        """Fits the network of the table in place; at the end it has the averaged weights.

        Args:
            table: what to learn.
            beside: more sentences, which keep the network from learning the known ones by heart.
            report: is told, after each pass, how many there were and nats a sentence in it, with dropout.
        """
        network = table.reading.network.train()
        network.generator.manual_seed(self.seed)
        average = Average(network, self.memory)
        optimizer = self._optimizer(network)
        a_pass = math.ceil(len(table) / self.batch)
        steps, nats = math.ceil(self.passes * a_pass), 0.0
        batches = _batches(len(table), self.batch, network.generator)
        others = _batches(len(beside), self.batch // 2, network.generator) if beside else None
        for step in range(steps):
            rows = next(batches)
            for group in optimizer.param_groups:
                group["lr"] = self.rate * self._schedule(step, steps)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.brain_floats):
                known = loss = -table.log_prob(rows) / len(rows)
                if beside and others:
                    rows = next(others)
                    loss = loss - self.beside * beside.log_prob(rows) / len(rows)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            average.update()
            nats += float(known.detach()) / a_pass
            if (step + 1) % a_pass == 0:
                if report:
                    report((step + 1) // a_pass, nats)
                nats = 0.0
        average.hand_over_to(network)
        network.eval()

    def _schedule(self, step: int, steps: int) -> float:
        falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps))
        return falling * min(1.0, (step + 1) / self.warm_up)

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.decay}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.rate, betas=(0.9, 0.98))


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    while True:
        yield from torch.randperm(n, generator=generator, device=generator.device).split(size)


class Average:
    """A running average of a network's weights; short at first, so that the beginning is forgotten."""

    def __init__(self, network: nn.Module, memory: float) -> None:
        self.weights = list(network.parameters())
        self.average = [weight.detach().clone() for weight in self.weights]
        self.memory, self.steps = memory, 0

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the weights as they are now."""
        self.steps += 1
        memory = min(self.memory, self.steps / (self.steps + 20))
        torch._foreach_lerp_(self.average, [weight.detach() for weight in self.weights], 1 - memory)

    @torch.no_grad()
    def hand_over_to(self, network: nn.Module) -> None:
        """Gives a network of the same kind the averaged weights."""
        for weight, average in zip(network.parameters(), self.average, strict=True):
            weight.copy_(average)
