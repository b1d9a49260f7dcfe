"""The probability of an outcome: a Gaussian process behind a probit, over candidates and rungs."""

import torch
from torch import Tensor

from surrogates.censoring import Limits
from surrogates.exact import ExactPosterior
from surrogates.fitting import fit_hyperparameters
from surrogates.prior import gaussian_process
from surrogates.projection import Projection
from surrogates.rungs import RungScales

# The latent value's deviation at first guess, in that of its noise: outcomes are mostly decided by the candidate.
_SPREAD = 3.0
# How often sites and parameters are found in turn: outcomes are all sites, which a few turns leave too near to 0.
_TURNS = 10


class OutcomeGP:
    """Learns where something happens, for example that an oracle answers.

    It happens where a latent value with noise of variance 1 is above 0. The latent value has the kernel of
    `MultiFidelityGP`; what an outcome says of it is replaced by a normal site by expectation propagation, in turn with
    the parameters (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section 3.6).
    Fitting draws no random number.

    Args:
        n_fidelities: F, rungs of the ladder; the last is the target.
        reference: `N x d` features of typical candidates, from which the projection is learned.
        n_components: Coordinates the features are projected on, at most.
        max_iterations: Of L-BFGS-B.
    """

    def __init__(
        self, n_fidelities: int, *, reference: Tensor, n_components: int = 24, max_iterations: int = 100
    ) -> None:
        self.n_fidelities = n_fidelities
        self._projection = Projection.fit(reference, n_components)
        self._max_iterations = max_iterations
        self._posterior: ExactPosterior | None = None

    def fit(self, features: Tensor, fidelities: Tensor, happened: Tensor) -> None:
        """Learn from `n x d` features, `n` rungs and `n` booleans, n at least 1; what was learned before is forgotten.

        Raises:
            ValueError: Lengths differ, or nothing is given.
        """
        if not len(features) or not len(features) == len(fidelities) == len(happened):
            lengths = len(features), len(fidelities), len(happened)
            raise ValueError(f"features, fidelities and outcomes must be of one length, at least 1; got {lengths}")
        inputs = self._inputs(features, fidelities)
        side = torch.where(happened, 1.0, -1.0).to(inputs)
        guess = RungScales.guess(side, fidelities.long(), self.n_fidelities)
        scales = RungScales(_SPREAD * guess.centre, torch.full_like(guess.spread, _SPREAD))
        gp = gaussian_process(inputs, side, scales)
        gp.likelihood.fix_noise(1.0)
        limits = Limits(side, torch.zeros_like(side))
        fit_hyperparameters(gp, self._max_iterations, limits, _TURNS)
        self._posterior = ExactPosterior.of(gp, torch.full_like(guess.centre, -torch.inf), limits)

    def probability(self, features: Tensor, fidelity: int | None = None) -> Tensor:
        """The probability at a rung, or at the target, that it happens for `n x d` candidates: `n`.

        Raises:
            RuntimeError: Nothing was learned.
        """
        if self._posterior is None:
            raise RuntimeError("nothing was learned; call fit first")
        rung = torch.tensor(self.n_fidelities - 1 if fidelity is None else fidelity)
        mean, variance = self._posterior.moments(self._inputs(features, rung.expand(len(features))))
        return torch.special.ndtr(mean / (1 + variance.clamp_min(0)).sqrt())

    def _inputs(self, features: Tensor, fidelities: Tensor) -> Tensor:
        coordinates = self._projection(features)
        return torch.cat([coordinates, fidelities.to(coordinates).unsqueeze(-1)], dim=-1)
