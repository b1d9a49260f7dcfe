"""The knowledge gradient over rungs and a discrete pool.

What measuring a pair is expected to add to the largest posterior mean at the target, over the candidates that may have
it: P. Frazier et al., INFORMS J. Comput. 21, 599 (2009); over fidelities, by cost, J. Wu et al., UAI 2019
(arXiv:1903.04703). The expectation over the one normal outcome is a quadrature. Where the property has a floor, the
means are those of values that it clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.information import Information
from gfnmat.campaign.acquisition.pick import Scores
from gfnmat.campaign.acquisition.scalar import PairsAndLeaders, ScalarView
from gfnmat.campaign.acquisition.situation import Offer, Situation

N_OUTCOMES = 63
N_AWAITED = 16  # draws of what will come of what is awaited
_LEAST = 1e-12  # of the objective's scale


class KnowledgeGradient:
    """Scores pairs of one objective by the expected gain of the largest mean.

    Args:
        situation: what is known; one objective, to minimize or maximize.
        offer: what may be picked.
        seed: fixes the draws of what is awaited.
    """

    def __init__(self, situation: Situation, offer: Offer, seed: int) -> None:
        self.view, self.seed = ScalarView(situation, offer), seed

    def worth(self, rows: Tensor) -> Tensor:
        """Log of the gain by the row's own mean alone, `n`: the others' means are held."""
        view, leaders = self.view, self.view.leaders
        mean, sd = view.mean[rows], view.sd[rows]
        best = view.clip.expected(view.mean[leaders], view.sd[leaders]).amax()
        reach = sd.square() / (sd.square() + view.noise[-1]).sqrt()
        gain = view.clip.expected_improvement(best, mean, reach)
        return gain.clamp(min=1e-300).log() + view.log_allowed[rows]

    def __call__(self, rows: Tensor, information: Information, taken: Sequence[tuple[int, int]]) -> Scores:
        """What speaks for the pairs of these rows, of which so much is known, once others, (row, rung), are taken."""
        view, offer = self.view, self.view.offer
        pairs = view.pairs(rows, taken)
        trust = view.situation.agreement.trust[:, view.column, None]
        slopes = trust * pairs.reach / pairs.after.clamp(min=1e-18).sqrt()[..., None]
        left = (pairs.leaders_after - slopes.square()).clamp(min=0).sqrt()
        gains = [
            expected_gain(means, slopes, lambda after: view.clip.expected(after, left))
            for means in self._leaders_once_known(pairs)
        ]
        gain = torch.stack(gains).mean(0)
        unit = float(view.sd.mean())
        costs = torch.tensor(offer.prices, dtype=gain.dtype, device=gain.device).expand_as(gain)
        log_value = gain.clamp(min=_LEAST * unit).log() + view.log_allowed[rows][:, None]
        return Scores(log_value, (gain / gain[:, -1:].clamp(min=_LEAST * unit)).clamp(0, 1), costs)

    def _leaders_once_known(self, pairs: PairsAndLeaders) -> Tensor:
        """Means of the leaders when what is awaited has come, drawn, `draws x k`."""
        from botorch.utils.sampling import draw_sobol_normal_samples

        n_awaited = len(pairs.leaders_moved)
        if not n_awaited:
            return pairs.leaders[None]
        normal = draw_sobol_normal_samples(n_awaited, N_AWAITED, dtype=torch.float64, seed=self.seed)
        return pairs.leaders + normal.to(pairs.leaders) @ pairs.leaders_moved


def expected_gain(means: Tensor, slopes: Tensor, value: Callable[[Tensor], Tensor] = torch.positive) -> Tensor:
    """`E max_k v(means_k + slopes_k Z) - max_k E v(means_k + slopes_k Z)` for a standard normal Z.

    Args:
        means: `k`.
        slopes: `... x k`.
        value: v, elementwise: what is expected of a candidate whose mean has become this; the mean itself if not given.

    Returns:
        `...`, not negative.
    """
    edges = torch.linspace(-5, 5, N_OUTCOMES - 1, dtype=means.dtype, device=means.device)
    infinity = edges.new_tensor([torch.inf])
    bounds = torch.cat([-infinity, edges, infinity])
    weight = torch.special.ndtr(bounds).diff()
    density = torch.exp(-bounds.square() / 2) / (2 * torch.pi) ** 0.5
    outcomes = -density.diff() / weight  # the mean of Z within each cell
    chosen_after = torch.zeros(slopes.shape[:-1], dtype=means.dtype, device=means.device)
    chosen_now = torch.zeros_like(slopes)
    for outcome, share in zip(outcomes.tolist(), weight.tolist(), strict=True):
        values = value(means + outcome * slopes)
        chosen_after += share * values.amax(-1)
        chosen_now += share * values
    return (chosen_after - chosen_now.amax(-1)).clamp(min=0)
