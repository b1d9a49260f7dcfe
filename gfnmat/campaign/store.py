"""The seam between a campaign and the place where it lives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gfnmat.campaign.records import Answer, Choice, Measurement, Replicate, RoundRecord, Suggestion

if TYPE_CHECKING:
    from pymatgen.core import Structure


class StoreError(ValueError):
    """A store that cannot be used, or an answer that it must not take; the message is for the user."""


class AlreadyToldError(StoreError):
    """An answer that contradicts the one that is kept."""


class Store(Protocol):
    """What a campaign needs of the place where it lives. Every method that writes returns after the commit.

    Attributes:
        url: where it is, without a password.
    """

    url: str

    def open(
        self, name: str, config: Mapping[str, Any], provenance: Mapping[str, str]
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Name and configuration of the campaign that lives here; None if the first thing kept starts this one."""

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""

    def issue(
        self,
        choices: Sequence[Choice],
        fidelities: Sequence[str],
        record: RoundRecord | None,
        proposer_state: bytes | None,
        round_number: int,
        asked: bool,
    ) -> list[Suggestion]:
        """Gives each choice a number and reserves its cost; with the round's record, in the same transaction.

        A replicate of a pair of key and fidelity that is issued already (and was not withdrawn) is left out.
        """

    def tell(self, answers: Mapping[int | Replicate, Answer], correct: bool = False) -> int:
        """Keeps answers by the suggestion's number, all or none; how many were new.

        A replicate that was not issued is issued with its answer.

        The same answer again is no change. An answer supersedes one that was withdrawn or that no machine could give,
        and one that it only completes, whose structure stands. One that contradicts is refused, unless it is meant to
        `correct`.
        """

    def count_attempt(self, ids: Sequence[int], by: int = 1) -> None:
        """Notes that these suggestions are about to be evaluated once more, or (-1) that they were not after all."""

    def suggestions(self) -> list[Suggestion]:
        """Everything that was issued, in order; the structures are left in the store."""

    def measurements(self) -> list[Measurement]:
        """Everything that came back, in the order of the suggestions; the structures are left in the store."""

    def structures(self, numbers: Collection[int] | None = None) -> dict[int, Structure]:
        """The structures that came back, by the suggestion's number; of all suggestions, or of some."""

    def proposed_structures(self) -> dict[int, Structure]:
        """The structures as they were proposed, by the suggestion's number; none for compositions."""

    def rounds(self) -> list[RoundRecord]:
        """The rounds planned so far, in order."""

    def proposer_state(self) -> bytes | None:
        """The proposer as it stood after the last planned round."""
