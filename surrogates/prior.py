"""The Gaussian process over candidates and rungs before anything is known."""

from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel, MaternKernel
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from surrogates.rungs import RungCovariance, RungLikelihood, RungMean, RungScales


def gaussian_process(
    inputs: Tensor, values: Tensor, scales: RungScales, columns: tuple[range, range] | None = None
) -> SingleTaskGP:
    """The model of one property, parameters at the modes of their priors.

    Args:
        inputs: `N x (d' + 1)`, the rung in the last column.
        values: `N`.
        scales: First guesses of the rungs' means and deviations.
        columns: Of the inputs, those in which values follow a trend that rungs share, and those in which they differ
            from it locally; None if both are all but the rung's.
    """
    d = inputs.shape[1] - 1
    trend, local = columns or (range(d), range(d))
    shared = _matern(trend, LogNormalPrior(0.0, 1.0)) * RungCovariance(scales, share=0.8, correlated=True, column=d)
    # What a rung has of its own is expected to be little and local. With a wider prior, a target that was measured only
    # where a cheap rung is lowest explains its trend by this part, and forgets what the cheap rung says elsewhere.
    own = _matern(local, LogNormalPrior(-1.2, 0.6)) * RungCovariance(scales, share=0.05, correlated=True, column=d)
    return SingleTaskGP(
        inputs,
        values.unsqueeze(-1),
        likelihood=RungLikelihood(scales),
        covar_module=shared + own,
        mean_module=RungMean(scales),
        outcome_transform=None,
    )


def _matern(columns: range, prior: LogNormalPrior) -> Kernel:
    return MaternKernel(
        nu=2.5,
        active_dims=tuple(columns),
        lengthscale_prior=prior,
        lengthscale_constraint=GreaterThan(1e-2, transform=None, initial_value=float(prior.loc.exp())),
    )
