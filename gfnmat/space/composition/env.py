"""The torchgfn environment that writes a composition as a sentence: element, count, element, count, end."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gfnmat.space.composition.charge_bits import (
    NEUTRAL,
    PURE_ELEMENT,
    add_charge,
    charge_shifts,
    take_charge,
    union_over_states,
)
from gfnmat.space.composition.chemistry import ElementTable
from gfnmat.space.composition.completion import CompletionTables
from gfnmat.space.composition.counting import CountAutomaton
from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.formula_words import formula_sentences

N_COLUMNS = 7  # of a state after the counts
ELEMENT, COUNT = range(2)  # the questions


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
        counted = torch.arange(self.max_atoms + 1)[:, None]
        self.cation_shifts = charge_shifts(table.cation_charges[:, None], counted).to(device)  # E x (N+1) x states
        self.anion_shifts = charge_shifts(table.anion_charges[:, None], counted).to(device)
        self.numbers = table.numbers
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
        """`COUNT` where an element waits for its count, else `ELEMENT`; -1 for the sink, `n`."""
        waits = (state[:, self.PENDING] > 0).long()
        return torch.where(state[:, self.ELEMENTS] >= 0, waits, -1)

    def words_of(self, question: int) -> slice:
        """The counts, or all actions: the next element, or the end."""
        return slice(self.n_elements, self.n_actions - 1) if question == COUNT else slice(0, self.n_actions)

    def offered(self, state: Tensor, question: int) -> Tensor:
        """Which words lead to a formula that can be finished, `n x words` for states `n x columns` of the question."""
        return self._counts_offered(state) if question == COUNT else self._elements_offered(state)

    def _elements_offered(self, state: Tensor) -> Tensor:
        tables, node, last = self.tables, state[:, self.NODE], state[:, self.LAST]
        cations, anions = state[:, self.CATIONS, None], state[:, self.ANIONS, None]
        takers = torch.where(tables.anion_may_follow[last], cations | anions, anions)
        fits = (cations & tables.as_cation[node]) | (takers & tables.as_anion[node])
        mask = torch.zeros(len(state), self.n_actions, dtype=torch.bool, device=state.device)
        mask[:, : self.n_elements] = (fits != 0) & tables.may_follow[last]
        neutral = ((cations & (NEUTRAL | PURE_ELEMENT)) | (anions & NEUTRAL)).squeeze(1) != 0
        mask[:, -1] = neutral & self.counts_may_end[node] & tables.may_end[last]
        return mask

    def _counts_offered(self, state: Tensor) -> Tensor:
        place = state[:, self.NODE], state[:, self.PENDING] - 1
        cations, takers = self._takers(state)
        return ((cations & self.tables.as_cations[place]) | (takers & self.tables.as_anions[place])) != 0

    def _takers(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """The charges, `n x 1`, to which the pending element may be added as a cation, and as an anion."""
        cations, anions = state[:, self.CATIONS, None], state[:, self.ANIONS, None]
        opens = self.tables.anion_may_follow[state[:, self.LAST], state[:, self.PENDING] - 1][:, None]
        return cations, torch.where(opens, cations | anions, anions)

    def written(self, state: Tensor, action: Tensor, question: int) -> Tensor:
        """States `n x columns` of the question with one word more, an element or a count, `n`."""
        if question == COUNT:
            return self._with_count(state, action - self.n_elements + 1)
        following = state.clone()
        following[:, self.PENDING] = action + 1
        return following

    def _with_count(self, state: Tensor, count: Tensor) -> Tensor:
        pending = state[:, self.PENDING]
        place = (pending - 1, count)
        cations, takers = (charges.squeeze(1) for charges in self._takers(state))
        pure = torch.where(state[:, self.ELEMENTS] == 0, PURE_ELEMENT, 0)
        following = state.scatter(1, (pending - 1)[:, None], count[:, None])
        following[:, self.CATIONS] = union_over_states(add_charge, cations, self.cation_shifts[place]) | pure
        following[:, self.ANIONS] = union_over_states(take_charge, takers, self.anion_shifts[place])
        following[:, self.ELEMENTS] += 1
        following[:, self.ATOMS] += count
        following[:, self.NODE] = self.reached[state[:, self.NODE], pending - 1, count]
        following[:, self.LAST] = pending
        following[:, self.PENDING] = 0
        return following

    def sentences(self, counts: Tensor) -> Tensor:
        """The actions that write each formula, the end included, `n x max_length` padded with -1.

        Args:
            counts: `n x E`, in the order of the grammar.
        """
        word_of_count = torch.arange(int(counts.max()) + 1 if counts.numel() else 1, device=counts.device)
        return formula_sentences(counts, word_of_count + self.n_elements - 1, self.n_actions - 1, self.max_length)

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
