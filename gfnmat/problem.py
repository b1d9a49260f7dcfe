"""What a campaign is about: objectives, constraints, the ladder of fidelities, the budget."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oracles import property_named


class Value(BaseModel):
    """A frozen value that admits no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Objective(Value):
    """A property with a goal.

    Attributes:
        property: name of the property.
        goal: `minimize`, `maximize`, or `target`: as near to `window` as possible, best inside.
        window: smallest and largest wanted value, in the property's unit; for `target` only.
    """

    property: str
    goal: Literal["minimize", "maximize", "target"]
    window: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _window_belongs_to_target(self) -> Self:
        if (self.goal == "target") != (self.window is not None):
            raise ValueError("a window goes with the goal target, and only with it")
        if self.window is not None:
            if not self.window[0] <= self.window[1]:
                raise ValueError(f"the window {list(self.window)} must ascend")
            _require_possible(self.property, f"the window {list(self.window)}", *self.window)
        return self


class Constraint(Value):
    """A property with a bound that a result must meet.

    Attributes:
        property: name of the property.
        min, max: smallest and largest value allowed, in the property's unit; at least one of them.
    """

    property: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a constraint needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: nothing could meet it")
        bounds = ((word, bound) for word, bound in (("min", self.min), ("max", self.max)) if bound is not None)
        _require_possible(
            self.property, " and ".join(f"{word} {bound:g}" for word, bound in bounds), self.min, self.max
        )
        return self


def _require_possible(name: str, given: str, low: float | None, high: float | None) -> None:
    """Raise ValueError where no value that a real material can have is between these, in the property's unit."""
    known = property_named(name)
    if (low is not None and low > known.upper) or (high is not None and high < known.lower):
        raise ValueError(
            f"{given}: nothing could meet it, for {name} is between {known.lower:g} and {known.upper:g} {known.unit}; "
            "give bounds that some of this range is within"
        )


class Fidelity(Value):
    """A rung of the ladder. What is not named here is a setting of the oracle.

    Attributes:
        name: what the rung is called.
        oracle: which oracle answers.
        cost: what one evaluation costs, in the unit of the budget.
        replicates: most measurements of one candidate here. Noise belongs to a rung, and so does the say whether
            measuring the same again can tell more.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=100)
    oracle: str
    cost: float = Field(gt=0)
    replicates: int = Field(default=1, ge=1)

    @property
    def settings(self) -> dict[str, Any]:
        """What the oracle is built with."""
        return dict(self.model_extra or {})


class Budget(Value):
    """What may be spent.

    Attributes:
        cost: sum of the costs of all evaluations.
        rounds: most rounds of proposing, selecting and evaluating; None sets no bound.
    """

    cost: float = Field(gt=0)
    rounds: int | None = Field(default=None, ge=1)


class Problem(Value):
    """Objectives, constraints and ladder, with what follows from them."""

    objectives: tuple[Objective, ...] = Field(min_length=1)
    constraints: tuple[Constraint, ...] = ()
    fidelities: tuple[Fidelity, ...] = Field(min_length=1)
    budget: Budget

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        names = [fidelity.name for fidelity in self.fidelities]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"fidelities: {', '.join(repeated)} named twice; every rung needs a name of its own")
        costs = [fidelity.cost for fidelity in self.fidelities]
        if costs != sorted(costs):
            raise ValueError("fidelities: list the cheapest first; the last one is the target")
        properties = [objective.property for objective in self.objectives]
        if repeated := sorted({name for name in properties if properties.count(name) > 1}):
            raise ValueError(f"objectives: {', '.join(repeated)} named twice; give each property one goal")
        if self.budget.cost < costs[0]:
            raise ValueError(
                f"budget: cost {self.budget.cost:g} does not pay for the cheapest evaluation, "
                f"{names[0]} at {costs[0]:g}; allow at least that"
            )
        if self.budget.cost < costs[-1]:
            raise ValueError(
                f"budget: cost {self.budget.cost:g} does not pay for one evaluation at the target, {names[-1]} at "
                f"{costs[-1]:g}, and only the target's word counts; allow at least that"
            )
        return self

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that decide: the objectives', then the constraints' own."""
        return tuple(dict.fromkeys([o.property for o in self.objectives] + [c.property for c in self.constraints]))

    @property
    def is_scalar(self) -> bool:
        """Whether one property is to be minimized or maximized, and nothing else."""
        return len(self.objectives) == 1 and self.objectives[0].goal != "target"

    @property
    def goals_in_words(self) -> str:
        """The objectives' kind, for a person."""
        if len(self.objectives) > 1:
            return f"there are {len(self.objectives)} objectives"
        wanted = "has a target window" if self.objectives[0].goal == "target" else "is the one objective"
        return f"{self.objectives[0].property} {wanted}"

    @property
    def target(self) -> Fidelity:
        """The rung whose word counts."""
        return self.fidelities[-1]

    @property
    def target_rung(self) -> int:
        """The target's position on the ladder."""
        return len(self.fidelities) - 1

    def rung(self, name: str) -> int:
        """Position of a fidelity on the ladder.

        Raises:
            ValueError: no such fidelity.
        """
        names = [fidelity.name for fidelity in self.fidelities]
        if name not in names:
            raise ValueError(f"fidelity {name!r} is not on the ladder; allowed are {', '.join(names)}.")
        return names.index(name)
