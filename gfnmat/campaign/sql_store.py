"""A campaign in a database that SQLAlchemy reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, create_engine, event, insert, inspect, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import Session, defer, joinedload

from gfnmat.campaign.records import Answer, Choice, Measurement, Replicate, RoundRecord, Suggestion
from gfnmat.campaign.rows import answer_of, measurement_row, replicate_row, round_record, suggestion, suggestion_row
from gfnmat.campaign.schema import (
    SCHEMA_VERSION,
    UPGRADES,
    Base,
    CampaignRow,
    MeasurementRow,
    RoundRow,
    SuggestionRow,
)
from gfnmat.campaign.store import AlreadyToldError, StoreError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_WITHOUT_PROPOSED = defer(SuggestionRow.structure, raiseload=True)


class SqlStore:
    """A store in a database that SQLAlchemy reaches.

    Args:
        url: a database URL, for example `sqlite:///runs/ceramics/campaign.db`.

    Raises:
        StoreError: the URL is none, or the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self.url = self._engine.url.render_as_string(hide_password=True)
        self._file = _sqlite_file(self._engine.url)
        self._unwritten: CampaignRow | None = None

    def open(
        self, name: str, config: Mapping[str, Any], provenance: Mapping[str, str]
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Name and configuration of the campaign that lives here; None if the first thing kept starts this one.

        A store of an earlier version that `UPGRADES` names is made one of this version.

        Raises:
            StoreError: no store, or one of another version; nothing is written.
        """
        kept = self._kept()
        if kept is None:
            self._unwritten = CampaignRow(
                id=1,
                schema_version=SCHEMA_VERSION,
                name=name,
                config=dict(config),
                provenance=dict(provenance),
            )
            return None
        missing = range(kept.schema_version, SCHEMA_VERSION)
        if missing and all(version in UPGRADES for version in missing):
            kept = self._upgraded()
        if kept.schema_version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.url} has schema {kept.schema_version} and this gfnmat reads {SCHEMA_VERSION}; "
                "use the version that wrote it, or give another store."
            )
        return kept.name, kept.config

    def _kept(self) -> CampaignRow | None:
        """The campaign that the store holds; None where there is no store, or only an empty one."""
        if self._file is not None and not self._file.exists():
            return None
        try:
            if not inspect(self._engine).has_table(CampaignRow.__tablename__):
                return None
            with Session(self._engine) as session:
                return session.get(CampaignRow, 1)
        except DatabaseError as error:
            raise StoreError(f"{self.url} is not a store: {error.orig}.") from None

    def _upgraded(self) -> CampaignRow:
        with self._transaction() as session:
            kept = session.scalars(select(CampaignRow).with_for_update()).one()
            for version in range(kept.schema_version, SCHEMA_VERSION):
                session.execute(text(UPGRADES[version]))
                kept.schema_version = version + 1
            return kept

    def _start(self) -> None:
        if self._unwritten is None:
            return
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._engine.begin() as connection:
            Base.metadata.create_all(connection)
            if connection.execute(select(CampaignRow.id)).first() is None:  # another process may have been first
                values = {c.name: getattr(self._unwritten, c.name) for c in CampaignRow.__table__.columns}
                connection.execute(insert(CampaignRow).values(**values))
        self._unwritten = None

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""
        if self._unwritten is not None:
            return dict(self._unwritten.provenance)
        with self._session() as session:
            return dict(session.scalars(select(CampaignRow.provenance)).one())

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
        with self._transaction() as session:
            if record is not None:
                round_number = len(session.scalars(select(RoundRow.number)).all())
                session.execute(update(RoundRow).values(proposer_state=None))  # only the last one is ever read
                session.add(
                    RoundRow(
                        number=round_number,
                        record=asdict(replace(record, round=round_number)),
                        proposer_state=proposer_state,
                    )
                )
            issued = _live(session)
            rows = [
                suggestion_row(choice, fidelities[choice.rung], round_number, asked)
                for choice in choices
                if (choice.key, choice.rung, choice.replicate) not in issued
            ]
            session.add_all(rows)
            session.flush()
            return [suggestion(row) for row in rows]

    def tell(self, answers: Mapping[int | Replicate, Answer], correct: bool = False) -> int:
        """Keeps answers by the suggestion's number, all or none; how many were new.

        A replicate that was not issued is issued with its answer.

        The same answer again is no change. An answer supersedes one that was withdrawn or that no machine could give,
        and one that it only completes, whose structure stands. One that contradicts is refused, unless it is meant to
        `correct`.

        Raises:
            StoreError: an unknown number, or an answer that contradicts the one that is kept.
        """
        new = 0
        with self._transaction() as session:
            for place, answer in answers.items():
                number = _number_of(session, place)
                revisions = session.scalars(_latest_first(number)).all()
                kept = revisions[0] if revisions else None
                if kept is not None and _says_nothing_new(answer, kept):
                    continue
                if kept is not None and not (correct or _supersedes(answer, kept)):
                    raise AlreadyToldError(
                        f"id {number} has been told already: {kept.status} {kept.values}; the new answer "
                        f"{answer.status} {dict(answer.values)} contradicts it, and nothing was written. Tell it as a "
                        "correction, or another measurement of the same in a row of its own, numbered by `replicate`."
                    )
                row = measurement_row(number, len(revisions), answer)
                if kept is not None and answer.structure is None and _completes(answer, kept):
                    row.structure, row.duplicate_of = kept.structure, kept.duplicate_of
                session.add(row)
                new += 1
        return new

    def count_attempt(self, ids: Sequence[int], by: int = 1) -> None:
        """Notes that these suggestions are about to be evaluated once more, or (-1) that they were not after all."""
        with self._transaction() as session:
            session.execute(
                update(SuggestionRow).where(SuggestionRow.id.in_(ids)).values(attempts=SuggestionRow.attempts + by)
            )

    def suggestions(self) -> list[Suggestion]:
        """Everything that was issued, in order; the structures are left in the store."""
        if self._unwritten is not None:
            return []
        query = select(SuggestionRow).options(_WITHOUT_PROPOSED).order_by(SuggestionRow.id)
        with self._session() as session:
            return [suggestion(row) for row in session.scalars(query)]

    def measurements(self) -> list[Measurement]:
        """Everything that came back, in the order of the suggestions; the structures are left in the store."""
        if self._unwritten is not None:
            return []
        query = (
            select(MeasurementRow)
            .options(
                joinedload(MeasurementRow.suggestion).options(_WITHOUT_PROPOSED),
                defer(MeasurementRow.structure, raiseload=True),
            )
            .order_by(MeasurementRow.suggestion_id, MeasurementRow.revision)
        )
        with self._session() as session:
            latest = {row.suggestion_id: row for row in session.scalars(query)}
            return [Measurement(suggestion(row.suggestion), answer_of(row)) for row in latest.values()]

    def structures(self, numbers: Collection[int] | None = None) -> dict[int, Structure]:
        """The structures that came back, by the suggestion's number; of all suggestions, or of some."""
        query = select(MeasurementRow.suggestion_id, MeasurementRow.structure).order_by(
            MeasurementRow.suggestion_id, MeasurementRow.revision
        )
        if numbers is not None:
            query = query.where(MeasurementRow.suggestion_id.in_(numbers))
        return self._read_structures(query)

    def proposed_structures(self) -> dict[int, Structure]:
        """The structures as they were proposed, by the suggestion's number; none for compositions."""
        return self._read_structures(select(SuggestionRow.id, SuggestionRow.structure).order_by(SuggestionRow.id))

    def _read_structures(self, query: Select[Any]) -> dict[int, Structure]:
        """The structures that a query for pairs of number and structure gives; the last pair of a number counts."""
        if self._unwritten is not None:
            return {}
        from pymatgen.core import Structure

        with self._session() as session:
            latest: dict[int, Any] = dict(session.execute(query).tuples().all())
        return {number: Structure.from_dict(kept) for number, kept in latest.items() if kept is not None}

    def rounds(self) -> list[RoundRecord]:
        """The rounds planned so far, in order."""
        if self._unwritten is not None:
            return []
        with self._session() as session:
            return [round_record(kept) for kept in session.scalars(select(RoundRow.record).order_by(RoundRow.number))]

    def proposer_state(self) -> bytes | None:
        """The proposer as it stood after the last planned round."""
        if self._unwritten is not None:
            return None
        query = select(RoundRow.proposer_state).order_by(RoundRow.number.desc()).limit(1)
        with self._session() as session:
            return session.scalars(query).first()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            self._start()
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (DatabaseError, OSError) as error:
            raise StoreError(f"{self.url} cannot be written: {getattr(error, 'orig', error)}.") from None

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session:
                yield session
        except DatabaseError as error:
            raise StoreError(f"{self.url} cannot be read: {error.orig}.") from None


def _engine(url: str) -> Engine:
    shown = url
    try:
        parsed = make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"store is {shown!r}, which is no database URL ({error}); try sqlite:///campaign.db."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _lock)
    return engine


