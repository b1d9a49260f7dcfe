"""The posterior of many measurements through few inducing points, in closed form.

M. K. Titsias, AISTATS 2009: with hyperparameters and inducing points given, the best variational distribution of the
values at the inducing points is normal and known: nothing is trained. Time grows as `N M^2`. Inducing points are
measured inputs, each the one whose value the points before leave most uncertain (D. R. Burt et al., J. Mach. Learn.
Res. 21 (2020) 131).
"""

from dataclasses import dataclass, replace

import torch
from botorch.models import SingleTaskGP
from botorch.models.gpytorch import GPyTorchModel
from gpytorch.distributions import MultivariateNormal
from gpytorch.models import GP
from linear_operator import to_linear_operator
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from surrogates.censoring import Limits, propagate
from surrogates.replicates import leave_out, replicates
from surrogates.threads import threads_for

# Candidates worked on at a time.
_BLOCK = 1024
# Of a value's prior variance: what is known better than this needs no inducing point.
_KNOWN = 1e-6


class InducedGP(GPyTorchModel, GP):
    """The posterior as a BoTorch model of one output, over `batch x q x (d' + 1)` inputs.

    Args:
        prior: Whose mean, covariance and likelihood it has.
        points: `M x (d' + 1)`, the inducing points.
        factor: `M x M`, the Cholesky factor of their prior covariance.
        gain: `M x M`, the Cholesky factor of the identity plus what the measurements tell of the whitened values.
        weights: `M`, of the columns that `gain` whitens.
    """

    _num_outputs = 1

    def __init__(self, prior: SingleTaskGP, points: Tensor, factor: Tensor, gain: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.mean_module, self.covar_module, self.likelihood = prior.mean_module, prior.covar_module, prior.likelihood
        self.points, self.factor, self.gain, self.weights = points, factor, gain, weights

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of models."""
        return torch.Size()

    def halves(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`... x M x q` whitened covariances with the inducing points: before and after the measurements."""
        points = self.points.expand(*inputs.shape[:-2], *self.points.shape)
        before = torch.linalg.solve_triangular(self.factor, self.covar_module(points, inputs).to_dense(), upper=False)
        return before, torch.linalg.solve_triangular(self.gain, before, upper=False)

    def forward(self, inputs: Tensor) -> MultivariateNormal:
        """The posterior of noise-free values."""
        before, after = self.halves(inputs)
        mean = self.mean_module(inputs) + (after.mT @ self.weights.unsqueeze(-1)).squeeze(-1)
        covariance = self.covar_module(inputs).to_dense() - before.mT @ before + after.mT @ after
        # a tensor would be factorised here and now, without the jitter that candidates alike or well known need
        return MultivariateNormal(mean, to_linear_operator(covariance))

    def __call__(self, inputs: Tensor) -> MultivariateNormal:
        """See `forward`."""
        return self.forward(inputs)


@dataclass(frozen=True)
class InducedPosterior:
    """The posterior of one property given many measurements; see `ExactPosterior` for the attributes in common.

    Attributes:
        gp: The model.
        inputs: `N x (d' + 1)`, as measured.
        values: `N`, as measured.
        floors: `F`.
        evidence: What is needed of the measurements to leave one out.
    """

    gp: InducedGP
    inputs: Tensor
    values: Tensor
    floors: Tensor
    evidence: "_Evidence"

    @classmethod
    def of(
        cls,
        prior: SingleTaskGP,
        values: Tensor,
        floors: Tensor,
        limits: Limits,
        n_inducing: int,
        candidates: Tensor | None = None,
    ) -> "InducedPosterior":
        """Condition a fitted model on all of its training data.

        Args:
            prior: The model with its parameters, over the inputs of the values.
            values: `N`, as measured.
            floors: `F`, of each rung.
            limits: Which values are limits alone.
            n_inducing: Inducing points, at most.
            candidates: `N`, booleans, which inputs may be inducing points; None if all may. A measurement at one is
                predicted worse from the others than elsewhere, where inducing points are few.
        """
        inputs = prior.train_inputs[0]
        with torch.no_grad(), threads_for(len(values)):
            eligible = inputs if candidates is None else inputs[candidates]
            points = eligible[_most_uncertain(prior, eligible, n_inducing)]
            factor = psd_safe_cholesky(prior.covar_module(points).to_dense())
            cross = torch.linalg.solve_triangular(factor, prior.covar_module(points, inputs).to_dense(), upper=False)
            noise = prior.likelihood.noise[inputs[:, -1].long()]
            evidence = _Evidence(cross, prior.mean_module(inputs), prior.covar_module(inputs, diag=True), values, noise)
            if limits:
                sites = propagate(evidence.cavities, values, limits, noise, evidence.prior)
                evidence = replace(evidence, target=sites.targets, variance=noise + sites.variances)
            gain, _, _, weights = evidence.solved(evidence.target, evidence.variance)
            gp = InducedGP(prior, points, factor, gain, weights).eval()
            return cls(gp, inputs, values, floors, evidence)

    @torch.no_grad()
    def moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances, `n` each, of noise-free values at `n x (d' + 1)` inputs."""
        with threads_for(len(self.gp.points)):
            blocks = [self._moments(block) for block in inputs.split(_BLOCK)]
        means, variances = zip(*blocks, strict=True)
        return torch.cat(means), torch.cat(variances)

    @torch.no_grad()
    def covariance(self, first: Tensor, second: Tensor) -> Tensor:
        """Covariances of noise-free values, pair by pair: two `n x (d' + 1)` inputs to `n`."""
        pairs = zip(first.split(_BLOCK), second.split(_BLOCK), strict=True)
        with threads_for(len(self.gp.points)):
            return torch.cat([self._covariance(one, other) for one, other in pairs])

    @torch.no_grad()
    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation, `N` each, of every measurement predicted from the others, before a floor clips it.

        Measurements of one candidate at one rung are left out together.
        """
        mean, variance = self.evidence.cavities(self.evidence.target, self.evidence.variance)
        groups = replicates(self.inputs)
        mean_together, variance_together = self.evidence.without(groups)
        kept = groups >= 0
        mean[groups[kept]], variance[groups[kept]] = mean_together[kept], variance_together[kept]
        return mean, (variance + self.gp.likelihood.noise[self.inputs[:, -1].long()]).sqrt()

    def _moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        before, after = self.gp.halves(inputs)
        prior = self.gp.covar_module(inputs, diag=True)
        mean = self.gp.mean_module(inputs) + self.gp.weights @ after
        return mean, prior - before.square().sum(dim=0) + after.square().sum(dim=0)

    def _covariance(self, first: Tensor, second: Tensor) -> Tensor:
        before, after = self.gp.halves(first)
        before_other, after_other = (before, after) if second is first else self.gp.halves(second)
        prior = self.gp.covar_module(first, second, diag=True)
        return prior - (before * before_other).sum(dim=0) + (after * after_other).sum(dim=0)


@dataclass(frozen=True)
class _Evidence:
    """Measurements as the inducing points see them.

    Attributes:
        cross: `M x N`, whitened covariances of inducing points and measured values.
        mean, prior: `N`, prior means and variances of the measured values.
        target, variance: `N`, what was measured, and the variance of its noise.
    """

    cross: Tensor
    mean: Tensor
    prior: Tensor
    target: Tensor
    variance: Tensor

    def solved(self, target: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gain `M x M`, the scaled cross covariances before and after it `M x N`, and the weights `M`."""
        scaled = self.cross * variance.rsqrt()
        identity = torch.eye(len(scaled), dtype=scaled.dtype, device=scaled.device)
        gain = torch.linalg.cholesky(identity + scaled @ scaled.T)
        after = torch.linalg.solve_triangular(gain, scaled, upper=False)
        return gain, scaled, after, after @ ((target - self.mean) * variance.rsqrt())

    def cavities(self, target: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of each noise-free value given all measurements but its own, `N` each."""
        _, _, after, weights = self.solved(target, variance)
        precision = (1 - after.square().sum(dim=0)) / variance
        pull = (target - self.mean) / variance - variance.rsqrt() * (weights @ after)
        return target - pull / precision, (1 / precision - variance + self._unseen).clamp_min(1e-12)

    def without(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of noise-free values given all measurements but their group's, `G x r` each.

        Args:
            groups: `G x r` indices, filled up with -1.
        """
        _, _, after, weights = self.solved(self.target, self.variance)
        pull = (self.target - self.mean) / self.variance - self.variance.rsqrt() * (weights @ after)
        explained = (after * self.variance.rsqrt()).T[groups]
        precision = torch.diag_embed(1 / self.variance[groups]) - explained @ explained.mT
        difference, variance = leave_out(groups, precision, pull)
        left = variance - self.variance[groups] + self._unseen[groups]
        return self.target[groups] - difference, left.clamp_min(1e-12)

    @property
    def _unseen(self) -> Tensor:
        """Prior variance of the measured values that the inducing points do not explain, `N`."""
        return self.prior - self.cross.square().sum(dim=0)


def _most_uncertain(prior: SingleTaskGP, inputs: Tensor, most: int) -> Tensor:
    """Indices of inducing points by a pivoted Cholesky factorisation of the rungs' scaled prior covariance."""
    variance = prior.covar_module(inputs, diag=True)
    scale = variance.rsqrt()
    left = torch.ones_like(variance)
    columns = variance.new_zeros(min(most, len(inputs)), len(inputs))
    chosen: list[int] = []
    for step in range(len(columns)):
        pivot = int(left.argmax())
        if left[pivot] < _KNOWN:
            break
        covariance = prior.covar_module(inputs[pivot : pivot + 1], inputs).to_dense()[0] * scale * scale[pivot]
        columns[step] = (covariance - columns[:step, pivot] @ columns[:step]) / left[pivot].sqrt()
        left = (left - columns[step].square()).clamp_min(0)
        left[pivot] = 0.0
        chosen.append(pivot)
    return torch.tensor(chosen, device=inputs.device)
