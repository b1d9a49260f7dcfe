"""Torch's exceptions for faults of the machine, told from those for faults of the input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oracles.evaluation import UnavailableError

DEVICE_WORDS = ("CUDA", "CUBLAS", "cuDNN", "HIP error", "MPS backend")
"""Words in the `RuntimeError` of a device or its libraries, which torch has no type for."""


@contextmanager
def machine_faults() -> Iterator[None]:
    """Raise torch's faults of the machine as such: `MemoryError`, or `UnavailableError` for a device that fails."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as reason:
        raise MemoryError(str(reason)) from reason
    except RuntimeError as reason:
        if "DefaultCPUAllocator" in str(reason) or "out of memory" in str(reason):
            raise MemoryError(str(reason)) from reason
        if isinstance(reason, torch.AcceleratorError) or any(word in str(reason) for word in DEVICE_WORDS):
            raise UnavailableError(f"the device failed: {reason}") from reason
        raise


def require_device(device: str) -> None:
    """Raise ValueError unless torch can compute on `device`: "cpu", "cuda", "cuda:1" or "mps"."""
    kind, separator, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (separator and not index.isdecimal()):
        raise ValueError(f"unknown device {device!r}; there are: cpu, cuda (also as cuda:1) and mps")
    if kind == "cpu":
        return  # without importing torch, which takes seconds
    import torch

    number = torch.cuda.device_count() if kind == "cuda" else int(torch.backends.mps.is_available())
    if number == 0:
        raise ValueError(f"device {device} is not on this machine; use cpu")
    if int(index or 0) >= number:
        raise ValueError(f"device {device} is not on this machine, which has {kind}:0 to {kind}:{number - 1}")
