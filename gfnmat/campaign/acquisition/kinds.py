"""Which kind of acquisition suits a problem."""

from __future__ import annotations

from dataclasses import dataclass

from gfnmat.problem import Problem


@dataclass(frozen=True)
class ChosenKind:
    """A kind of acquisition, and why it is this one, for a person."""

    name: str
    why: str


def choose_kind(asked: str, problem: Problem) -> ChosenKind:
    """The kind that a campaign file asks for, or (`auto`) the one that suits the problem."""
    if asked != "auto":
        return ChosenKind(asked, "the campaign file asks for it")
    if problem.is_scalar:
        return ChosenKind(
            "entropy_search", f"{problem.goals_in_words}, and what is learned of its best counts at any rung"
        )
    return ChosenKind("improvement", f"{problem.goals_in_words}, for which it alone is made")
