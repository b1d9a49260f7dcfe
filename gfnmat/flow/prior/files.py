"""The files that priors are kept in: plain tensors and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FILE_FORMAT = 1
DATA = Path(__file__).parent / "data"


def write(kept: dict[str, Any], path: str | Path) -> None:
    """Writes what a prior keeps, into a folder that is made if need be."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.save({"format": FILE_FORMAT, **kept}, path)


def read(path: str | Path, device: torch.device | str) -> dict[str, Any]:
    """What `write` wrote.

    Raises:
        ValueError: there is no such file, or it is not a prior's.
    """
    if not Path(path).exists():
        raise ValueError(f"there is no prior {path}; give 'default', or a file that `gfnmat prior train` wrote.")
    try:
        kept = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} is not a prior: {error}") from None
    if not isinstance(kept, dict) or kept.get("format") != FILE_FORMAT or "provenance" not in kept:
        raise ValueError(f"{path} is not a prior of format {FILE_FORMAT}; train it again with this version.")
    return kept


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as float16, which is enough for a prior."""
    return {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}


def restored(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What was `halved`, as float32."""
    return {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
