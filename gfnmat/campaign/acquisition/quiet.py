"""Numerical notes that are no news."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without two notes of libraries.

    That a little jitter made a covariance positive definite, which is what it is for; and that nothing measured meets
    the constraints, which a campaign's figures show, and where improvement counts from a value below all.
    """
    from botorch.exceptions import BotorchWarning
    from linear_operator.utils.warnings import NumericalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        warnings.filterwarnings("ignore", "When all training points are infeasible", BotorchWarning)
        yield
