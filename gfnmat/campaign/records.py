"""The values that a campaign keeps: suggestions, measurements, and what each round did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pymatgen.core import Structure

Status = Literal["done", "infeasible", "retryable", "withdrawn"]
STATUSES: tuple[Status, ...] = ("done", "infeasible", "retryable", "withdrawn")
Origin = Literal["loop", "laboratory", "asked", "imported"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate picked for evaluation at a fidelity, before it has a number.

    Attributes:
        key: what tells the candidate from all others; see `Candidates.keys`.
        formula: its reduced formula; the key of a composition.
        rung: position of the fidelity on the ladder.
        cost: what the evaluation costs.
        means, sds: predictions at the target fidelity by property; empty where nothing was known yet.
        why: the reason for the choice, for a person.
        replicate: which measurement of this candidate at this rung it is, from 0.
        space_group: symbol of a crystal's space group; None for a composition.
        structure: a crystal as it is proposed; None for a composition, and for a choice that was read from a store,
            which gives structures when they are asked for.
    """

    key: str
    formula: str
    rung: int
    cost: float
    means: Mapping[str, float]
    sds: Mapping[str, float]
    why: str
    space_group: str | None = None
    structure: Structure | None = None
    replicate: int = 0

    @property
    def material(self) -> str:
        """The material for a person: the formula, and the space group of a crystal."""
        return self.formula if self.space_group is None else f"{self.formula} {self.space_group}"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A choice that was issued: it has a number and its cost is reserved.

    Attributes:
        id: its number in the store.
        choice: what was picked.
        round: the round in which it was issued, from 0.
        origin: `loop`: issued by the loop, which evaluates it; `laboratory`: issued by the loop, for a person;
            `asked`: a person asked for it, to whom the loop leaves it; `imported`: issued with its answer, which nobody
            had asked for.
        attempts: evaluations tried so far.
        batch: which issue it came with, from 1.
    """

    id: int
    choice: Choice
    round: int
    origin: Origin = "loop"
    attempts: int = 0
    batch: int = 0

    @property
    def asked(self) -> bool:
        """Whether the loop does not wait for it: a person asked for it, or told it unasked."""
        return self.origin in ("asked", "imported")

    @property
    def is_by_hand(self) -> bool:
        """Whether a person answers."""
        return self.origin != "loop"


@dataclass(frozen=True, slots=True)
class Replicate:
    """One of several measurements of the same: of the candidate of a suggestion, at its rung.

    Attributes:
        of: number of the suggestion, or of any other one of the same pair.
        number: which measurement of the pair it is, from 0.
    """

    of: int
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a suggestion.

    Attributes:
        status: `done`; `infeasible` (the material's fault); `retryable` (the machine's fault); `withdrawn`.
        values: property to number, in the property's unit.
        errors: property to standard error.
        structure: the structure that was judged, where there is one.
        seconds: time spent.
        error: what went wrong.
        duplicate_of: number of an earlier suggestion, which gave the same structure at the target.
        provenance: by what it was computed (see `oracles.Evaluation`); empty for what a person told.
    """

    status: Status
    values: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    structure: Structure | None = None
    seconds: float = 0.0
    error: str | None = None
    duplicate_of: int | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """An answer together with the suggestion it answers."""

    suggestion: Suggestion
    answer: Answer


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of results that nobody had asked for.

    Attributes:
        new: how many were.
        left_out: why others were not kept, a sentence each.
    """

    new: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a campaign may spend, as it stands when something is issued.

    Attributes:
        cost: most that may be reserved and spent; None sets no bound.
        rounds: most rounds; None sets no bound.
    """

    cost: float | None = None
    rounds: int | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Trust:
    """How good the surrogate was for one property at one fidelity: each measurement predicted from all others.

    Attributes:
        property: its name.
        fidelity: its name.
        n: measurements.
        mae: mean absolute error, in the property's unit.
        crps: mean continuous ranked probability score, in the property's unit.
        coverage: share of the measurements inside their 90 % interval.
        rank_correlation: Spearman's, of predictions with measurements; None where either does not vary.
    """

    property: str
    fidelity: str
    n: int
    mae: float
    crps: float
    coverage: float
    rank_correlation: float | None


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """What the loop did before a round's evaluations.

    Attributes:
        round: its number, from 0.
        seconds: time spent on learning, proposing and selecting.
        pool: distinct candidates the selection chose from.
        distinct: share of the proposer's draws that were distinct.
        loss: the sampler's mean loss over its last steps; None if it was not trained.
        log_z: the sampler's estimate of log Z; None if it was not trained.
        sampler_correlation, gap_variance, effective_share: how close the sampler is to the reward, see
            `gfnmat.flow.diagnosis.Diagnosis`; None if it was not trained.
        coverage: share of the measurements at the target inside the surrogate's 90 % interval when left out, mean
            over the properties; None without a surrogate.
        rank_correlation: Spearman's, of the same predictions with the measurements.
        acquisition: the kind of acquisition that picked, and why this kind.
        trust: the same and more by property and fidelity; empty without a surrogate.
    """

    round: int
    seconds: float
    pool: int
    distinct: float
    loss: float | None = None
    log_z: float | None = None
    sampler_correlation: float | None = None
    gap_variance: float | None = None
    effective_share: float | None = None
    coverage: float | None = None
    rank_correlation: float | None = None
    acquisition: str = ""
    trust: tuple[Trust, ...] = ()
