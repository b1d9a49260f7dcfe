"""The knowledge gradient over rungs and a discrete pool.

What measuring a pair is expected to add to the largest posterior mean at the target, over the candidates that may have
it: P. Frazier et al., INFORMS J. Comput. 21, 599 (2009); over fidelities, by cost, J. Wu et al., UAI 2019
(arXiv:1903.04703). The expectation over the one normal outcome is a quadrature.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.confirmation import expected_excess
from gfnmat.campaign.acquisition.information import Information
from gfnmat.campaign.acquisition.pick import Scores
from gfnmat.campaign.acquisition.scalar import ScalarView
from gfnmat.campaign.acquisition.situation import Offer, Situation

N_OUTCOMES = 63
_LEAST = 1e-12  # of the objective's scale


class KnowledgeGradient:
    """Scores pairs of one objective by the expected gain of the largest mean.

    Args:
        situation: what is known; one objective, to minimize or maximize.
        offer: what may be picked.
        seed: of nothing here; every kind takes it.
    """

    def __init__(self, situation: Situation, offer: Offer, seed: int) -> None:
        self.view = ScalarView(situation, offer)

    def worth(self, rows: Tensor) -> Tensor:
        """Log of the gain by the row's own mean alone, `n`: the others' means are held."""
        view = self.view
        best = view.mean[view.leaders].amax()
        reach = view.sd[rows].square() / (view.sd[rows].square() + view.noise[-1]).sqrt()
        gain = reach * expected_excess((view.mean[rows] - best) / reach)
        return gain.clamp(min=1e-300).log() + view.log_allowed[rows]

    def __call__(self, rows: Tensor, information: Information, taken: Sequence[tuple[int, int]]) -> Scores:
        """What speaks for the pairs of these rows, of which so much is known, once others, (row, rung), are taken."""
        view, offer = self.view, self.view.offer
        pairs = view.pairs(rows, taken)
        trust = view.situation.agreement.trust[:, view.column, None]
        slopes = trust * pairs.reach / pairs.after.clamp(min=1e-18).sqrt()[..., None]
        gain = expected_gain(pairs.leaders, slopes)
        unit = float(view.sd.mean())
        costs = torch.tensor(offer.prices, dtype=gain.dtype, device=gain.device).expand_as(gain)
        log_value = gain.clamp(min=_LEAST * unit).log() + view.log_allowed[rows][:, None]
        return Scores(log_value, (gain / gain[:, -1:].clamp(min=_LEAST * unit)).clamp(0, 1), costs)


def expected_gain(means: Tensor, slopes: Tensor) -> Tensor:
    """`E max_k(means_k + slopes_k Z) - max_k means_k` for a standard normal Z.

    Args:
        means: `k`.
        slopes: `... x k`.

    Returns:
        `...`, not negative.
    """
    edges = torch.linspace(-5, 5, N_OUTCOMES - 1, dtype=means.dtype, device=means.device)
    infinity = edges.new_tensor([torch.inf])
    bounds = torch.cat([-infinity, edges, infinity])
    weight = torch.special.ndtr(bounds).diff()
    density = torch.exp(-bounds.square() / 2) / (2 * torch.pi) ** 0.5
    outcomes = -density.diff() / weight  # the mean of Z within each cell
    gain = torch.zeros(slopes.shape[:-1], dtype=means.dtype, device=means.device)
    for outcome, share in zip(outcomes.tolist(), weight.tolist(), strict=True):
        gain += share * (means + outcome * slopes).amax(-1)
    return (gain - means.amax()).clamp(min=0)