def _durable(connection: Any, _: Any) -> None:
    """What a commit promises survives a crash of the program and of the machine; transactions begin in `_lock`."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _lock(connection: Connection) -> None:
    """Takes SQLite's write lock at once: to read first and write later would let two processes issue the same."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite store; None for a store in memory or on a server."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def _live(session: Session) -> set[tuple[str, int, int]]:
    """Key, rung and replicate of everything issued and not withdrawn."""
    latest: dict[int, str] = {}
    rows = session.execute(
        select(MeasurementRow.suggestion_id, MeasurementRow.status).order_by(MeasurementRow.revision)
    )
    for number, status in rows:
        latest[number] = status
    row = SuggestionRow
    issued = session.execute(select(row.id, row.key, row.rung, row.replicate))
    return {(key, rung, replicate) for number, key, rung, replicate in issued if latest.get(number) != "withdrawn"}


def _number_of(session: Session, place: int | Replicate) -> int:
    """The number of the suggestion that an answer belongs to; a replicate that was not issued is issued here."""
    number = place.of if isinstance(place, Replicate) else place
    if (row := session.get(SuggestionRow, number)) is None:
        raise StoreError(f"id {number} was never suggested; nothing was written.")
    if not isinstance(place, Replicate) or place.number == row.replicate:
        return number
    same = select(SuggestionRow.id).where(SuggestionRow.key == row.key, SuggestionRow.rung == row.rung)
    issued = same.where(SuggestionRow.replicate == place.number).order_by(SuggestionRow.id.desc())
    if (found := session.scalars(issued).first()) is not None:
        return found
    further = replicate_row(row, place.number, len(session.scalars(select(RoundRow.number)).all()))
    session.add(further)
    session.flush()
    return further.id


def _latest_first(number: int) -> Select[MeasurementRow]:
    return select(MeasurementRow).where(MeasurementRow.suggestion_id == number).order_by(MeasurementRow.revision.desc())


def _supersedes(answer: Answer, kept: MeasurementRow) -> bool:
    return kept.status in ("withdrawn", "retryable") or _completes(answer, kept)


def _completes(answer: Answer, kept: MeasurementRow) -> bool:
    """Whether an answer says the same as the one that is kept, and more properties or standard errors."""
    return (
        kept.status == answer.status == "done"
        and kept.values.items() <= dict(answer.values).items()
        and kept.errors.items() <= dict(answer.errors).items()
    )


def _says_nothing_new(answer: Answer, kept: MeasurementRow) -> bool:
    same = (kept.status, kept.values) == (answer.status, dict(answer.values))
    return same and dict(answer.errors).items() <= kept.errors.items()
