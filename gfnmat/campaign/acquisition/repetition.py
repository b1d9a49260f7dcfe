"""What measuring a candidate again at the target is worth, where improvement is sought.

Noisy expected improvement takes the values of measured candidates for as good as known, so that no measured one
improves on itself. What another measurement brings is a better judgement of which candidate is best: the knowledge
gradient (P. Frazier et al., INFORMS J. Comput. 21, 599 (2009)) among the measured candidates, of the best posterior
mean or of the hypervolume of the posterior means. The other candidates' means are held.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale, cells_above

N_OUTCOMES = 128  # quasi-random outcomes of a measurement, each with its opposite


def gain_of_repeating(
    mean: Tensor, sd: Tensor, noise: Tensor, again: Tensor, goals: Goals, scale: Scale, seed: int
) -> Tensor:
    """Expected gain of the best by one more measurement of each, on the scale of the utilities: `r`, not negative.

    Args:
        mean, sd: of the noise-free properties of all measured candidates, `k x properties`.
        noise: variance of a measurement, `properties`.
        again: which of them would be measured again, `r` indices.
        goals: objectives and constraints.
        scale: of the utilities.
        seed: fixes the outcomes.
    """
    from botorch.utils.sampling import draw_sobol_normal_samples

    drawn = draw_sobol_normal_samples(mean.shape[-1], N_OUTCOMES, dtype=mean.dtype, device=mean.device, seed=seed)
    drawn = torch.cat([drawn, -drawn, torch.zeros_like(drawn[:1])])  # the last is what is believed now
    reach = sd.square() / (sd.square() + noise).clamp(min=1e-300).sqrt()
    worth, met = scale.normalised(goals.utilities(mean)), goals.meets_constraints(mean)
    front = met.clone()
    front[met] = goals.non_dominated(worth[met])
    gains = []
    for row in again.tolist():
        others = front.clone()
        others[row] = False
        if bool(front[row]):  # without it, what it dominates may be on the front
            rest = met.clone()
            rest[row] = False
            others[rest] = goals.non_dominated(worth[rest])
        lower, upper = cells_above(worth[others])
        outcomes = mean[row] + reach[row] * drawn
        utilities = scale.normalised(goals.utilities(outcomes))[:, None, :]
        volume = (torch.minimum(utilities, upper) - lower).clamp(min=0).prod(-1).sum(-1)
        volume = volume * goals.meets_constraints(outcomes)
        gains.append(volume[:-1].mean() - volume[-1])
    return torch.stack(gains).clamp(min=0) if gains else mean.new_zeros(0)
