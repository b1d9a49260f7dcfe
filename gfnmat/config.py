"""What a campaign file may say."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from gfnmat.execution_config import ExecutionConfig
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem, Value

LONGEST_NAME = 200
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
        optimism: standard deviations that the optimistic prediction lies above the mean.
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
    optimism: float = Field(default=1.0, ge=0, le=10)
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
        if self.reward == "expected_improvement" and self.optimism != type(self).model_fields["optimism"].default:
            raise ValueError("optimism goes with reward: upper_confidence_bound; an expectation takes none")
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

    name: str = Field(default="campaign", pattern=r"^[\w][\w .-]*$", max_length=LONGEST_NAME)
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
    execution: ExecutionConfig = ExecutionConfig()
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

    @model_validator(mode="after")
    def _executors_are_of_fidelities(self) -> Self:
        oracles = {fidelity.name: fidelity.oracle for fidelity in self.fidelities}
        for name in self.execution.executors:
            if name not in oracles:
                nearest = get_close_matches(name, list(oracles), n=1)
                hint = f"; did you mean {nearest[0]}?" if nearest else ""
                raise ValueError(
                    f"execution: executors: {name!r} is no fidelity; allowed are {', '.join(oracles)}{hint}"
                )
            if oracles[name] == "laboratory":
                raise ValueError(f"execution: executors: at {name} a person answers; leave its executor out")
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
        path = str(self.output_folder / "campaign.db").replace("%", "%25").replace("?", "%3F")
        return self.store or f"sqlite:///{path}"


def _name_of(thing: Any) -> str:
    """What stands for a user's function or data frame where only plain values can be kept."""
    return f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', type(thing).__name__)}"
