"""How many threads small tensors get.

Work on small blocks is no faster on several threads than on one, and where cores are shared several stall: with both
of two cores busy, 5,000 predictions from 300 observations took 3.4 s on two threads and 0.2 s on one.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

# From this many observations on, factorisations gain from several threads.
_LARGE = 1000


@contextmanager
def on_threads(number: int) -> Iterator[None]:
    """Run a block on so many threads; torch's number of threads is put back after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Run a block on one thread."""
    return on_threads(1)


def threads_for(n_observations: int) -> AbstractContextManager[None]:
    """Run a block of a Gaussian process on one thread, unless its matrices are large."""
    return nullcontext() if n_observations > _LARGE else one_thread()
