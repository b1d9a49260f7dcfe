"""Surrogates of thousands of measurements: exact, through inducing points, minibatched, and with a deep kernel.

    python experiments/benchmarks/surrogate_scaling.py ENERGIES [--sizes 2000 5000 20000] [--seeds 100-102]

ENERGIES is a table of formula, formation_energy_per_atom (eV/atom). For each size: mean absolute error, CRPS, coverage
of the 90 % intervals on 2,000 other formulas, seconds for fitting and predicting. `exact` is given 2,000 of the labels
at most. The minibatched models are GPyTorch's stochastic variational Gaussian processes on the same projection, or on
the output of a network (132-128-64-16, trained with the rest), with 256 inducing points that are learned, Adam at 0.01
and batches of 512 for 60 epochs.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import gpytorch
import torch
from machine import describe
from surrogate_kernels import interval, magpie, read
from torch import Tensor, nn

import surrogates
from surrogates import assess
from surrogates.projection import Projection

N_TEST, MOST_EXACT = 2000, 2000
BATCH, RATE, N_INDUCING = 512, 0.01, 256

Model = Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""From labelled features, labels, other features and a seed to means and deviations."""


def main() -> None:
    """Parse the arguments, and print one line a model and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("energies", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 20_000])
    parser.add_argument("--seeds", default="100-102")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    arguments = parser.parse_args()
    first, last = (int(number) for number in arguments.seeds.split("-"))
    torch.set_num_threads(1)
    print(describe("botorch", "gpytorch"))
    print(f"seeds {first} to {last}; MAE and CRPS in eV/atom")
    table = read(arguments.energies, "formation_energy_per_atom", most=max(arguments.sizes) + N_TEST)
    features = magpie(table)
    for size in arguments.sizes:
        for name in arguments.models:
            rows = []
            for seed in range(first, last + 1):
                order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
                labelled, others = order[:size], order[size : size + N_TEST]
                start = perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    mean, sd = MODELS[name](features[labelled], table.values[labelled], features[others], seed)
                found = assess(mean, sd, table.values[others])
                rows.append((found.mae, found.crps, found.coverage_90, perf_counter() - start))
            mae, crps, coverage, seconds = (list(column) for column in zip(*rows, strict=True))
            print(
                f"{size}: {name}: MAE {interval(mae)}, CRPS {interval(crps)}, coverage {interval(coverage)}, "
                f"{sum(seconds) / len(seconds):.0f} s",
                flush=True,
            )


def ours(kind: str, most: int | None = None, **settings: int) -> Model:
    """A surrogate of the package, given `most` of the labels."""

    def predicted(features: Tensor, values: Tensor, others: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        surrogate = surrogates.build(kind, 1, 1, reference=features[:1000], **settings)
        known = slice(most)
        surrogate.fit(features[known], torch.zeros(len(features[known])), values[known, None])
        found = surrogate.predict(others)
        return found.mean[:, 0], found.sd[:, 0]

    return predicted


class Variational(gpytorch.models.ApproximateGP):
    """Matern-5/2 with a lengthscale a coordinate, over `n x d` outputs of a network."""

    def __init__(self, network: nn.Module, inducing: Tensor) -> None:
        distribution = gpytorch.variational.CholeskyVariationalDistribution(len(inducing))
        super().__init__(gpytorch.variational.VariationalStrategy(self, inducing, distribution))
        self.network = network
        self.mean_module = gpytorch.means.ConstantMean()
        matern = gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=inducing.shape[1])
        self.covar_module = gpytorch.kernels.ScaleKernel(matern)

    def forward(self, points: Tensor) -> gpytorch.distributions.MultivariateNormal:
        """The prior at `n x d` points."""
        return gpytorch.distributions.MultivariateNormal(self.mean_module(points), self.covar_module(points))


def minibatched(deep: bool, epochs: int) -> Model:
    """GPyTorch's, on the projection or on a network's output."""

    def predicted(features: Tensor, values: Tensor, others: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(seed)
        if deep:
            scale = features.std(dim=0).clamp_min(1e-9)
            inputs, new = (((f - features.mean(dim=0)) / scale).clamp(-5, 5).float() for f in (features, others))
            width = inputs.shape[1]
            network: nn.Module = nn.Sequential(
                nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 16), nn.BatchNorm1d(16)
            )
        else:
            projection = Projection.fit(features[:1000], 24)
            inputs, new = projection(features).float(), projection(others).float()
            network = nn.Identity()
        centre, spread = values.mean(), values.std()
        targets = ((values - centre) / spread).float()
        model = Variational(network, network(inputs[: max(BATCH, N_INDUCING)])[:N_INDUCING].detach())
        likelihood = gpytorch.likelihoods.GaussianLikelihood()
        objective = gpytorch.mlls.VariationalELBO(likelihood, model, len(inputs))
        parameters = [*model.parameters(), *likelihood.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        for _ in range(epochs):
            for rows in torch.randperm(len(inputs)).split(BATCH):
                if len(rows) < 2:
                    continue
                optimiser.zero_grad()
                (-objective(model(network(inputs[rows])), targets[rows])).backward()
                optimiser.step()
            schedule.step()
        model.eval()
        likelihood.eval()
        with torch.no_grad():
            found = likelihood(model(network(new)))
        return found.mean.double() * spread + centre, found.stddev.double() * spread

    return predicted


MODELS: dict[str, Model] = {
    "exact": ours("multi_fidelity_gp", most=MOST_EXACT),
    "512 inducing points": ours("variational_gp", n_inducing=512),
    "1024 inducing points": ours("variational_gp", n_inducing=1024),
    "2000 inducing points": ours("variational_gp", n_inducing=2000),
    "minibatched": minibatched(deep=False, epochs=60),
    "deep kernel": minibatched(deep=True, epochs=60),
}


if __name__ == "__main__":
    main()
