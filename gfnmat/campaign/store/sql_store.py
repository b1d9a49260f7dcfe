"""A campaign in a database that SQLAlchemy reaches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection, Select, case, func, insert, select

from gfnmat.campaign.records import UNLIMITED, Answer, Choice, Limits, Measurement, Replicate, RoundRecord, Suggestion
from gfnmat.campaign.store import issuing, telling
from gfnmat.campaign.store.checkpoints import checkpoints_of
from gfnmat.campaign.store.columns import Told, read_told
from gfnmat.campaign.store.database import Database, keep_others_out
from gfnmat.campaign.store.ledger import Balance, RunningBalance
from gfnmat.campaign.store.opening import create_tables, require_readable
from gfnmat.campaign.store.rows import answer, round_record, select_answers, select_suggestions, suggestion
from gfnmat.campaign.store.schema import (
    campaign_files,
    campaigns,
    candidates,
    measurements,
    rounds,
    suggestions,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

Result = TypeVar("Result")
Check = Callable[[Mapping[str, Any]], None]
IN_ONE_QUERY = 10_000
STARTING = 0x67666E6D  # any number that is always the same


class SqlStore:
    """A store in SQLite (`sqlite:///runs/ceramics/campaign.db`) or PostgreSQL (`postgresql://user:word@host/database`).

    See `Store` for what it promises. A database may hold many campaigns, told apart by their names.

    Args:
        url: a database URL.

    Raises:
        StoreError: the URL is none.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._checkpoints = checkpoints_of(self._database)
        self._balance = RunningBalance()
        self._name = ""
        self._number: int | None = None
        self._to_keep: tuple[Mapping[str, Any], Mapping[str, str], Check] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._database.url

    def open(
        self,
        name: str,
        config: Mapping[str, Any],
        provenance: Mapping[str, str],
        check: Check = lambda kept: None,
    ) -> Mapping[str, Any] | None:
        """The campaign's file as it was kept last; None if the first thing kept starts this campaign."""
        self._name = name
        self._to_keep = (dict(config), dict(provenance), check)
        self._number = None
        self._balance = RunningBalance()
        if not require_readable(self._database):
            return None
        found = self._database.read(self._find)
        if found is None:
            return None
        check(found)
        return found

    def _find(self, connection: Connection) -> Mapping[str, Any] | None:
        """Looks up the campaign by its name; gives its file as it was kept last."""
        number = connection.execute(select(campaigns.c.id).where(campaigns.c.name == self._name)).scalar()
        if number is None:
            return None
        self._number = number
        return _latest_file(connection, number)

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""
        query = select(campaign_files.c.provenance).order_by(campaign_files.c.version).limit(1)
        kept = self._read(lambda connection, mine: connection.execute(query.where(_of(campaign_files, mine))).scalar())
        if kept is not None:
            return dict(kept)
        return dict(self._to_keep[1]) if self._to_keep else {}

    def files(self) -> list[tuple[Mapping[str, Any], Mapping[str, str]]]:
        """The campaign's file as it was first and after each change, with the versions of what ran it."""
        row = campaign_files.c
        query = select(row.content, row.provenance).order_by(row.version)
        kept = self._read(lambda connection, mine: connection.execute(query.where(_of(campaign_files, mine))).all())
        return [(content, provenance) for content, provenance in kept or ()]

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
        """Gives choices numbers and reserves their cost; see `Store.issue`."""
        order = issuing.Issue(
            choices,
            fidelities,
            by_hand,
            "asked" if asked else "loop",
            uuid4().hex,
            round_number,
            record,
            proposer_state,
            limits,
        )
        return self._write(
            lambda connection, mine: issuing.issue(connection, mine, order, self._checkpoints, self._balance)
        )

    def claim(self, who: str, rung: int, most: int, lease: float, but_not: Collection[int] = ()) -> list[Suggestion]:
        """Leases suggestions of the loop to an owner; see `Store.claim`."""
        return self._write(
            lambda connection, mine: issuing.claim(connection, mine, who, rung, most, lease, but_not), exclusive=False
        )

    def renew(self, who: str, lease: float) -> None:
        """Extends all leases of an owner."""
        if self._number is not None:
            self._write(lambda connection, mine: issuing.renew(connection, mine, who, lease), exclusive=False)

    def release(self, who: str, numbers: Collection[int], counted: bool) -> None:
        """Ends leases of an owner; an attempt that was none is not counted."""
        if numbers:
            self._write(
                lambda connection, mine: issuing.release(connection, mine, who, numbers, counted), exclusive=False
            )

    def tell(self, answers: Mapping[int | Replicate, Answer], correct: bool = False) -> int:
        """Keeps answers by the suggestion's number, all or none; see `Store.tell`."""
        token = uuid4().hex
        return self._write(lambda connection, mine: telling.tell(connection, mine, answers, correct, token))

    def add(self, found: Sequence[tuple[Choice, Answer]], fidelities: Sequence[str], correct: bool = False) -> int:
        """Keeps answers that nobody asked for, all or none; see `Store.add`."""
        token = uuid4().hex
        return self._write(lambda connection, mine: telling.add(connection, mine, found, fidelities, correct, token))

    def suggestions(self, after: int = 0) -> list[Suggestion]:
        """Everything that was issued, in order, with a number above `after`; the structures are left in the store."""
        return self._read_all(lambda mine: select_suggestions(mine, after), suggestion)

    def answers(self, after: int = 0) -> list[tuple[int, int, Answer]]:
        """Place in the order of telling (above `after`), number of the suggestion, answer; structures are left."""
        return self._read_all(
            lambda mine: select_answers(mine).where(measurements.c.id > after),
            lambda row: (row[0], row[1], answer(row)),
        )

    def measurements(self, numbers: Collection[int] | None = None) -> list[Measurement]:
        """What counts of what came back, in the order of the suggestions; of all, or of some; structures are left."""

        def work(connection: Connection, mine: int) -> list[Measurement]:
            latest: dict[int, Answer] = {}
            issued: dict[int, Suggestion] = {}
            for part in _parts(numbers):
                told, made = select_answers(mine), select_suggestions(mine)
                if part is not None:
                    told = told.where(measurements.c.suggestion_id.in_(part))
                    made = made.where(suggestions.c.id.in_(part))
                latest |= {row.suggestion_id: answer(row) for row in connection.execute(told)}
                issued |= {row.id: suggestion(row) for row in connection.execute(made)}
            return [Measurement(issued[number], latest[number]) for number in sorted(latest)]

        return self._read(work) or []

    def structures(self, numbers: Collection[int] | None = None) -> dict[int, Structure]:
        """The structures that came back, by the suggestion's number; of all suggestions, or of some."""
        told = measurements.c
        query = select(told.suggestion_id, told.structure).order_by(told.id)
        return self._read_structures(query, measurements, told.suggestion_id, numbers)

    def proposed_structures(self) -> dict[int, Structure]:
        """The structures as they were proposed, by the suggestion's number; none for compositions."""
        issued = suggestions.c
        query = (
            select(issued.id, candidates.c.structure)
            .join(candidates, issued.candidate_id == candidates.c.id)
            .order_by(issued.id)
        )
        return self._read_structures(query, suggestions, issued.id, None)

    def _read_structures(
        self, query: Select[Any], table: Any, column: Any, numbers: Collection[int] | None
    ) -> dict[int, Structure]:
        """The structures that a query for pairs of number and structure gives; the last pair of a number counts."""
        from pymatgen.core import Structure

        def work(connection: Connection, mine: int) -> dict[int, Any]:
            latest: dict[int, Any] = {}
            for part in _parts(numbers):
                some = query if part is None else query.where(column.in_(part))
                latest |= dict(connection.execute(some.where(_of(table, mine))).tuples().all())
            return latest

        kept = self._read(work) or {}
        return {number: Structure.from_dict(one) for number, one in kept.items() if one is not None}

    def names(self) -> list[str]:
        """Of all campaigns here, in the order in which they were started."""
        query = select(campaigns.c.name).order_by(campaigns.c.id)
        return self._read_store(lambda connection: list(connection.execute(query).scalars())) or []

    def campaigns_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """Of numbers that were issued here, the name of the campaign that each is of."""
        row = suggestions.c
        query = select(row.id, campaigns.c.name).join(campaigns, row.campaign_id == campaigns.c.id)
        named = query.where(row.id.in_(numbers))
        return self._read_store(lambda connection: dict(connection.execute(named).tuples().all())) or {}

    def rounds(self) -> list[RoundRecord]:
        """The rounds planned so far, in order."""
        return self._read_all(
            lambda mine: select(rounds.c.record).where(_of(rounds, mine)).order_by(rounds.c.number),
            lambda row: round_record(row[0]),
        )

    def count_rounds(self) -> int:
        """How many rounds were planned so far."""
        return self._read(lambda connection, mine: issuing.count_rounds(connection, mine)) or 0

    def proposer_state(self) -> bytes | None:
        """The proposer as it stood after the last planned round."""
        query = select(rounds.c.checkpoint).order_by(rounds.c.number.desc()).limit(1)

        def work(connection: Connection, mine: int) -> bytes | None:
            digest = connection.execute(query.where(_of(rounds, mine))).scalar()
            return None if digest is None else self._checkpoints.read(connection, digest)

        return self._read(work)

    def balance(self) -> Balance:
        """What is reserved and what is spent of the budget."""
        return self._read(self._balance.read) or Balance(0.0, 0.0)

    def counts(self) -> dict[tuple[int, str], int]:
        """How many suggestions there are by rung and state: `open`, `awaited` of a person, or what counts as told."""
        row = suggestions.c
        state = case(((row.state == "open") & (row.origin != "loop"), "awaited"), else_=row.state).label("place")
        query = select(row.rung, state, func.count()).group_by(row.rung, state)
        found = self._read(lambda connection, mine: connection.execute(query.where(_of(suggestions, mine))).all())
        return {(rung, state): n for rung, state, n in found or ()}

    def values(self, rung: int, properties: Sequence[str]) -> Told:
        """Everything that is done at a rung, each suggestion once."""
        found = self._read(lambda connection, mine: read_told(connection, mine, rung, properties))
        return found or Told.nothing(properties)

    def _read(self, work: Callable[[Connection, int], Result]) -> Result | None:
        """What work reads of this campaign; None while there is none."""

        def run(connection: Connection) -> Result | None:
            if self._number is None and self._find(connection) is None:
                return None
            assert self._number is not None
            return work(connection, self._number)

        return self._read_store(run)

    def _read_store(self, work: Callable[[Connection], Result]) -> Result | None:
        """What work reads of all campaigns; None while there is no store."""
        if self._number is None and not require_readable(self._database):
            return None
        return self._database.read(work)

    def _read_all(self, query: Callable[[int], Select[Any]], of: Callable[[Any], Result]) -> list[Result]:
        return self._read(lambda connection, mine: [of(row) for row in connection.execute(query(mine))]) or []

    def _write(self, work: Callable[[Connection, int], Result], exclusive: bool = True) -> Result:
        """Writes to this campaign, which is started if it is not; `exclusive` keeps other such writers of it out."""
        if self._to_keep is not None:
            self._start(*self._to_keep)
            self._to_keep = None
        number = self._number
        assert number is not None

        def run(connection: Connection) -> Result:
            if exclusive and connection.dialect.name != "sqlite":  # which has one writer at a time as it is
                connection.execute(select(campaigns.c.id).where(campaigns.c.id == number).with_for_update())
            return work(connection, number)

        return self._database.write(run)

    def _start(self, config: Mapping[str, Any], provenance: Mapping[str, str], check: Check) -> None:
        """Has tables, the campaign, and its file as it is now."""
        create_tables(self._database)

        def work(connection: Connection) -> None:
            keep_others_out(connection, STARTING)
            kept = self._find(connection)
            if kept is None:
                self._number = connection.execute(
                    insert(campaigns).values(name=self._name).returning(campaigns.c.id)
                ).scalar_one()
            else:
                check(kept)  # another process may have started it since it was opened
            if kept != config:
                version = select(func.count()).select_from(campaign_files).where(_of(campaign_files, self._number))
                connection.execute(
                    insert(campaign_files).values(
                        campaign_id=self._number,
                        version=connection.execute(version).scalar_one(),
                        content=dict(config),
                        provenance=dict(provenance),
                    )
                )

        self._database.write(work)


def _of(table: Any, campaign: int | None) -> Any:
    return table.c.campaign_id == campaign


def _latest_file(connection: Connection, campaign: int) -> Mapping[str, Any]:
    row = campaign_files.c
    query = select(row.content).where(row.campaign_id == campaign).order_by(row.version.desc()).limit(1)
    return connection.execute(query).scalar_one()


def _parts(numbers: Collection[int] | None) -> Iterator[Sequence[int] | None]:
    """Pieces that fit in one query, for databases limit how many values it may have; None, for all, is one piece."""
    if numbers is None:
        yield None
        return
    ordered = sorted(numbers)
    for start in range(0, len(ordered), IN_ONE_QUERY):
        yield ordered[start : start + IN_ONE_QUERY]
