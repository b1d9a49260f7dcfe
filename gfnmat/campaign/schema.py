"""The tables of a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 4
UPGRADES: dict[int, str] = {
    2: "ALTER TABLE suggestions ADD COLUMN replicate INTEGER NOT NULL DEFAULT 0",
    3: "ALTER TABLE measurements ADD COLUMN provenance JSON",
}
"""What makes of a store of one version one of the next, without touching what it holds."""


def now() -> str:
    """The present moment in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Base(DeclarativeBase):
    """The tables' common base."""


class CampaignRow(Base):
    """The one campaign of a store."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    schema_version: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    provenance: Mapped[dict[str, str]] = mapped_column(JSON)


class RoundRow(Base):
    """A round that was planned, with the proposer as it stood after planning."""

    __tablename__ = "rounds"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    planned_at: Mapped[str] = mapped_column(String(40), default=now)
    proposer_state: Mapped[bytes | None] = mapped_column(LargeBinary, nullable=True)


class SuggestionRow(Base):
    """A candidate issued for evaluation at a fidelity, once or again; its cost is reserved from then on."""

    __tablename__ = "suggestions"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    round: Mapped[int] = mapped_column(Integer, index=True)
    key: Mapped[str] = mapped_column(Text, index=True)
    formula: Mapped[str] = mapped_column(String(200), index=True)
    space_group: Mapped[str | None] = mapped_column(String(20), nullable=True)
    fidelity: Mapped[str] = mapped_column(String(100))
    rung: Mapped[int] = mapped_column(Integer)
    cost: Mapped[float] = mapped_column(Float)
    means: Mapped[dict[str, float]] = mapped_column(JSON)
    sds: Mapped[dict[str, float]] = mapped_column(JSON)
    why: Mapped[str] = mapped_column(Text)
    structure: Mapped[dict[str, Any] | None] = mapped_column(JSON, nullable=True)
    asked: Mapped[bool] = mapped_column(Boolean)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    replicate: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    issued_at: Mapped[str] = mapped_column(String(40), default=now)


class MeasurementRow(Base):
    """An answer to a suggestion; never changed. The latest revision counts."""

    __tablename__ = "measurements"

    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestions.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(20))
    values: Mapped[dict[str, float]] = mapped_column(JSON)
    errors: Mapped[dict[str, float]] = mapped_column(JSON)
    structure: Mapped[dict[str, Any] | None] = mapped_column(JSON, nullable=True)
    seconds: Mapped[float] = mapped_column(Float)
    error: Mapped[str | None] = mapped_column(Text, nullable=True)
    duplicate_of: Mapped[int | None] = mapped_column(Integer, nullable=True)
    provenance: Mapped[dict[str, str] | None] = mapped_column(JSON, nullable=True)
    told_at: Mapped[str] = mapped_column(String(40), default=now)
    suggestion: Mapped[SuggestionRow] = relationship()
