"""The tables of a store, and what the database itself holds to: nothing told is changed, nothing is issued twice."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

REVISION = "0005"
"""The migration that brings a store to these tables: the newest one in `migrations/versions`."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def now() -> str:
    """The present moment in UTC, ISO 8601: when something was kept, for a person; nothing is decided by it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("started_at", String(40), nullable=False, default=now),
    sqlite_autoincrement=True,
)

campaign_files = Table(
    "campaign_files",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
    Column("provenance", JSON, nullable=False),
    Column("kept_at", String(40), nullable=False, default=now),
)
"""A campaign's file as it was first, and as it was after each change, with the versions of what ran it."""

candidates = Table(
    "candidates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("formula", String(200), nullable=False),
    Column("space_group", String(20)),
    Column("structure", JSON(none_as_null=True)),
    UniqueConstraint("campaign_id", "key_hash"),
    sqlite_autoincrement=True,
)
"""Designs that were issued. Keys of crystals are long, so that their SHA-256 is what is unique."""

suggestions = Table(
    "suggestions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("candidate_id", ForeignKey("candidates.id"), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("fidelity", String(100), nullable=False),
    Column("replicate", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("means", JSON, nullable=False),
    Column("sds", JSON, nullable=False),
    Column("why", Text, nullable=False),
    Column("origin", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", String(200)),
    Column("lease_until", Float),
    Column("state", String(12), nullable=False, default="open"),
    Column("live", Boolean, nullable=False, default=True),
    Column("token", String(32), nullable=False),
    Column("issued_at", String(40), nullable=False, default=now),
    Index(None, "campaign_id", "state", "rung"),
    Index(None, "campaign_id", "token"),
    Index(
        "uq_suggestions_live",
        "candidate_id",
        "rung",
        "replicate",
        unique=True,
        sqlite_where=text("live"),
        postgresql_where=text("live"),
    ),
    sqlite_autoincrement=True,
)
"""What was issued: one measurement of a candidate at a rung; `state` is `open` or the status of what counts as told.

`lease_owner` evaluates it until `lease_until` (seconds since 1970); what a person evaluates has no lease and never
expires. `token` names the transaction that issued it. What is no longer `live` may be issued again.
"""

measurements = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("suggestion_id", ForeignKey("suggestions.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(12), nullable=False),
    Column("values", JSON, nullable=False),
    Column("errors", JSON, nullable=False),
    Column("structure", JSON(none_as_null=True)),
    Column("seconds", Float, nullable=False),
    Column("error", Text),
    Column("duplicate_of", Integer),
    Column("provenance", JSON, nullable=False),
    Column("told_at", String(40), nullable=False, default=now),
    UniqueConstraint("suggestion_id", "revision"),
    Index(None, "campaign_id", "id"),
    sqlite_autoincrement=True,
)
"""What was told, in the order in which it was; the latest revision of a suggestion counts, the others stay."""

rounds = Table(
    "rounds",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("record", JSON, nullable=False),
    Column("checkpoint", String(64)),
    Column("token", String(32), nullable=False),
    Column("planned_at", String(40), nullable=False, default=now),
)
"""Rounds that were planned; `checkpoint` is the SHA-256 of the proposer as it stood then."""

ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("suggestion_id", ForeignKey("suggestions.id"), nullable=False),
    Column("entry", String(10), nullable=False),
    Column("reserved", Float, nullable=False),
    Column("spent", Float, nullable=False),
    Column("kept_at", String(40), nullable=False, default=now),
    Index(None, "campaign_id"),
    sqlite_autoincrement=True,
)
"""By how much each issue and each answer changed what is reserved and what is spent of the budget."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Checkpoints by their SHA-256, where there is no folder that all processes reach: in databases on servers."""

APPEND_ONLY = (campaign_files, measurements, ledger)


def guards(table: str, dialect: str) -> list[str]:
    """The statements by which a database refuses to change or delete what a table holds."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for change in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    ]


for _table in APPEND_ONLY:
    for _dialect in ("sqlite", "postgresql"):
        for _statement in guards(_table.name, _dialect):
            event.listen(_table, "after_create", DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect))
