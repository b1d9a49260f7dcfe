"""The campaign file: read, validated, and every error with its line, what is allowed, and the nearest word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem, Value

IDENTITY = ("seed", "space", "objectives", "constraints", "fidelities")


class ConfigError(ValueError):
    """A campaign file that cannot be used; the message is for the user."""


class SpaceConfig(Value):
    """What may be built, whatever its kind."""

    kind: str
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What the space is built with."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


class TableConfig(SpaceConfig):
    """The formulas of a table; see `gfnmat.TableSpace` for the meaning of each field.

    Attributes:
        path: a CSV file, which is looked for beside the campaign file.
        frame: in Python, a data frame instead.
    """

    kind: Literal["table"]
    path: str | None = None
    frame: Any = None
    key: str = "formula"
    n_elements: tuple[int, int] | None = None
    n_atoms: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _says_which_table(self) -> Self:
        if (self.path is None) == (self.frame is None):
            raise ValueError("path is required: a CSV file; in Python, a data frame may be given instead, as `frame`")
        return self


class ElementsConfig(SpaceConfig):
    """What may be built from elements."""

    elements: tuple[str, ...] = ()
    n_elements: tuple[int, int] = (2, 3)
    n_atoms: tuple[int, int] = (2, 12)
    chemistry: Literal["ionic", "any"] = "ionic"
    consensus: int = 3
    commonality: Literal["low", "medium", "high", "main"] | Annotated[float, Field(ge=0, le=100)] = "low"


class DopingConfig(Value):
    """A host in which some atoms of one element are replaced; see `gfnmat.space.composition.patterns.Doping`."""

    host: str
    replace: str
    by: tuple[str, ...] = Field(min_length=1)
    up_to: float = Field(gt=0, lt=1)


class CompositionConfig(ElementsConfig):
    """Which compositions may be built; see `gfnmat.CompositionSpace` for the meaning of each field."""

    kind: Literal["composition"] = "composition"
    fix: str | DopingConfig | None = None

    @model_validator(mode="after")
    def _says_what_to_build_from(self) -> Self:
        if not self.elements and self.fix is None:
            raise ValueError(
                "elements is required and missing; name those to build from, or `fix` a part of the formula"
            )
        return self


class CrystalConfig(ElementsConfig):
    """Which crystals may be built; see `gfnmat.CrystalSpace` for the meaning of each field.

    Attributes:
        prototype: a name, or a file, which is looked for beside the campaign file.
    """

    kind: Literal["crystal"]
    formula: str | None = None
    prototype: str | None = None
    space_groups: tuple[int | str, ...] = ()
    crystal_systems: tuple[str, ...] = ()
    point_groups: tuple[Annotated[str, Field(coerce_numbers_to_str=True)], ...] = ()  # YAML reads 222 as a number
    centrings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_what_to_build_from(self) -> Self:
        if not self.elements and self.formula is None:
            raise ValueError("elements is required and missing; name those to build from, or one formula")
        return self


SPACES: dict[str, type[SpaceConfig]] = {
    "composition": CompositionConfig,
    "crystal": CrystalConfig,
    "table": TableConfig,
}


def _kind(space: Any) -> str | None:
    """The kind of a space as it was given; None for one that is not known."""
    kind = space.get("kind", "composition") if isinstance(space, Mapping) else getattr(space, "kind", "composition")
    return kind if isinstance(kind, str) and kind in SPACES else None


class ProposerConfig(Value):
    """What proposes candidates.

    Attributes:
        kind: `gflownet`; `random`: random sentences of the grammar; `evolutionary`: a genetic algorithm; or `pool`:
            what a file lists.
        pool: candidates proposed to the selection in each round.
        trajectories: sentences the GFlowNet is trained on in each round.
        reward: what the sampler is trained on: the optimistic prediction of the objectives, or the log of their
            expected improvement on what was measured (of several: of the hypervolume).
        sharpness: how much the sampler prefers good candidates: the log reward spans this much from the median to the
            best of what was measured (for expected improvement, of what was measured and of random candidates).
        prior: what known materials say: `default`, or a prior's file, which is looked for beside the campaign file.
        device: where the sampler lives, for example `cpu` or `cuda`.
        population, mutation, tournament: see `gfnmat.proposers.evolutionary.EvolutionaryProposer`.
        path: for `pool`, a CSV file with a column `formula` or a folder of CIF files, which is looked for beside the
            campaign file; in a table space the default is the table.
    """

    kind: Literal["gflownet", "random", "evolutionary", "pool"] = "gflownet"
    pool: int = Field(default=1000, ge=1)
    trajectories: int = Field(default=8000, ge=1)
    sharpness: float = Field(default=10.0, gt=0)
    reward: Literal["upper_confidence_bound", "expected_improvement"] = "upper_confidence_bound"
    prior: str | None = None
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?|mps|xpu)$")
    population: int = Field(default=30, ge=2)
    mutation: float = Field(default=0.5, ge=0, le=1)
    tournament: int = Field(default=3, ge=1)
    path: str | None = None

    @model_validator(mode="after")
    def _settings_go_with_the_kind(self) -> Self:
        for name, kind in _GOES_WITH.items():
            if self.kind != kind and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} goes with kind: {kind}, and this is kind: {self.kind}")
        return self


_GOES_WITH = {"population": "evolutionary", "mutation": "evolutionary", "tournament": "evolutionary", "path": "pool"}


class SurrogateConfig(Value):
    """What is learned from the measurements.

    Attributes:
        kind: see `surrogates.build`; `none`: the proposer follows what was measured at the target.
    """

    kind: Literal["auto", "multi_fidelity_gp", "variational_gp", "deep_kernel", "none"] = "auto"


class AcquisitionConfig(Value):
    """What picks candidates and fidelities.

    Attributes:
        kind: `improvement` (noisy expected improvement, of the hypervolume for several objectives), `entropy_search`,
            `knowledge_gradient` (both for one objective to minimize or maximize), `auto` (what suits the problem), or
            `random`: candidates of the pool at the target fidelity, without a surrogate.
        batch_size: evaluations picked in each round.
        fidelity: `auto`, by what each rung tells and costs; `target` alone; or `random`, each pick at a random rung.
        deadline: seconds after which a selection ends with what it has, one pick at least; None waits.
    """

    kind: Literal["auto", "improvement", "entropy_search", "knowledge_gradient", "random"] = "auto"
    batch_size: int = Field(default=8, ge=1)
    fidelity: Literal["auto", "target", "random"] = "auto"
    deadline: float | None = Field(default=None, gt=0)


class CampaignConfig(Value):
    """A campaign as its file describes it.

    Attributes:
        folder: where the file lies: relative paths and a user's own modules are looked for there.
    """

    name: str = Field(default="campaign", pattern=r"^[\w][\w .-]*$")
    seed: int = Field(default=0, ge=0)
    space: Annotated[
        Annotated[CompositionConfig, Tag("composition")]
        | Annotated[CrystalConfig, Tag("crystal")]
        | Annotated[TableConfig, Tag("table")],
        Discriminator(_kind),
    ]
    objectives: tuple[Objective, ...] = Field(min_length=1)
    constraints: tuple[Constraint, ...] = ()
    fidelities: tuple[Fidelity, ...] = Field(min_length=1)
    proposer: ProposerConfig = ProposerConfig()
    surrogate: SurrogateConfig = SurrogateConfig()
    acquisition: AcquisitionConfig = AcquisitionConfig()
    budget: Budget
    store: str | None = None
    output: str | None = None
    folder: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _is_a_problem(self) -> Self:
        problem, kind = self.problem, self.acquisition.kind
        repeated = [fidelity.name for fidelity in self.fidelities if fidelity.replicates > 1]
        if repeated and (kind == "random" or self.surrogate.kind == "none"):
            raise ValueError(
                f"fidelities: replicates of {', '.join(repeated)} are chosen by a surrogate that learns the noise, and "
                "here none does; leave them at 1, or choose another surrogate and acquisition"
            )
        if self.surrogate.kind == "none" and kind not in ("auto", "random"):
            raise ValueError(f"acquisition: {kind} asks a surrogate, and surrogate is none; choose random, or auto")
        if kind in ("entropy_search", "knowledge_gradient") and not problem.is_scalar:
            wanted = "one objective to minimize or maximize"
            has = problem.goals_in_words
            raise ValueError(f"acquisition: {kind} is for {wanted}, and here {has}; choose improvement, or auto")
        return self

    @property
    def problem(self) -> Problem:
        """Objectives, constraints, ladder and budget."""
        return Problem(
            objectives=self.objectives,
            constraints=self.constraints,
            fidelities=self.fidelities,
            budget=self.budget,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this campaign and no other: a store is of one identity. All else may change on the way."""
        identity = self.model_dump(mode="json", include=set(IDENTITY), fallback=_name_of)
        for fidelity in identity["fidelities"]:
            del fidelity["replicates"]
        return identity

    @property
    def kept(self) -> dict[str, Any]:
        """All of it as plain values, for the record."""
        return self.model_dump(mode="json", fallback=_name_of)

    @property
    def output_folder(self) -> Path:
        """Where reports and exports go: `output`, or `runs/NAME`."""
        return Path(self.output) if self.output else Path("runs") / self.name

    @property
    def store_url(self) -> str:
        """Where the campaign lives: `store`, or a SQLite file in the output folder."""
        return self.store or f"sqlite:///{self.output_folder / 'campaign.db'}"


