"""What a surrogate promises: the seam between the models and whoever asks them."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from botorch.models import ModelListGP


@dataclass(frozen=True)
class Prediction:
    """What measuring `n` candidates would give, for `m` properties, in the units of the values learned from.

    A measurement is the larger of the floor, where a property has one, and a normal variable.

    Attributes:
        mean: `n x m`, of the normal variable.
        sd: `n x m`, its standard deviation: the uncertainty of the property and the scatter of measurements about it,
            so that it can be held against measurements.
        floor: `m`, the value at which measurements pile up, as band gaps do at 0; minus infinity where they do not.
    """

    mean: Tensor
    sd: Tensor
    floor: Tensor | float = -math.inf

    @property
    def median(self) -> Tensor:
        """`n x m`, the medians of measurements, which have the least mean absolute error."""
        return self.mean.clamp(min=self.floor)


@dataclass(frozen=True)
class LeaveOneOut:
    """Measurements of a property at a rung, each predicted from all other measurements.

    Attributes:
        property: Its column in the values.
        fidelity: The rung.
        mean: `n`, predicted.
        sd: `n`, of a measurement.
        values: `n`, measured.
        floor: What clips predictions from below; see `Prediction`.
    """

    property: int
    fidelity: int
    mean: Tensor
    sd: Tensor
    values: Tensor
    floor: float = -math.inf


@runtime_checkable
class Surrogate(Protocol):
    """A model of several properties at several fidelities.

    Features are `n x d`. Fidelities are rungs `0 .. F-1` of a ladder whose last is the target. A property that no
    measurement answers, at any fidelity, has no known scale: its predictions are NaN, and `model` says so. That
    holds for all properties of a surrogate fitted on nothing.
    """

    def fit(self, features: Tensor, fidelities: Tensor, values: Tensor) -> None:
        """Learn from all measurements; what was learned before is forgotten.

        Args:
            features: `n x d`, finite.
            fidelities: `n`, integers.
            values: `n x m`, NaN where a measurement does not answer a property.

        Raises:
            ValueError: Shapes disagree, a feature or a value is infinite, or a rung is not on the ladder.
        """
        ...

    def predict(self, features: Tensor, fidelity: int | None = None) -> Prediction:
        """Predict measurements of `n x d` candidates at a rung, or at the target."""
        ...

    def correlation(self, features: Tensor, fidelity: int) -> Tensor:
        """How much a candidate's value at a rung tells of its value at the target.

        Returns:
            `n x m` posterior correlations, in [-1, 1], between the noise-free values of the same candidate; 0 for a
            property that no measurement answers at that rung.
        """
        ...

    def leave_one_out(self) -> tuple[LeaveOneOut, ...]:
        """Measurements of a property at a rung, each predicted from all other measurements.

        One entry for each property and rung that was measured, by property and then by rung. What other rungs say of
        the same candidate is among the others; other measurements of it at the same rung are not. A model that cannot
        forget a measurement without learning anew leaves out those that it has kept for this, a fifth at least of the
        rung's or some hundreds.
        """
        ...

    def model(self) -> "ModelListGP":
        """The BoTorch model, one output a property in the units of the values, over the inputs of `transform`.

        Raises:
            RuntimeError: It is not fitted, or no measurement answers some property.
        """
        ...

    def transform(self, features: Tensor, fidelity: int | Tensor | None = None) -> Tensor:
        """The model's inputs: `n x d` features at a rung (or `n` rungs, or the target) to `n x (d' + 1)`.

        The last column is the rung.
        """
        ...
