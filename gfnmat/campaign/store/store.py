"""The seam between a campaign and the place where it lives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gfnmat.campaign.records import UNLIMITED, Answer, Choice, Limits, Measurement, Replicate, RoundRecord, Suggestion
from gfnmat.campaign.store.columns import Told
from gfnmat.campaign.store.ledger import Balance

if TYPE_CHECKING:
    from pymatgen.core import Structure


class Store(Protocol):
    """What a campaign needs of the place where it lives, and what that place promises:

    1. Every method that writes returns after the commit: a kill after it returns loses nothing.
    2. Measurements are added and never changed; a correction is one more, which counts.
    3. A candidate at a fidelity is issued once for each replicate, and evaluated by one owner while its lease lives.
       What a person asked for, or is to do, has no lease and never expires.
    4. Telling is idempotent: the same answer again is no change, a different one is refused with a sentence, and late
       answers and those out of order are kept.
    5. Budget is reserved with the issue and settled with the answer, in the same transaction; processes that issue at
       once do not spend it twice.
    6. What is needed to go on as if nothing had happened is kept: the campaign's file, the proposer, what was issued.
    7. A store of another schema is refused with what to do.

    All of it holds for many processes at once, and across restarts of a server.

    Attributes:
        url: where it is, without a password.
    """

    @property
    def url(self) -> str:
        """Where it is, without a password."""

    def open(
        self,
        name: str,
        config: Mapping[str, Any],
        provenance: Mapping[str, str],
        check: Callable[[Mapping[str, Any]], None] = lambda kept: None,
    ) -> Mapping[str, Any] | None:
        """The campaign's file as it was kept last; None if the first thing kept starts this campaign.

        A file that differs is kept as the next version with the first thing that is kept.

        Args:
            name: of the campaign; a place may hold many.
            config, provenance: the file, and the versions of what runs it.
            check: called with the file that is kept; raises StoreError where that is of another campaign.
        """

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""

    def files(self) -> list[tuple[Mapping[str, Any], Mapping[str, str]]]:
        """The campaign's file as it was first and after each change, with the versions of what ran it."""

    def issue(
        self,
        choices: Sequence[Choice],
        fidelities: Sequence[str],
        record: RoundRecord | None,
        proposer_state: bytes | None,
        round_number: int,
        asked: bool,
        limits: Limits = UNLIMITED,
        by_hand: Collection[int] = (),
    ) -> list[Suggestion]:
        """Gives each choice a number and reserves its cost; with the round's record, in the same transaction.

        Left out is what is live already (the same replicate of a pair of key and fidelity, unless it was withdrawn or a
        person could not do it) and what the limits no longer allow; if nothing is left, no round is kept either.
        At rungs that are `by_hand` a person answers what the loop issues.
        """

    def claim(self, who: str, rung: int, most: int, lease: float, but_not: Collection[int] = ()) -> list[Suggestion]:
        """Leases open suggestions of the loop, the earliest first, and counts the attempt.

        One that was tried before comes alone, so that what ends a process costs no other; of those never tried up to
        `most` come together.

        Args:
            who: the owner, see `gfnmat.campaign.store.owner`.
            rung: of the suggestions.
            most: how many.
            lease: seconds after which another owner may have them; those of an owner that is gone it may have at once.
            but_not: numbers that are left alone: what the owner is at, and what waits for its next attempt.
        """

    def renew(self, who: str, lease: float) -> None:
        """Extends all leases of an owner."""

    def release(self, who: str, numbers: Collection[int], counted: bool) -> None:
        """Ends leases of an owner; an attempt that was none is not counted."""

    def tell(self, answers: Mapping[int | Replicate, Answer], correct: bool = False) -> int:
        """Keeps answers by the suggestion's number, all or none; how many were new.

        A replicate that was not issued is issued with its answer.

        The same answer again, or a part of it, is no change. An answer supersedes one that was withdrawn or that no
        machine could give; one that tells further properties completes what is kept, whose structure stands. One that
        contradicts is refused, unless it is meant to `correct`: then it takes the place of what it names.
        """

    def add(self, found: Sequence[tuple[Choice, Answer]], fidelities: Sequence[str], correct: bool = False) -> int:
        """Keeps answers that nobody asked for, all or none; how many were new.

        Each is issued with its answer; of what was issued before it is told, as by `tell`.
        """

    def suggestions(self, after: int = 0) -> list[Suggestion]:
        """Everything that was issued, in order, with a number above `after`; the structures are left in the store."""

    def answers(self, after: int = 0) -> list[tuple[int, int, Answer]]:
        """Place in the order of telling (above `after`), number of the suggestion, answer; structures are left."""

    def measurements(self, numbers: Collection[int] | None = None) -> list[Measurement]:
        """What counts of what came back, in the order of the suggestions; of all, or of some; structures are left."""

    def structures(self, numbers: Collection[int] | None = None) -> dict[int, Structure]:
        """The structures that came back, by the suggestion's number; of all suggestions, or of some."""

    def proposed_structures(self) -> dict[int, Structure]:
        """The structures as they were proposed, by the suggestion's number; none for compositions."""

    def names(self) -> list[str]:
        """Of all campaigns here, in the order in which they were started."""

    def campaigns_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """Of numbers that were issued here, the name of the campaign that each is of."""

    def rounds(self) -> list[RoundRecord]:
        """The rounds planned so far, in order."""

    def count_rounds(self) -> int:
        """How many rounds were planned so far."""

    def proposer_state(self) -> bytes | None:
        """The proposer as it stood after the last planned round."""

    def balance(self) -> Balance:
        """What is reserved and what is spent of the budget."""

    def counts(self) -> dict[tuple[int, str], int]:
        """How many suggestions there are by rung and state: `open`, or the status of what counts as told."""

    def values(self, rung: int, properties: Sequence[str]) -> Told:
        """Everything that is done at a rung, each suggestion once; meant for very many."""
