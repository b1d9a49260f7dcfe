"""A deep kernel: what a network predicts is a coordinate of a Gaussian process, beside the projected features.

What both say of the candidates that the network was trained on is too good. So it is shown four fifths of the
measurements of a property; the others are for the hyperparameters, which then know how far to trust it, and for
leaving one out. The Gaussian process with these hyperparameters is conditioned on all measurements, and its part over
the projected features corrects the network where it was measured to be wrong. Compare A. G. Wilson, Z. Hu,
R. Salakhutdinov and E. P. Xing, AISTATS 2016, who fit both together, and S. W. Ober, C. E. Rasmussen and
M. van der Wilk, UAI 2021, on what is wrong with that.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogates.censoring import find_floors
from surrogates.feature_network import Examples, FeatureNetwork
from surrogates.fitting import MOST_FITTED
from surrogates.rungs import RungScales

# The part of the candidates that the network is not shown, as far as hyperparameters are fitted to so many.
_UNSEEN = 0.2
# The network is not shown a rung with fewer measurements, and there is none where it would be shown less than four
# fifths of so many.
_LEAST = 100


@dataclass(frozen=True)
class LearnedCoordinates:
    """Coordinates that were learned from the measurements of one property.

    Attributes:
        network: One output for each rung that it was shown, in deviations of that rung's values.
        unseen: `N`, of the measurements: whether it was shown none of the same candidate.
    """

    network: FeatureNetwork
    unseen: Tensor

    @classmethod
    def of(cls, features: Tensor, rungs: Tensor, values: Tensor, n_rungs: int) -> "LearnedCoordinates | None":
        """Learn from `N x k` standardised features, `N` rungs and `N` values; None if these are too few.

        A rung with few values is not shown, and all of them are for the hyperparameters: tens would teach the network
        little and the Gaussian process much, above all how the rung follows the others.
        """
        if not features.shape[1]:
            return None
        shown = torch.bincount(rungs, minlength=n_rungs) >= _LEAST
        unseen = _unseen(features, rungs, shown)
        seen = ~unseen & shown[rungs]
        if int(seen.sum()) < (1 - _UNSEEN) * _LEAST:
            return None
        features, rungs, values = features[seen], rungs[seen], values[seen]
        floors = find_floors(torch.cat([features, rungs.to(features).unsqueeze(-1)], dim=-1), values, n_rungs)
        scales = RungScales.guess(values, rungs, n_rungs)
        present, outputs = rungs.unique(return_inverse=True)
        standardised = (values - scales.centre[rungs]) / scales.spread[rungs]
        examples = Examples(features, outputs, standardised, values <= floors[rungs])
        return cls(FeatureNetwork.train(examples, len(present)), unseen)

    def inducing(self, rungs: Tensor) -> Tensor:
        """Which of `N` measurements, at their rungs, may be inducing points: `N` booleans.

        They are those of which the network was shown something, so that the others are left out as if they were new;
        at a rung that has none such, all.
        """
        return ~self.unseen | ~torch.isin(rungs, rungs[~self.unseen])


def _unseen(features: Tensor, rungs: Tensor, shown: Tensor) -> Tensor:
    """Which of `N` measurements are of candidates that the network sees nothing of.

    They are all that a rung which is not shown has measured, and of the others an equal part of those whose highest
    rung is the same: an even sample of what was measured at the target too.
    """
    _, candidate = features.unique(dim=0, return_inverse=True)
    n = int(candidate.max()) + 1
    highest = rungs.new_zeros(n).scatter_reduce(0, candidate, rungs, "amax")
    unseen = torch.zeros(n, dtype=torch.bool, device=features.device)
    unseen[candidate[~shown[rungs]]] = True
    generator = torch.Generator().manual_seed(0)
    for rung in highest[~unseen].unique().tolist():
        members = ((highest == rung) & ~unseen).nonzero().squeeze(1)
        share = min(math.ceil(_UNSEEN * len(members)), MOST_FITTED)
        unseen[members[torch.randperm(len(members), generator=generator)[:share].to(members.device)]] = True
    return unseen[candidate]