def _name_of(thing: Any) -> str:
    """What stands for a user's function or data frame where only plain values can be kept."""
    return f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', type(thing).__name__)}"


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
    content = {"name": re.sub(r"[^\w .-]", "-", path.stem), **document}
    return _validated(content, str(path), lines=document, folder=path.parent)


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
    location = [part for part in fault["loc"] if isinstance(part, int) or _is_key(part)]
    model = _model(location)
    if location[:1] == ["space"] and len(location) > 1 and location[1] in SPACES:
        del location[1]  # pydantic names the kind, which is no key of the file
    if fault["type"] == "union_tag_not_found":
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
        return _wrong_word(prefix, given["kind"], list(SPACES))
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
    kinds = [kind for kind, model in SPACES.items() if location[0] == "space" and location[-1] in model.model_fields]
    return f"; it goes with kind: {kinds[0]}" if kinds else ""


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


_PARTS: dict[str, type[Value]] = {
    "objectives": Objective,
    "constraints": Constraint,
    "fidelities": Fidelity,
    "proposer": ProposerConfig,
    "surrogate": SurrogateConfig,
    "acquisition": AcquisitionConfig,
    "budget": Budget,
}


def _model(location: Sequence[str | int]) -> type[Value]:
    """The model that the last part of a location is a field of."""
    if len(location) < 2:
        return CampaignConfig
    if location[0] == "space":
        return SPACES.get(str(location[1]), SpaceConfig)
    return _PARTS.get(str(location[0]), CampaignConfig)
