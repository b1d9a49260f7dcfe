"""Whether an oracle, a user's own function too, keeps what the loop relies on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.doctor import Finding

if TYPE_CHECKING:
    from oracles import Oracle

NOISE = "the same question has the same answer"
NOISY = (NOISE, "a bad material costs no other", "the order of a batch does not matter")
"""What a noisy oracle cannot keep: each compares numbers."""


def check_oracle(name: str, properties: Sequence[str], folder: Path) -> list[Finding]:
    """Runs an oracle through the contract.

    Args:
        name: `module:name` of a function, or the name of an oracle, which is built with its default settings.
        properties: what the function answers; empty for whatever it returns.
        folder: where the function's module is looked for.

    Raises:
        ValueError: no such oracle or function, or a function that returns no property.
    """
    import oracles
    from oracles.probes import probes, verdicts

    materials = probes()
    if ":" not in name:
        oracle = oracles.build(name)
    else:
        settings: dict[str, Any] = {"function": name, "path": folder}
        answered = tuple(properties) or _returned(oracles.build("python", properties=("?",), **settings), materials)
        oracle = oracles.build("python", properties=answered, **settings)
    found = verdicts(oracle, materials)
    is_noisy = any(verdict.name == NOISE and verdict.broken for verdict in found)
    findings = [Finding("oracle", name, True, True, f"answers {', '.join(oracle.properties)}")]
    for verdict in found:
        excused = is_noisy and verdict.name in NOISY
        note = f"{verdict.promise} Broken: {verdict.broken}." if verdict.broken else verdict.promise
        if verdict.broken and excused:
            note += " If that is noise, it does no harm: let its rung say `replicates`."
        findings.append(Finding("contract", verdict.name, verdict.broken is None, not excused, note))
    return findings


def _returned(oracle: Oracle, materials: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in the first dict that the function returns."""
    failures = []
    for called, material in materials.items():
        try:
            (answer,) = oracle.function([material])  # type: ignore[attr-defined]
        except Exception as reason:
            failures.append(f"{called}: {type(reason).__name__}: {reason}")
            continue
        if isinstance(answer, Mapping) and answer:
            return tuple(map(str, answer))
        failures.append(f"{called}: {answer!r}")
    raise ValueError(f"the function answers none of these materials: {'; '.join(failures)}.")
