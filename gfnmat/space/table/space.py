"""The space of the formulas of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.composition.chemistry import ElementTable, check_symbols
from gfnmat.space.composition.ingredients import checked_range
from gfnmat.space.sentences import admitted
from gfnmat.space.table.env import TableEnvironment
from gfnmat.space.table.trie import FormulaTrie

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Composition

LARGEST_ENUMERATION = 2_000_000


class TableSpace:
    """The reduced formulas of a table, and nothing else; each is one sentence: element, count, element, count, end.

    Elements come in the order of `CompositionSpace`. Whatever is in the table is in the space: no rule of chemistry
    is asked. An untrained sampler draws all formulas alike.

    Args:
        path: a CSV file, also compressed (`.csv.gz`); or
        frame: a pandas DataFrame, or its columns by name.
        key: the column with the formulas.
        n_elements: smallest and largest number of elements of the formulas that are taken; None for all.
        n_atoms: the same of the atoms in the reduced formula.
        require: elements that every formula that is taken has.
        forbid: elements that none of them has.

    Raises:
        ValueError: a file or column that is not there, a formula that cannot be read, two rows of one composition, or
            no formula that is as asked for.
    """

    kind: ClassVar[str] = "table"

    def __init__(
        self,
        path: str | Path | None = None,
        frame: pd.DataFrame | Mapping[str, Sequence[str]] | None = None,
        key: str = "formula",
        n_elements: tuple[int, int] | None = None,
        n_atoms: tuple[int, int] | None = None,
        require: Sequence[str] = (),
        forbid: Sequence[str] = (),
    ) -> None:
        required, forbidden = check_symbols(require, "require"), check_symbols(forbid, "forbid")
        counts, source = _counts(path, frame, key)
        taken = (counts[:, _columns(required)] > 0).all(1) & (counts[:, _columns(forbidden)] == 0).all(1)
        for given, name, size in (
            (n_elements, "n_elements", (counts > 0).sum(1)),
            (n_atoms, "n_atoms", counts.sum(1)),
        ):
            if given is not None:
                low, high = checked_range(given, name)
                taken &= (size >= low) & (size <= high)
        if not bool(taken.any()):
            raise ValueError(
                f"none of the {len(counts)} formulas of {source} is left; widen n_elements and n_atoms, or require and "
                "forbid fewer elements."
            )
        self.counts = counts[taken]
        numbers = (self.counts > 0).any(0).nonzero().squeeze(-1) + 1
        self._table = ElementTable.any([_symbol(number) for number in numbers.tolist()])
        self.trie = FormulaTrie.of(self.counts[:, self._table.numbers - 1])

    def __repr__(self) -> str:
        return f"TableSpace({len(self.counts)} formulas of {len(self.elements)} elements)"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that make this space again, as plain values: its formulas, wherever they came from."""
        return {"frame": {"formula": list(Candidates(self.counts).formulas)}, "key": "formula"}

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""
        return self._table.symbols

    def environment(self, device: torch.device | str = "cpu", debug: bool = False) -> TableEnvironment:
        """The torchgfn environment of this space; `debug` checks every action."""
        return TableEnvironment(self.trie, device=device, debug=debug)

    def decode(self, states: Tensor) -> Candidates:
        """The candidates that finished states (`n x 1`) stand for."""
        device = states.device
        return Candidates(self.counts.to(device)[self.trie.member.to(device)[states[:, 0]]])

    def sentences(self, candidates: Candidates, environment: TableEnvironment) -> Tensor:
        """The actions that write each candidate, `n x length` padded with -1."""
        return environment.trie.sentences(self._own(candidates.counts).to(environment.device))

    def encode(self, materials: Sequence[str | Composition]) -> Candidates:
        """The candidates for formulas of the table, whatever their spelling or multiple.

        Raises:
            ValueError: names the first that the table does not have.
        """
        candidates = Candidates.of(materials)
        inside = self.admits(candidates)
        if not bool(inside.all()):
            refused = materials[int((~inside).nonzero()[0])]
            raise ValueError(f"{refused} is not in the space: it is none of its {len(self.counts)} formulas.")
        return candidates

    def fits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate has elements and counts that occur in the table, so that it has a sentence."""
        others = torch.ones(N_ELEMENTS, dtype=torch.bool, device=candidates.counts.device)
        others[self._table.numbers.to(others.device) - 1] = False
        known = self.trie.to(others.device).knows(self._own(candidates.counts))
        return (candidates.counts[:, others] == 0).all(1) & known & (candidates.crystals is None)

    def admits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate is in the space, `n` booleans."""
        return admitted(self, candidates)

    def neighbours(self, candidates: Candidates) -> Candidates:
        """None: a formula has no numbers that could be a little different."""
        return candidates[:0]

    def enumerate(self, limit: int = LARGEST_ENUMERATION) -> Candidates:
        """Every candidate of the space, in the order of the table.

        Raises:
            ValueError: the space holds more than `limit` candidates.
        """
        if len(self.counts) > limit:
            raise ValueError(f"the space holds more than {limit} candidates; sample from it instead.")
        return Candidates(self.counts)

    def _own(self, counts: Tensor) -> Tensor:
        """Counts of the table's elements in the order of the grammar, `n x E`."""
        return counts[:, self._table.numbers.to(counts.device) - 1]


def _counts(
    path: str | Path | None, frame: pd.DataFrame | Mapping[str, Sequence[str]] | None, key: str
) -> tuple[Tensor, str]:
    """Atoms of each element in the formula of each row, `n x 118`, and what the table is called."""
    import pandas as pd
    from pymatgen.core import Element

    from oracles.formula_table import check_columns, compositions, read

    if (path is None) == (frame is None):
        raise ValueError("give either `path` (a CSV file) or `frame` (a pandas DataFrame).")
    source = "the table" if path is None else f"the table {path}"
    data = read(path, key) if path is not None else pd.DataFrame(frame)
    check_columns(data, [key], source)
    rows = compositions(data, key, source)
    counts = torch.zeros(len(rows), N_ELEMENTS, dtype=torch.int64)
    number = {symbol: Element(symbol).Z for symbol in {symbol for row in rows for symbol, _ in row}}
    places = [(row, number[symbol] - 1, n) for row, formula in enumerate(rows) for symbol, n in formula]
    if places:
        row, column, amount = torch.tensor(places).unbind(1)
        counts[row, column] = amount
    return counts, source


def _columns(symbols: Sequence[str]) -> list[int]:
    from pymatgen.core import Element

    return [Element(symbol).Z - 1 for symbol in symbols]


def _symbol(number: int) -> str:
    from pymatgen.core import Element

    return str(Element.from_Z(number).symbol)
