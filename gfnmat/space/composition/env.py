"""The torchgfn environment that writes a composition as a sentence: element, count, element, count, end."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gfnmat.space.composition.charge_bits import NEUTRAL, PURE_ELEMENT, add_charge, take_charge, union_over_states
from gfnmat.space.composition.chemistry import ElementTable
from gfnmat.space.composition.completion import CompletionTables
from gfnmat.space.composition.counting import CountAutomaton
from gfnmat.space.environment import GrammarEnvironment

N_COLUMNS = 7  # of a state after the counts


class CompositionEnvironment(GrammarEnvironment):
    """States are partial formulas that can be completed; the graph is a tree.

    Actions: 0 .. E-1 name the next element, E .. E+N-1 give it 1 .. N atoms, and the last one ends the formula.
    A state is one row of int64: the E counts, then the columns below, so that a mask costs the same at every
    length of the sentence.

    Columns after the counts: `pending` (the element that waits for its count, from 1; 0 where none does), `last`
    (the last element that has a count, from 1), `node` (of the counts' automaton), `elements` and `atoms` used, and the
    charge bitsets `cation_phase` and `anion_phase`.
    """

    def __init__(
        self,
        table: ElementTable,
        counts: CountAutomaton,
        tables: CompletionTables,
        device: torch.device | str = "cpu",
        debug: bool = False,
    ) -> None:
        self.n_elements = len(table.symbols)
        self.max_elements = int(counts.elements.max())
        self.max_atoms = counts.max_atoms
        self.reached = counts.reached.to(device).expand(-1, self.n_elements, -1)
        self.counts_may_end = counts.may_end.to(device)
        self.tables = tables.to(device)
        self.cation_charges = table.cation_charges.to(device)
        self.anion_charges = table.anion_charges.to(device)
        self.numbers = table.numbers
        self.counts_offered = torch.arange(1, self.max_atoms + 1, device=device)
        e = self.n_elements
        self.PENDING, self.LAST, self.NODE, self.ELEMENTS, self.ATOMS, self.CATIONS, self.ANIONS = range(
            e, e + N_COLUMNS
        )
        s0 = torch.zeros(e + N_COLUMNS, dtype=torch.int64, device=device)
        s0[self.CATIONS] = NEUTRAL
        super().__init__(
            n_actions=e + self.max_atoms + 1,
            s0=s0,
            state_shape=(e + N_COLUMNS,),
            debug=debug,
        )

    @property
    def max_length(self) -> int:
        """Actions in the longest sentence, the end included."""
        return 2 * self.max_elements + 1

    def question(self, state: Tensor) -> Tensor:
        """One question for all: -1 for the sink, which torchgfn fills with a large negative number, else 0."""
        return (state[:, self.ELEMENTS] >= 0).long() - 1

    def words_of(self, question: int) -> slice:
        """All actions."""
        return slice(0, self.n_actions)

    def offered(self, state: Tensor, question: int = 0) -> Tensor:
        """Which actions lead to a formula that can be finished, `n x actions` for states `n x columns`."""
        mask = torch.zeros(len(state), self.n_actions, dtype=torch.bool, device=state.device)
        waits = state[:, self.PENDING] > 0
        mask[~waits] = self._masks_before_element(state[~waits])
        mask[waits, self.n_elements : -1] = self._masks_before_count(state[waits])
        return mask

    def _masks_before_element(self, state: Tensor) -> Tensor:
        node, last = state[:, self.NODE], state[:, self.LAST]
        cations, anions = state[:, self.CATIONS, None], state[:, self.ANIONS, None]
        follow, follow_as_anion = self.tables.may_follow[last], self.tables.anion_may_follow[last]
        takers = torch.where(follow_as_anion, cations | anions, anions)
        fits = (cations & self.tables.as_cation[node]) | (takers & self.tables.as_anion[node])
        elements = (fits != 0) & follow
        counts = torch.zeros(len(state), self.max_atoms, dtype=torch.bool, device=state.device)
        return torch.cat([elements, counts, self._may_end(state)[:, None]], dim=1)

    def _may_end(self, state: Tensor) -> Tensor:
        neutral = ((state[:, self.CATIONS] & (NEUTRAL | PURE_ELEMENT)) | (state[:, self.ANIONS] & NEUTRAL)) != 0
        return neutral & self.counts_may_end[state[:, self.NODE]] & self.tables.may_end[state[:, self.LAST]]

    def _masks_before_count(self, state: Tensor) -> Tensor:
        cations, anions = self._charges_after(state, self.counts_offered[None, :])
        element = state[:, self.PENDING] - 1
        reached = self.reached[state[:, self.NODE], element, 1:], element[:, None]
        return ((cations & self.tables.after_cation[reached]) | (anions & self.tables.after_anion[reached])) != 0

    def _charges_after(self, state: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """The charge bitsets (of both phases) once the pending element has `count` (`n x options`) atoms."""
        element = state[:, self.PENDING] - 1
        cations, anions = state[:, self.CATIONS, None], state[:, self.ANIONS, None]
        opens = self.tables.anion_may_follow[state[:, self.LAST], element][:, None]
        takers = torch.where(opens, cations | anions, anions)
        first = state[:, self.ELEMENTS, None] == 0
        after_cation = union_over_states(add_charge, cations, self.cation_charges[element][:, None], count)
        after_anion = union_over_states(take_charge, takers, self.anion_charges[element][:, None], count)
        return torch.where(first, after_cation | PURE_ELEMENT, after_cation), after_anion

    def written(self, state: Tensor, action: Tensor, question: int = 0) -> Tensor:
        """States `n x columns` with one word more, an element or a count, `n`."""
        state = state.clone()
        names = action < self.n_elements
        state[:, self.PENDING] = torch.where(names, action + 1, state[:, self.PENDING])
        given = (~names).nonzero().squeeze(-1)
        state[given] = self._with_count(state[given], action[given] - self.n_elements + 1)
        return state

    def _with_count(self, state: Tensor, count: Tensor) -> Tensor:
        state = state.clone()
        pending = state[:, self.PENDING]
        cations, anions = self._charges_after(state, count[:, None])
        state.scatter_(1, (pending - 1)[:, None], count[:, None])
        state[:, self.CATIONS], state[:, self.ANIONS] = cations[:, 0], anions[:, 0]
        state[:, self.ELEMENTS] += 1
        state[:, self.ATOMS] += count
        state[:, self.NODE] = self.reached[state[:, self.NODE], pending - 1, count]
        state[:, self.LAST] = pending
        state[:, self.PENDING] = 0
        return state

    def sentences(self, counts: Tensor) -> Tensor:
        """The actions that write each formula, the end included, `n x max_length` padded with -1.

        Args:
            counts: `n x E`, in the order of the grammar.
        """
        present = counts > 0
        rank = present.long().cumsum(1) - 1
        rows, element = present.nonzero(as_tuple=True)
        column = 2 * rank[rows, element]
        longest = max(self.max_length, 2 * int(present.sum(1).max()) + 1) if len(counts) else self.max_length
        actions = torch.full((len(counts), longest), -1, dtype=torch.int64, device=counts.device)
        actions[rows, column] = element
        actions[rows, column + 1] = counts[rows, element] + self.n_elements - 1
        actions[torch.arange(len(counts)), 2 * present.sum(1)] = self.n_actions - 1
        return actions

    @property
    def n_features(self) -> int:
        """Numbers that `features` gives."""
        return 3 * self.n_elements + 1 + (self.max_elements + 1) + (self.max_atoms + 1)

    def features(self, state: Tensor) -> Tensor:
        """What a policy sees of states `... x columns`, numbers between 0 and 1, `... x n_features` float32.

        Fractions of the atoms by element, which elements are present, which one waits for its count, and one-hot how
        many elements and atoms are used.
        """
        counts = state[..., : self.n_elements]
        return torch.cat(
            [
                counts / self.max_atoms,
                counts > 0,
                one_hot(state[..., self.PENDING], self.n_elements + 1),
                one_hot(state[..., self.ELEMENTS], self.max_elements + 1),
                one_hot(state[..., self.ATOMS], self.max_atoms + 1),
            ],
            dim=-1,
        ).float()

    @property
    def n_tokens(self) -> int:
        """How many tokens there are."""
        return 1 + self.n_elements * self.max_atoms + 2 * (self.n_elements + 1) + self.max_elements + self.max_atoms + 2

    def tokens(self, state: Tensor) -> Tensor:
        """Each element with its count, the element that waits, the last one, and how many elements and atoms there are.

        `... x (K + 4)` for at most K elements.
        """
        counts, element = state[..., : self.n_elements].topk(self.max_elements, dim=-1)
        pairs = torch.where(counts > 0, element * self.max_atoms + counts, 0)
        others, begin = [], 1 + self.n_elements * self.max_atoms
        for column, size in (
            (self.PENDING, self.n_elements),
            (self.LAST, self.n_elements),
            (self.ELEMENTS, self.max_elements),
            (self.ATOMS, self.max_atoms),
        ):
            others.append(begin + state[..., column, None])
            begin += size + 1
        return torch.cat([pairs, *others], dim=-1)

    def log_weights(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """What an untrained policy prefers, added to its logits: nothing."""
        return torch.zeros((), device=state.device)
