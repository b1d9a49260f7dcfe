"""Max-value entropy search over rungs: what a measurement tells of the largest value at the target.

The lower bound of H. B. Moss et al. (GIBBON), J. Mach. Learn. Res. 22, 235 (2021), arXiv:2102.03324: for one pair
`-1/2 E log(1 - rho^2 r (gamma + r))`, where `gamma` is how many deviations the largest value lies above the
candidate's mean, `r` the hazard there and `rho` the correlation of the measurement with the value; and for a batch the
log-determinant of the measurements' correlation, which keeps them apart. The fidelity enters by `rho` alone
(S. Takeno et al., arXiv:1901.08275).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.information import Information
from gfnmat.campaign.acquisition.pick import Scores
from gfnmat.campaign.acquisition.scalar import ScalarView
from gfnmat.campaign.acquisition.situation import Offer, Situation

N_MAXIMA = 64
_LEAST = 1e-12  # nats


class EntropySearch:
    """Scores pairs of one objective by the information about the largest value.

    Args:
        situation: what is known; one objective, to minimize or maximize.
        offer: what may be picked.
        seed: fixes the samples of the largest value.
    """

    def __init__(self, situation: Situation, offer: Offer, seed: int) -> None:
        self.view = ScalarView(situation, offer)
        self._maxima = self._sampled_maxima(seed)

    def worth(self, rows: Tensor) -> Tensor:
        """Log of the information that the target would give, each row by itself, `n`."""
        variance = self.view.sd[rows].square()
        correlation = (variance / (variance + self.view.noise[-1])).sqrt()
        told = self._told(rows, correlation[:, None])
        return told[:, 0].clamp(min=_LEAST).log() + self.view.log_allowed[rows]

    def __call__(self, rows: Tensor, information: Information, taken: Sequence[tuple[int, int]]) -> Scores:
        """What speaks for the pairs of these rows, of which so much is known, once others, (row, rung), are taken."""
        view, offer = self.view, self.view.offer
        correlation = information.correlation[..., view.column]
        told = self._told(rows, correlation)
        pairs = view.pairs(rows, taken)
        left = (pairs.after / pairs.before).clamp(1e-12, 1)
        # where the bound gives nothing beside what is taken, what a pair tells by itself, and less of a twin, decides
        gain = torch.maximum(told + left.log() / 2, _LEAST * (told * left).clamp(min=_LEAST))
        costs = torch.tensor(offer.prices, dtype=gain.dtype, device=gain.device).expand_as(gain)
        log_value = gain.log() + view.log_allowed[rows][:, None]
        return Scores(log_value, (told / told[:, -1:].clamp(min=_LEAST)).clamp(0, 1), costs)

    def _told(self, rows: Tensor, correlation: Tensor) -> Tensor:
        """Information of these rows, measured with correlation `n x rungs`, about the largest value, `n x rungs`.

        That the largest value is one that none can exceed tells nothing of a candidate, and it nothing of that.
        """
        below = self._maxima[self._maxima < self.view.clip.highest]
        if not len(below):
            return torch.zeros_like(correlation)
        told = information_about_maximum(self.view.mean[rows], self.view.sd[rows], correlation, below)
        return told * (len(below) / len(self._maxima))

    def _sampled_maxima(self, seed: int) -> Tensor:
        """Largest noise-free values of the leaders, drawn jointly, `N_MAXIMA`."""
        from linear_operator.utils.cholesky import psd_safe_cholesky

        pairs = self.view.pairs(self.view.leaders[:1], [])
        factor = psd_safe_cholesky(pairs.leaders_covariance)
        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(N_MAXIMA, len(factor), generator=generator, dtype=factor.dtype).to(factor.device)
        return self.view.clip((pairs.leaders + normal @ factor.T).amax(-1))


def information_about_maximum(mean: Tensor, sd: Tensor, correlation: Tensor, maxima: Tensor) -> Tensor:
    """Lower bound of the mutual information of measurements with the largest value, nats, `n x rungs`.

    Args:
        mean, sd: of the noise-free values at the target, `n`.
        correlation: of a measurement at each rung with that value, `n x rungs`.
        maxima: samples of the largest value, `samples`.
    """
    gamma = (maxima - mean[:, None]) / sd[:, None]
    hazard = torch.exp(
        -gamma.square() / 2 - 0.5 * torch.log(gamma.new_tensor(2 * torch.pi)) - torch.special.log_ndtr(gamma)
    )
    spread = (hazard * (gamma + hazard)).clamp(0, 1)
    left = 1 - correlation.square()[:, :, None] * spread[:, None, :]
    return -left.clamp(min=1e-9).log().mean(-1) / 2
