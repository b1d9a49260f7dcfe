"""Who looks for it: a method is what it changes of a campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

SURROGATE_FREE = {"kind": "random"}
"""The acquisition that evaluates proposals as they come, at the target."""


@dataclass(frozen=True)
class Method:
    """A named set of changes of a campaign file.

    Attributes:
        name: what it is called.
        about: what it does, for a reader.
        changes: section of the campaign file to keys that replace the file's. Another proposer than the file's takes
            none of its settings.
        target_only: the ladder is cut to the target.
        batch: evaluations a round, of a method whom larger rounds do not harm; None leaves the file's.
    """

    name: str
    about: str
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    target_only: bool = False
    batch: int | None = None

    def applied(self, content: Mapping[str, Any], seed: int, budget: float | None) -> dict[str, Any]:
        """A campaign file's content, changed, with a seed, and another budget if one is given."""
        changed = {**deepcopy(dict(content)), "seed": seed}
        for section, keys in self.changes.items():
            given = changed.get(section) or {}
            if section == "proposer" and keys.get("kind") != given.get("kind", "gflownet"):
                given = {}
            changed[section] = {**given, **keys}
        if self.batch is not None:
            changed["acquisition"] = {**changed.get("acquisition", {}), "batch_size": self.batch}
        if self.target_only:
            changed["fidelities"] = changed["fidelities"][-1:]
        if budget is not None:
            changed["budget"] = {"cost": budget}  # the bound on rounds is for those that take time to choose
        return changed


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gfnmat", "the campaign file as it stands"),
        Method(
            "random",
            "random members of the space, at the target",
            {"proposer": {"kind": "random"}, "acquisition": SURROGATE_FREE},
            target_only=True,
            batch=500,
        ),
        Method(
            "evolutionary",
            "a genetic algorithm without surrogate, at the target",
            {"proposer": {"kind": "evolutionary"}, "acquisition": SURROGATE_FREE},
            target_only=True,
            batch=20,
        ),
        Method(
            "pool",
            "surrogate and acquisition over all members, without a sampler",
            {"proposer": {"kind": "pool", "pool": 20_000}},
        ),
        Method("random_pool", "surrogate and acquisition over random members", {"proposer": {"kind": "random"}}),
        Method(
            "evolutionary_pool",
            "surrogate and acquisition over what evolves under the reward",
            {"proposer": {"kind": "evolutionary"}},
        ),
        Method("with_prior", "what known materials say tilts the sampler", {"proposer": {"prior": "default"}}),
        Method("single_fidelity", "the ladder cut to the target", target_only=True),
        Method(
            "random_fidelity",
            "candidates chosen as ever, each at a rung drawn at random",
            {"acquisition": {"fidelity": "random"}},
        ),
        Method(
            "gflownet_without_surrogate",
            "the sampler learns from measurements alone, at the target",
            {"surrogate": {"kind": "none"}, "acquisition": SURROGATE_FREE},
            target_only=True,
        ),
    )
}


def methods_named(names: list[str]) -> list[Method]:
    """The methods of these names.

    Raises:
        ValueError: one is not known.
    """
    if unknown := [name for name in names if name not in METHODS]:
        raise ValueError(f"method {unknown[0]!r} is not known; allowed are {', '.join(METHODS)}.")
    return [METHODS[name] for name in names]
