"""Hyperparameters of a Gaussian process by maximum a posteriori. No random number is drawn."""

import warnings
from copy import deepcopy

import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.exceptions.warnings import OptimizationWarning
from botorch.models import SingleTaskGP
from botorch.optim.fit import fit_gpytorch_mll_scipy
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from surrogates.censoring import Limits, place_sites
from surrogates.threads import threads_for

# Hyperparameters are fitted to at most this many observations: time grows with the cube of their number.
MOST_FITTED = 1000


def fit_hyperparameters(gp: SingleTaskGP, max_iterations: int, limits: Limits | None = None, turns: int = 3) -> None:
    """Move a model's parameters to a maximum of the posterior by L-BFGS-B, and the model to evaluation mode.

    More than `MOST_FITTED` observations are thinned for this, evenly in their order and the cheap rungs first; the
    model keeps all of them. Where the covariance cannot be factorised on the way (gpytorch has then already added
    jitter), the parameters go back to the modes of their priors, and a RuntimeWarning says so.

    Args:
        gp: The model.
        max_iterations: Of L-BFGS-B, in all.
        limits: Which of the targets are limits alone; None if none is. They are replaced by sites, in turn with the
            parameters, see `surrogates.censoring`; in the end the model has its targets again.
        turns: How often, with limits.
    """
    start = deepcopy(gp.state_dict())
    inputs, values = gp.train_inputs[0], gp.train_targets
    chosen = _thinned(inputs[:, -1].long(), MOST_FITTED)
    gp.set_train_data(inputs[chosen], values[chosen], strict=False)
    try:
        with threads_for(len(chosen)), warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizationWarning)  # the iteration limit is meant
            if limits is None:
                _maximise(gp, max_iterations)
            else:
                for _ in range(turns):
                    place_sites(gp, limits[chosen])
                    _maximise(gp, max_iterations // turns)
    except (NotPSDError, NanError, ModelFittingError) as error:
        gp.load_state_dict(start)
        warnings.warn(
            f"hyperparameters could not be fitted ({error}); those of the prior are used", RuntimeWarning, stacklevel=2
        )
    gp.set_train_data(inputs, values, strict=False)
    gp.eval()
    gp.likelihood.eval()
    for parameter in gp.parameters():
        parameter.requires_grad_(False)


def _maximise(gp: SingleTaskGP, max_iterations: int) -> None:
    mll = ExactMarginalLogLikelihood(gp.likelihood, gp)
    mll.train()
    fit_gpytorch_mll_scipy(mll, options={"maxiter": max(1, max_iterations)})


def _thinned(rungs: Tensor, most: int) -> Tensor:
    """Indices of at most `most` observations: each rung, from the highest, an equal share of what is left."""
    if len(rungs) <= most:
        return torch.arange(len(rungs), device=rungs.device)
    chosen: list[Tensor] = []
    present = rungs.unique(sorted=True).flip(0)
    for position, rung in enumerate(present):
        members = (rungs == rung).nonzero().squeeze(1)
        share = (most - sum(map(len, chosen))) // (len(present) - position)
        steps = torch.linspace(0, len(members) - 1, min(share, len(members)), device=rungs.device)
        chosen.append(members[steps.round().long()])
    return torch.cat(chosen).sort().values
