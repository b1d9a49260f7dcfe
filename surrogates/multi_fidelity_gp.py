"""A Gaussian process for each property over candidates and rungs, with missing entries."""

import math

import torch
from botorch.models import ModelListGP
from torch import Tensor

from surrogates.censoring import Limits, find_floors
from surrogates.deep_kernel import LearnedCoordinates
from surrogates.exact import ExactPosterior
from surrogates.fitting import fit_hyperparameters
from surrogates.inducing import InducedPosterior
from surrogates.interface import LeaveOneOut, Prediction
from surrogates.prior import gaussian_process
from surrogates.projection import Projection
from surrogates.rungs import RungScales

Posterior = ExactPosterior | InducedPosterior


class MultiFidelityGP:
    """Gaussian processes, one a property, over projected features and the rung.

    The value of candidate x at rung f is `m_f + g_f(x) + h_f(x) + noise_f`. The g share a lengthscale, and correlate
    between rungs with a free correlation matrix; every h is its rung's own, with a lengthscale of its own, as in the
    autoregressive model of M. C. Kennedy and A. O'Hagan, Biometrika 87 (2000) 1. Both are Matern-5/2 with one
    lengthscale for all coordinates of `Projection`: tens of measurements do not determine a hundred.

    Properties are independent. One of many measurements may be learned through inducing points, see
    `surrogates.inducing`, and over coordinates that a network has learned, see `surrogates.deep_kernel`: the g are then
    functions of these. A property that no measurement answers is predicted as NaN. Fitting leaves the global random
    state as it is: equal measurements give equal models.

    Args:
        n_fidelities: F, rungs of the ladder; the last is the target.
        n_properties: m.
        n_components: Coordinates the features are projected on, at most.
        max_iterations: Of L-BFGS-B, for each property.
        most_exact: A property with more measurements than this is learned through inducing points; None if none is.
        n_inducing: How many of them, at most.
        most_shallow: A property with more measurements than this is learned over a network's coordinates, where some
            rung has as many as the network wants; None if none is.
        reference: `N x d` features of typical candidates, from which the projection is learned. Without them it is
            learned from the measured candidates at each `fit`, and cannot see features that only others differ in:
            give them if fewer than some tens of candidates are measured.
        device: Where models lie, and where tensors are moved to. Results are there.
        dtype: Of models and results. Gaussian processes want float64.

    Raises:
        ValueError: A number is less than 1, or the reference is not a finite matrix.
    """

    def __init__(
        self,
        n_fidelities: int,
        n_properties: int,
        *,
        n_components: int = 24,
        max_iterations: int = 100,
        most_exact: int | None = None,
        n_inducing: int = 2000,
        most_shallow: int | None = None,
        reference: Tensor | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        numbers = {
            "n_fidelities": n_fidelities,
            "n_properties": n_properties,
            "n_components": n_components,
            "max_iterations": max_iterations,
            "n_inducing": n_inducing,
        }
        for name, number in numbers.items():
            if number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}")
        if reference is not None and (reference.ndim != 2 or not reference.isfinite().all()):
            raise ValueError(f"reference must be a finite N x d tensor; got shape {tuple(reference.shape)}")
        self.n_fidelities = n_fidelities
        self.n_properties = n_properties
        self._n_components = n_components
        self._max_iterations = max_iterations
        self._most_exact = math.inf if most_exact is None else most_exact
        self._n_inducing = n_inducing
        self._most_shallow = math.inf if most_shallow is None else most_shallow
        self._device = device
        self._dtype = dtype
        self._reference = None if reference is None else self._tensor(reference)
        self._projection: Projection | None = None
        self._learned: tuple[LearnedCoordinates | None, ...] = (None,) * n_properties
        self._posteriors: tuple[Posterior | None, ...] = (None,) * n_properties

    def fit(self, features: Tensor, fidelities: Tensor, values: Tensor) -> None:
        """Learn from all measurements; see `Surrogate.fit`."""
        features, values = self._tensor(features), self._tensor(values)
        rungs = fidelities.to(device=values.device, dtype=torch.long)
        self._check(features, rungs, values)
        reference = features if self._reference is None else self._reference
        self._projection = Projection.fit(reference, self._n_components)
        standardised = self._projection.standardised(features)
        self._learned = tuple(self._learn_coordinates(standardised, rungs, column) for column in values.T)
        inputs = self.transform(features, rungs)
        self._posteriors = tuple(self._fit_property(inputs, column, index) for index, column in enumerate(values.T))

    def predict(self, features: Tensor, fidelity: int | None = None) -> Prediction:
        """Predict measurements; see `Surrogate.predict`."""
        inputs = self.transform(features, fidelity)
        rung = self.n_fidelities - 1 if fidelity is None else fidelity
        floor = inputs.new_full((self.n_properties,), -torch.inf)
        means, deviations = [], []
        for index, posterior in enumerate(self._posteriors):
            if posterior is None:
                means.append(inputs.new_full((len(inputs),), torch.nan))
                deviations.append(means[-1])
                continue
            floor[index] = posterior.floors[rung]
            mean, variance = posterior.moments(inputs)
            noise = posterior.gp.likelihood.noise[inputs[:, -1].long()]
            means.append(mean)
            deviations.append((variance.clamp_min(0) + noise).sqrt())
        return Prediction(torch.stack(means, dim=-1), torch.stack(deviations, dim=-1), floor)

    def correlation(self, features: Tensor, fidelity: int) -> Tensor:
        """Posterior correlation of a rung with the target; see `Surrogate.correlation`."""
        here, target = self.transform(features, fidelity), self.transform(features)
        columns = [self._correlation(posterior, here, target) for posterior in self._posteriors]
        return torch.stack(columns, dim=-1)

    def model(self) -> ModelListGP:
        """The BoTorch model; see `Surrogate.model`."""
        if self._projection is None:
            raise RuntimeError("the surrogate is not fitted; call fit first")
        unanswered = [index for index, posterior in enumerate(self._posteriors) if posterior is None]
        if unanswered:
            raise RuntimeError(f"no measurement answers the properties {unanswered}; a model needs one of each")
        return ModelListGP(*(posterior.gp for posterior in self._posteriors if posterior is not None))

    def transform(self, features: Tensor, fidelity: int | Tensor | None = None) -> Tensor:
        """The model's inputs; see `Surrogate.transform`."""
        if self._projection is None:
            raise RuntimeError("the surrogate is not fitted; call fit first")
        standardised = self._projection.standardised(self._tensor(features))
        learned = [each.network(standardised) for each in self._learned if each is not None]
        coordinates = torch.cat([standardised @ self._projection.axes, *learned], dim=-1)
        target = self.n_fidelities - 1
        rungs = torch.as_tensor(target if fidelity is None else fidelity, device=coordinates.device)
        self._check_rungs(rungs)
        return torch.cat([coordinates, rungs.to(coordinates).expand(len(coordinates)).unsqueeze(-1)], dim=-1)

    def leave_one_out(self) -> tuple[LeaveOneOut, ...]:
        """Every measurement predicted from the others, by the closed form; see `Surrogate.leave_one_out`.

        Hyperparameters, and inducing points, stay those fitted to all. Of a property over a network's coordinates these
        are the measurements that the network was not shown: of the others its prediction is too good.
        """
        entries = []
        for column, posterior in enumerate(self._posteriors):
            if posterior is None:
                continue
            mean, sd = posterior.leave_one_out()
            rungs = posterior.inputs[:, -1].long()
            learned = self._learned[column]
            honest = torch.ones_like(rungs, dtype=torch.bool) if learned is None else learned.unseen
            for rung in rungs[honest].unique().tolist():
                at = honest & (rungs == rung)
                floor = posterior.floors[rung].item()
                entries.append(LeaveOneOut(column, rung, mean[at], sd[at], posterior.values[at], floor))
        return tuple(entries)

    def posteriors(self) -> tuple[Posterior | None, ...]:
        """The closed-form posterior of each property, None where no measurement answers it."""
        return self._posteriors

    def _learn_coordinates(self, standardised: Tensor, rungs: Tensor, values: Tensor) -> LearnedCoordinates | None:
        answered = ~values.isnan()
        if int(answered.sum()) <= self._most_shallow:
            return None
        return LearnedCoordinates.of(standardised[answered], rungs[answered], values[answered], self.n_fidelities)

    def _fit_property(self, inputs: Tensor, values: Tensor, index: int) -> Posterior | None:
        answered = ~values.isnan()
        if not answered.any():
            return None
        inputs, values = inputs[answered], values[answered]
        floors = find_floors(inputs, values, self.n_fidelities)
        limits = Limits.at_floors(values, floors[inputs[:, -1].long()])
        scales = RungScales.guess(values, inputs[:, -1].long(), self.n_fidelities)
        learned = self._learned[index]
        honest = torch.ones_like(answered[answered]) if learned is None else learned.unseen
        gp = gaussian_process(inputs[honest], values[honest], scales, self._columns(index))
        fit_hyperparameters(gp, self._max_iterations, limits[honest] if limits[honest] else None)
        gp.set_train_data(inputs, values, strict=False)
        if len(values) <= self._most_exact:
            return ExactPosterior.of(gp, floors, limits)
        may_induce = None if learned is None else learned.inducing(inputs[:, -1].long())
        return InducedPosterior.of(gp, values, floors, limits, self._n_inducing, may_induce)

    def _columns(self, index: int) -> tuple[range, range]:
        """Of the inputs, those that a property's shared and own parts see."""
        assert self._projection is not None
        projected = range(self._projection.axes.shape[1])
        learned = self._learned[index]
        if learned is None:
            return projected, projected
        before = [each.network.n_outputs for each in self._learned[:index] if each is not None]
        start = len(projected) + sum(before)
        return range(start, start + learned.network.n_outputs), projected

    def _correlation(self, posterior: Posterior | None, here: Tensor, target: Tensor) -> Tensor:
        unknown = here.new_zeros(len(here))
        if posterior is None or not len(here):
            return unknown
        if not (posterior.inputs[:, -1] == here[0, -1]).any():
            return unknown
        variance = posterior.covariance(here, here) * posterior.covariance(target, target)
        correlation = posterior.covariance(here, target) / variance.clamp_min(torch.finfo(here.dtype).tiny).sqrt()
        return correlation.clamp(-1, 1)

    def _tensor(self, tensor: Tensor) -> Tensor:
        return tensor.detach().to(device=self._device, dtype=self._dtype)

    def _check(self, features: Tensor, rungs: Tensor, values: Tensor) -> None:
        n = len(features)
        if features.ndim != 2 or values.shape != (n, self.n_properties) or rungs.shape != (n,):
            raise ValueError(
                f"needs features n x d, fidelities n and values n x {self.n_properties}; "
                f"got {tuple(features.shape)}, {tuple(rungs.shape)} and {tuple(values.shape)}"
            )
        if self._reference is not None and features.shape[1] != self._reference.shape[1]:
            raise ValueError(f"the reference has {self._reference.shape[1]} features, not {features.shape[1]}")
        self._check_rungs(rungs)
        if not features.isfinite().all():
            raise ValueError("features must be finite")
        if values.isinf().any():
            raise ValueError("values must be finite, or NaN where a measurement does not answer the property")

    def _check_rungs(self, rungs: Tensor) -> None:
        target = self.n_fidelities - 1
        if rungs.numel() and (int(rungs.min()) < 0 or int(rungs.max()) > target):
            raise ValueError(f"fidelities must be rungs 0 to {target}; got {rungs.unique().tolist()}")
