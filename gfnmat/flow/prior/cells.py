"""A prior of formulas in the words of primitive cells, which hold any number of formula units.

How many units there are is decided by lot before the formula is written, u of them with a chance m(u). A cell that was
begun with some words then came of as many kinds as there are numbers of units by which all its counts can be divided,
and the next word has the chance

    sum over u of m(u) p(words / u, next word / u), relative to the sum over u of m(u) p(words / u),

with p the prior's own and `words / u` those with every count divided by u.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.flow.prior.network import UNKNOWN, Reading
from gfnmat.flow.table import without_repetition

if TYPE_CHECKING:
    from gfnmat.flow.prior.prior import FormulaPrior
    from gfnmat.space.composition.env import CompositionEnvironment


class CellReading:
    """Log weights of the words of a composition that is written for a cell.

    Args:
        prior: of formulas.
        environment: writes the atoms of primitive cells.
        log_units: log chance of 1, 2, ... units, `M`.

    Raises:
        ValueError: the prior does not know an element of the environment.
    """

    def __init__(self, prior: FormulaPrior, environment: CompositionEnvironment, log_units: Tensor) -> None:
        prior.check_knows(environment.numbers)
        device = environment.device
        self.environment, self.log_units = environment, log_units.to(device)
        self.largest = prior.sizes.atoms
        self._formulas = Reading(prior.network, prior.space.environment(device=device))
        with torch.no_grad():
            self._tables = prior.network.first_layer()
        theirs = {int(number): column for column, number in enumerate(self._formulas.environment.numbers)}
        self.columns = torch.tensor([theirs[int(number)] for number in environment.numbers], device=device)
        self._words = torch.stack([self._word(units) for units in range(1, len(log_units) + 1)])

    def _word(self, units: int) -> Tensor:
        """What each action of the cells is in the formula, where there are so many units; -1 for none, `actions`."""
        formulas = self._formulas.environment
        count = torch.arange(1, self.environment.max_atoms + 1, device=formulas.device)
        fits = (count % units == 0) & (count // units <= formulas.max_atoms)
        counts = torch.where(fits, formulas.n_elements + count // units - 1, -1)
        return torch.cat([self.columns, counts, counts.new_tensor([formulas.n_actions - 1])])

    @torch.no_grad()
    def __call__(self, state: Tensor) -> Tensor:
        """Log weights of the actions in states `n x columns`, `n x actions`; `UNKNOWN` at least."""
        env, formulas = self.environment, self._formulas.environment
        counts = torch.zeros(len(state), formulas.n_elements, dtype=torch.int64, device=state.device)
        counts[:, self.columns] = state[:, : env.n_elements]
        pending = state[:, env.PENDING]
        waits = torch.where(pending > 0, self.columns[(pending - 1).clamp(min=0)], -1)
        units = torch.arange(1, len(self.log_units) + 1, device=state.device)
        divides = (counts[:, None] % units[:, None] == 0).all(-1) & (counts.sum(1)[:, None] <= self.largest * units)
        row, unit = divides.nonzero(as_tuple=True)
        begun, partial = self._begun(counts[row] // units[unit][:, None], waits[row])
        possible = begun.isfinite().nonzero().squeeze(-1)
        row, unit = row[possible], unit[possible]
        first, same = without_repetition(partial[possible])
        following = self._next_word(partial[possible][first])[same]
        words = self._words[unit]
        chance = following.gather(1, words.clamp(min=0)).masked_fill(words < 0, -torch.inf)
        chance = chance + (begun[possible] + self.log_units[unit])[:, None]
        total = torch.full((len(state), env.n_actions), -torch.inf, device=state.device)
        for number in range(len(self.log_units)):
            here = (unit == number).nonzero().squeeze(-1)
            total[row[here]] = torch.logaddexp(total[row[here]], chance[here])
        total = total - total.amax(1, keepdim=True)
        return total.nan_to_num(nan=UNKNOWN).clamp(min=UNKNOWN)

    def _begun(self, counts: Tensor, pending: Tensor) -> tuple[Tensor, Tensor]:
        """How likely the prior begins a formula so, and its state then.

        Args:
            counts: `n x E` in the order of the prior.
            pending: the element that waits for its count, -1 for none, `n`.
        """
        env = self._formulas.environment
        words = env.sentences(counts)
        words.scatter_(1, 2 * (counts > 0).sum(1, keepdim=True), pending[:, None])
        log_prob = torch.zeros(len(counts), device=counts.device)
        state = env.s0.expand(len(counts), -1).clone()
        for word in words.unbind(1):
            rows = ((word >= 0) & log_prob.isfinite()).nonzero().squeeze(-1)
            if not len(rows):
                break
            first, same = without_repetition(state[rows])
            log_prob[rows] += self._next_word(state[rows[first]])[same, word[rows]]
            rows = rows[log_prob[rows].isfinite()]
            state[rows] = env.advanced(state[rows], word[rows])
        return log_prob, state

    def _next_word(self, state: Tensor) -> Tensor:
        """The prior's log-probabilities of what follows in a formula, `n x actions`."""
        logits = self._formulas.logits(state, self._tables)
        return logits.masked_fill(~self._formulas.environment.forward_masks(state), -torch.inf).log_softmax(1)
