"""Magpie features of compositions, in torch, equal to matminer's.

For each of 22 element properties six statistics over the atoms of a formula, after L. Ward et al., npj Comput.
Mater. 2 (2016) 16028, in the order and by the rules of matminer's `ElementProperty.from_preset("magpie")`.
"""

import csv
from collections.abc import Iterator
from importlib.resources import files

import torch
from torch import Tensor

from surrogates.threads import one_thread

N_ELEMENTS = 118
STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")

# Amounts that pymatgen's Composition treats as zero.
_AMOUNT_TOLERANCE = 1e-8
# numpy.isclose(amount, greatest), by which matminer decides that two elements tie for the mode.
_TIE_RELATIVE, _TIE_ABSOLUTE = 1e-5, 1e-8
# Rows worked on at a time: keeps the n x k x 22 intermediates in the processor's cache.
_BLOCK = 4096


class MagpieFeatures:
    """The 132 Magpie features of formulas given as counts of elements.

    matminer fills what Magpie's element tables lack with the mean over the elements that have the property
    (`impute_nan=True`, the default of its preset); the table shipped here holds those filled values, so no
    feature is ever NaN. The mode is that of the element with the greatest count; where several share it (as
    `numpy.isclose` sees it), it is the smallest of their values.

    Args:
        device: Where the element table lies, and where counts are moved to.
        dtype: Of the features. In float32 they are rounded, not equal to matminer's to 1e-6.
    """

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype = torch.float64) -> None:
        text = files("surrogates").joinpath("data/magpie_elements.csv").read_text(encoding="utf-8")
        header, *rows = csv.reader(text.splitlines())
        self.properties: tuple[str, ...] = tuple(header[1:])
        self.feature_labels: tuple[str, ...] = tuple(
            f"MagpieData {statistic} {name}" for name in self.properties for statistic in STATISTICS
        )
        values = [[float(value) for value in row[1:]] for row in rows]
        self._table = torch.tensor(values, device=device, dtype=dtype)

    @property
    def element_table(self) -> Tensor:
        """A copy of the element properties, `118 x 22`, row Z-1 for element Z."""
        return self._table.clone()

    def __call__(self, counts: Tensor) -> Tensor:
        """The features of a batch of formulas.

        Args:
            counts: `n x 118`, integers or floats; column Z-1 is the count (or fraction) of element Z. Only the
                ratios matter.

        Returns:
            `n x 132`, in the order of `feature_labels`, in the units of the element tables.

        Raises:
            ValueError: The shape is another, an amount is negative or not finite, or a row is empty.
        """
        if counts.ndim != 2 or counts.shape[1] != N_ELEMENTS:
            raise ValueError(f"counts must be n x {N_ELEMENTS}, column Z-1 for element Z; got {tuple(counts.shape)}")
        counts = counts.to(self._table.device)
        if counts.is_floating_point() and not counts.isfinite().all():
            raise ValueError("counts must be finite")
        if (counts < 0).any():
            raise ValueError("counts must not be negative")
        present = counts > _AMOUNT_TOLERANCE
        if not present.any(dim=1).all():
            empty = (~present.any(dim=1)).nonzero()[0].item()
            raise ValueError(f"every row of counts must hold an element; row {empty} holds none")
        features = self._table.new_empty(counts.shape[0], len(self.properties), len(STATISTICS))
        with one_thread():
            for rows in _blocks(counts.shape[0]):
                features[rows] = self._statistics(*self._present_elements(counts[rows], present[rows]))
        return features.flatten(start_dim=1)

    def _present_elements(self, counts: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Row indices of the elements present and their amounts, both `n x k`, k the most elements in a row.

        A row with fewer elements repeats its first one with amount zero, which changes no statistic.
        """
        row, element = present.nonzero(as_tuple=True)
        sizes = present.sum(dim=1)
        first = sizes.cumsum(0) - sizes
        column = torch.arange(len(row), device=row.device) - first[row]
        elements = element[first].unsqueeze(1).repeat(1, int(sizes.max()))
        elements[row, column] = element
        amounts = self._table.new_zeros(elements.shape)
        amounts[row, column] = counts[row, element].to(self._table.dtype)
        return elements, amounts

    def _statistics(self, elements: Tensor, amounts: Tensor) -> Tensor:
        """`n x 22 x 6` statistics of elements and amounts, both `n x k`."""
        values = self._table[elements]  # n x k x 22
        weights = (amounts / amounts.sum(dim=1, keepdim=True)).unsqueeze(-1)
        minimum, maximum = values.amin(dim=1), values.amax(dim=1)
        mean = (weights * values).sum(dim=1)
        deviation = (weights * (values - mean.unsqueeze(1)).abs()).sum(dim=1)
        greatest = amounts.amax(dim=1, keepdim=True)
        tied = greatest - amounts <= _TIE_ABSOLUTE + _TIE_RELATIVE * greatest
        mode = values.masked_fill(~tied.unsqueeze(-1), torch.inf).amin(dim=1)
        return torch.stack([minimum, maximum, maximum - minimum, mean, deviation, mode], dim=-1)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))
