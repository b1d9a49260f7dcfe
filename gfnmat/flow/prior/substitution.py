"""Formulas that are known ones with an element replaced, by what known formulas say of which elements replace which.

Two elements are alike as far as they fill the same blank: LiFePO4 and LiMnPO4 make Fe and Mn alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.flow.table import factors


def likeness(counts: Tensor) -> Tensor:
    """How often two elements fill the same blank in known formulas, `E x E`, symmetric, zero on the diagonal.

    A blank that m elements fill gives 1 / (m - 1) to each pair of them, so that each element is counted once.

    Args:
        counts: of distinct formulas, `n x E`.
    """
    n_elements = counts.shape[1]
    blank, element = _blanks(counts)
    order = blank.argsort(stable=True)
    blank, element = blank[order], element[order]
    filled_by = torch.bincount(blank)
    alike = torch.zeros(n_elements, n_elements)
    for apart in range(1, min(int(filled_by.max()) if len(blank) else 0, n_elements)):
        same = (blank[apart:] == blank[:-apart]).nonzero().squeeze(-1)
        one, other = element[same], element[same + apart]
        alike.index_put_((one, other), 1 / (filled_by[blank[same]] - 1).float(), accumulate=True)
    return alike + alike.T


def _blanks(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Each formula with each of its elements taken out, as the number of the blank, and the element taken out."""
    rows, element = counts.nonzero(as_tuple=True)
    amount = counts[rows, element]
    *of_elements, of_blank = factors(counts.shape[1] + 1, counts.device)
    factor = torch.stack(of_elements)
    without = (counts * factor).sum(1)[rows] + amount * (of_blank - factor[element])
    return without.unique(return_inverse=True)[1], element


def substituted(counts: Tensor, alike: Tensor, generator: torch.Generator) -> Tensor:
    """Formulas with one element, drawn evenly, replaced by another, drawn as they are alike, `m x E` with m <= n.

    A formula is left out where the element has no likeness, or the other one is in the formula already. Counts stay,
    so a reduced formula stays reduced.

    Args:
        counts: the formulas, `n x E`.
        alike: from `likeness`, `E x E`.
        generator: draws.
    """
    old = torch.multinomial((counts > 0).float(), 1, generator=generator).squeeze(1)
    possible = alike[old].sum(1) > 0
    counts, old = counts[possible].clone(), old[possible]
    new = torch.multinomial(alike[old], 1, generator=generator).squeeze(1)
    rows = torch.arange(len(counts))
    absent = counts[rows, new] == 0
    counts[rows, new] = counts[rows, old]
    counts[rows, old] = 0
    return counts[absent]
