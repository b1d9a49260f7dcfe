"""A campaign file is read and validated; every error has its line, what is allowed, and the nearest word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gfnmat.config import (
    LONGEST_NAME,
    SPACES,
    AcquisitionConfig,
    CampaignConfig,
    ConfigError,
    ProposerConfig,
    SpaceConfig,
    SurrogateConfig,
)
from gfnmat.execution_config import EXECUTORS, ExecutionConfig, ExecutorConfig
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Value


def load(source: str | Path | Mapping[str, Any]) -> CampaignConfig:
    """Reads a campaign file, or takes its content as a mapping.

    Raises:
        ConfigError: the file is missing, is no YAML, or does not describe a campaign; every fault is named.
    """
    if isinstance(source, Mapping):
        return _validated(dict(source), "campaign", lines=None, folder=Path())
    path = Path(source)
    try:
        document = YAML().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); `gfnmat init {path}` writes a new one."
        ) from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{path}: {line}this is not YAML: {error.problem}.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not a text file in UTF-8: {str(error).splitlines()[0]}.") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path}: holds no campaign; `gfnmat init` writes an example.")
    content = {"name": _name_of(path), **document}
    return _validated(content, str(path), lines=document, folder=path.parent)


def _name_of(path: Path) -> str:
    """A campaign's name by that of its file, of such letters as it may have."""
    return re.sub(r"[^\w .-]", "-", path.stem).lstrip(" .-")[:LONGEST_NAME] or "campaign"


def _validated(content: dict[str, Any], where: str, lines: Any, folder: Path) -> CampaignConfig:
    try:
        return CampaignConfig.model_validate({**_plain(content), "folder": folder})
    except ValidationError as error:
        # a list with a faulty item is also reported as too short
        reported = [f for f in error.errors() if not (f["type"] == "too_short" and f["input"])]
        faults = [_fault(fault, lines) for fault in reported]
        raise ConfigError("\n".join(f"{where}: {fault}" for fault in dict.fromkeys(faults))) from None


def _plain(value: Any) -> Any:
    """The same content without the YAML reader's own types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _fault(fault: Any, lines: Any) -> str:
    location = _location(fault["loc"])
    model = _model(location)
    for where, models in _KINDS:
        if _is_in(location, where) and len(location) > len(where) and location[len(where)] in models:
            del location[len(where)]  # pydantic names the kind, which is no key of the file
    if fault["type"] == "union_tag_not_found" and isinstance(fault["input"], Mapping):
        location.append("kind")
    line = _line(location, lines)
    place = ".".join(str(part) for part in location) or "campaign"
    prefix = f"line {line}: {place}" if line else place
    if fault["type"] == "extra_forbidden":
        allowed = [name for name in model.model_fields if name != "folder"]
        hint = _meant(location[-1], allowed) or _kind_that_has(location)
        return f"{prefix} is not a key here; allowed are {', '.join(allowed)}{hint}"
    if fault["type"] == "missing":
        return f"{prefix} is required and missing"
    given = fault.get("input")
    if fault["type"] == "literal_error":
        return _wrong_word(prefix, given, re.findall(r"'([^']+)'", fault["ctx"]["expected"]))
    if fault["type"] == "union_tag_not_found":
        kinds = list(next(models for where, models in _KINDS if _is_in(location, where)))
        if not isinstance(given, Mapping):
            of_what = "each fidelity's executor has" if location[:2] == ["execution", "executors"] else "it has"
            return f"{prefix} is {given!r}; {of_what} a kind and its settings, such as {{kind: {kinds[0]}}}"
        if "kind" not in given:
            slip = next(iter(get_close_matches("kind", [str(key) for key in given], n=1)), None)
            hint = f"; {slip} is not a key here; did you mean kind?" if slip else ""
            return f"{prefix} is required and missing; allowed are {', '.join(kinds)}{hint}"
        return _wrong_word(prefix, given["kind"], kinds)
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if isinstance(given, (Mapping, list, tuple)) or given is None or isinstance(given, Value):
        return f"{prefix}: {message}"
    return f"{prefix} is {given!r}: {message[0].lower()}{message[1:]}"


def _wrong_word(prefix: str, given: Any, words: Sequence[str]) -> str:
    return f"{prefix} is {given!r}; allowed are {', '.join(words)}{_meant(given, words, cutoff=0.5)}"


def _meant(given: Any, words: Sequence[str], cutoff: float = 0.6) -> str:
    nearest = get_close_matches(str(given), words, n=1, cutoff=cutoff)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _kind_that_has(location: Sequence[str | int]) -> str:
    for place, models in _KINDS:
        if _is_in(location, place):
            kinds = [kind for kind, model in models.items() if location[-1] in model.model_fields]
            return f"; it goes with kind: {kinds[0]}" if kinds else ""
    return ""


def _location(parts: Sequence[str | int]) -> list[str | int]:
    """The keys of the file, without the words that pydantic puts between them; a fidelity's name may be any."""
    of_executor = list(parts[:2]) == ["execution", "executors"]
    kept = [part for i, part in enumerate(parts) if isinstance(part, int) or _is_key(part) or (of_executor and i == 2)]
    return kept[:3] if kept[3:] == ["[key]"] else kept


def _is_in(location: Sequence[str | int], place: Sequence[str | None]) -> bool:
    """Whether a location is at a place or within it; None in a place stands for any name."""
    return len(location) >= len(place) and all(
        wanted in (None, part) for part, wanted in zip(location, place, strict=False)
    )


def _is_key(part: Any) -> bool:
    return isinstance(part, str) and re.fullmatch(r"[A-Za-z_]\w*", part) is not None and "[" not in part


def _line(location: Sequence[str | int], lines: Any) -> int | None:
    """The line (from 1) on which the deepest known part of the location stands."""
    node: Any = lines
    line = None
    for part in location:
        position = getattr(node, "lc", None)  # where the YAML reader saw each key and item
        if position is None:
            break
        try:
            line = (position.item(part) if isinstance(part, int) else position.key(part))[0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


_KINDS: tuple[tuple[tuple[str | None, ...], Mapping[str, type[Value]]], ...] = (
    (("space",), SPACES),
    (("execution", "executors", None), EXECUTORS),
)
"""Places where a `kind` says which keys there are."""

_PARTS: dict[str, type[Value]] = {
    "objectives": Objective,
    "constraints": Constraint,
    "fidelities": Fidelity,
    "proposer": ProposerConfig,
    "surrogate": SurrogateConfig,
    "acquisition": AcquisitionConfig,
    "execution": ExecutionConfig,
    "budget": Budget,
}


def _model(location: Sequence[str | int]) -> type[Value]:
    """The model that the last part of a location is a field of."""
    if len(location) < 2:
        return CampaignConfig
    if location[0] == "space":
        return SPACES.get(str(location[1]), SpaceConfig)
    if _is_in(location, ("execution", "executors", None)):
        return EXECUTORS.get(str(location[3]), ExecutorConfig) if len(location) > 3 else ExecutionConfig
    return _PARTS.get(str(location[0]), CampaignConfig)
