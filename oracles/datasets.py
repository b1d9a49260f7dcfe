"""Matminer's data sets, by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load_dataset(name: str) -> pd.DataFrame:
    """Return a data set of matminer, which is downloaded the first time that it is asked for.

    Raises ValueError for a name that matminer does not list, and OSError where the download fails.
    """
    from matminer import datasets

    names = datasets.get_available_datasets(print_format=None)
    if name not in names:
        nearest = get_close_matches(name, names, n=3, cutoff=0.4) or names
        raise ValueError(f"table: matminer has no data set {name!r}; the nearest names are: {', '.join(nearest)}")
    try:
        data: pd.DataFrame = datasets.load_dataset(name)
    except Exception as reason:  # the network fails in many ways
        raise OSError(
            f"table: matminer's data set {name!r} is not on this machine and cannot be downloaded "
            f"({type(reason).__name__}: {reason}); fetch it where there is a network, save it as CSV, and give its "
            "`path`"
        ) from reason
    return data
