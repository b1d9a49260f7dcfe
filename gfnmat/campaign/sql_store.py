"""A campaign in a database that SQLAlchemy reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import Session, defer, joinedload

from gfnmat.campaign.records import Answer, Choice, Measurement, RoundRecord, Suggestion
from gfnmat.campaign.schema import (
    SCHEMA_VERSION,
    Base,
    CampaignRow,
    MeasurementRow,
    RoundRow,
    SuggestionRow,
)
from gfnmat.campaign.store import StoreError

if TYPE_CHECKING:
    from pymatgen.core import Structure


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

    def open(self, name: str, config: Mapping[str, Any], provenance: Mapping[str, str]) -> None:
        """Checks that the store holds this very campaign, or none yet: then the first thing kept starts it.

        Raises:
            StoreError: the store belongs to another campaign or to another version; nothing is written.
        """
        if not self._exists():
            self._unwritten = CampaignRow(
                id=1,
                schema_version=SCHEMA_VERSION,
                name=name,
                config=dict(config),
                provenance=dict(provenance),
            )
            return
        with Session(self._engine) as session:
            kept = session.get(CampaignRow, 1)
        if kept is None:
            raise StoreError(f"{self.url} holds no campaign; give another store.")
        if kept.schema_version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.url} has schema {kept.schema_version} and this gfnmat reads {SCHEMA_VERSION}; "
                "use the version that wrote it, or give another store."
            )
        _check_same_campaign(self.url, kept.name, kept.config, name, config)

    def _exists(self) -> bool:
        if self._file is not None and not self._file.exists():
            return False
        try:
            return inspect(self._engine).has_table(CampaignRow.__tablename__)
        except DatabaseError as error:
            raise StoreError(f"{self.url} is not a store: {error.orig}.") from None

    def _start(self) -> None:
        if self._unwritten is None:
            return
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        Base.metadata.create_all(self._engine)
        with Session(self._engine) as session, session.begin():
            session.add(self._unwritten)
        self._unwritten = None

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""
        if self._unwritten is not None:
            return dict(self._unwritten.provenance)
        with Session(self._engine) as session:
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
        """Gives each choice a number and reserves its cost; with the round's record, in the same transaction."""
        rows = [
            SuggestionRow(
                round=round_number,
                formula=choice.formula,
                fidelity=fidelities[choice.rung],
                rung=choice.rung,
                cost=choice.cost,
                means=dict(choice.means),
                sds=dict(choice.sds),
                why=choice.why,
                asked=asked,
                attempts=0,
            )
            for choice in choices
        ]
        with self._transaction() as session:
            if record is not None:
                session.execute(update(RoundRow).values(proposer_state=None))  # only the last one is ever read
                session.add(RoundRow(number=record.round, record=asdict(record), proposer_state=proposer_state))
            session.add_all(rows)
            session.flush()
            return [_suggestion(row) for row in rows]

    def tell(self, answers: Mapping[int, Answer]) -> int:
        """Keeps answers by the suggestion's number, all or none; how many were new.

        Raises:
            StoreError: an unknown number, or an answer that differs from the one that is kept.
        """
        new = 0
        with self._transaction() as session:
            for number, answer in answers.items():
                if session.get(SuggestionRow, number) is None:
                    raise StoreError(f"id {number} was never suggested; nothing was written.")
                kept = session.get(MeasurementRow, number)
                if kept is None:
                    session.add(_measurement_row(number, answer))
                    new += 1
                elif (kept.status, kept.values) != (answer.status, dict(answer.values)):
                    raise StoreError(
                        f"id {number} has been told already: {kept.status} {kept.values}; the new answer "
                        f"{answer.status} {dict(answer.values)} differs, and nothing was written."
                    )
        return new

    def count_attempt(self, ids: Sequence[int]) -> None:
        """Notes that these suggestions are about to be evaluated once more."""
        with self._transaction() as session:
            session.execute(
                update(SuggestionRow).where(SuggestionRow.id.in_(ids)).values(attempts=SuggestionRow.attempts + 1)
            )

    def suggestions(self) -> list[Suggestion]:
        """Everything that was issued, in order."""
        if self._unwritten is not None:
            return []
        with Session(self._engine) as session:
            return [_suggestion(row) for row in session.scalars(select(SuggestionRow).order_by(SuggestionRow.id))]

    def measurements(self) -> list[Measurement]:
        """Everything that came back, in the order of the suggestions; the structures are left in the store."""
        if self._unwritten is not None:
            return []
        query = select(MeasurementRow).options(
            joinedload(MeasurementRow.suggestion), defer(MeasurementRow.structure, raiseload=True)
        )
        with Session(self._engine) as session:
            return [
                Measurement(_suggestion(row.suggestion), _answer(row))
                for row in session.scalars(query.order_by(MeasurementRow.suggestion_id))
            ]

    def structures(self) -> dict[int, Structure]:
        """The structures that came back, by the suggestion's number."""
        if self._unwritten is not None:
            return {}
        from pymatgen.core import Structure

        query = select(MeasurementRow.suggestion_id, MeasurementRow.structure).order_by(MeasurementRow.suggestion_id)
        with Session(self._engine) as session:
            return {number: Structure.from_dict(kept) for number, kept in session.execute(query) if kept is not None}

    def rounds(self) -> list[RoundRecord]:
        """The rounds planned so far, in order."""
        if self._unwritten is not None:
            return []
        with Session(self._engine) as session:
            return [RoundRecord(**kept) for kept in session.scalars(select(RoundRow.record).order_by(RoundRow.number))]

    def proposer_state(self) -> bytes | None:
        """The proposer as it stood after the last planned round."""
        if self._unwritten is not None:
            return None
        query = select(RoundRow.proposer_state).order_by(RoundRow.number.desc()).limit(1)
        with Session(self._engine) as session:
            return session.scalars(query).first()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        self._start()
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session


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
    return engine


def _durable(connection: Any, _: Any) -> None:
    """What a commit promises survives a crash of the program and of the machine."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite store; None for a store in memory or on a server."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def _check_same_campaign(
    url: str, kept_name: str, kept: Mapping[str, Any], name: str, config: Mapping[str, Any]
) -> None:
    differing = [key for key in config if kept.get(key) != config[key]]
    if differing:
        raise StoreError(
            f"{url} belongs to campaign {kept_name!r}, which differs from {name!r} in {', '.join(differing)}; "
            "give another store, or the campaign file that it was started with."
        )


def _suggestion(row: SuggestionRow) -> Suggestion:
    choice = Choice(row.formula, row.rung, row.cost, row.means, row.sds, row.why)
    return Suggestion(id=row.id, choice=choice, round=row.round, asked=row.asked, attempts=row.attempts)


def _measurement_row(number: int, answer: Answer) -> MeasurementRow:
    return MeasurementRow(
        suggestion_id=number,
        status=answer.status,
        values=dict(answer.values),
        errors=dict(answer.errors),
        structure=answer.structure.as_dict() if answer.structure is not None else None,
        seconds=answer.seconds,
        error=answer.error,
    )


def _answer(row: MeasurementRow) -> Answer:
    return Answer(
        status=row.status,  # type: ignore[arg-type]
        values=row.values,
        errors=row.errors,
        seconds=row.seconds,
        error=row.error,
    )
