"""Many campaigns a database, leases, a ledger, checkpoints by hash: from the one campaign of schemas 2 to 4.

The tables are written out as they were then, whatever `schema.py` says now.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from gfnmat.campaign.store.checkpoints import Checkpoints, FolderCheckpoints, TableCheckpoints, folder_beside
from gfnmat.campaign.store.schema import guards

revision = "0005"
down_revision = None
branch_labels = None
depends_on = None

AT_ONCE = 1000
EARLIER = {
    2: "ALTER TABLE suggestions ADD COLUMN replicate INTEGER NOT NULL DEFAULT 0",
    3: "ALTER TABLE measurements ADD COLUMN provenance JSON",
}
Row = dict[str, Any]


def upgrade() -> None:
    """Puts the old tables aside, makes the new ones, and fills them."""
    connection = op.get_bind()
    version = connection.execute(sa.text("SELECT schema_version FROM campaign")).scalar_one()
    for earlier in range(version, 4):
        op.execute(EARLIER[earlier])
    for index in sa.inspect(connection).get_indexes("suggestions"):
        op.drop_index(str(index["name"]), "suggestions")
    old = {name: f"old_{name}" for name in ("campaign", "suggestions", "measurements", "rounds")}
    for name, aside in old.items():
        op.rename_table(name, aside)
        if connection.dialect.name == "postgresql":  # constraints keep their names, which the new tables want
            for constraint in connection.execute(
                sa.text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass)"),
                {"table": aside},
            ).scalars():
                op.execute(f'ALTER TABLE {aside} RENAME CONSTRAINT "{constraint}" TO "old_{constraint}"')
    _create()
    _fill(connection)
    for name in ("measurements", "suggestions", "rounds", "campaign"):
        op.drop_table(old[name])
    for table in ("campaign_files", "measurements", "ledger"):
        for statement in guards(table, connection.dialect.name):
            connection.exec_driver_sql(statement)


def _create() -> None:
    campaign = ("campaign_id", sa.Integer)
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("started_at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("name", name="uq_campaigns_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "campaign_files",
        sa.Column(*campaign, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("provenance", sa.JSON, nullable=False),
        sa.Column("kept_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_campaign_files_campaign_id"),
        sa.PrimaryKeyConstraint("campaign_id", "version", name="pk_campaign_files"),
    )
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(*campaign, nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("formula", sa.String(200), nullable=False),
        sa.Column("space_group", sa.String(20)),
        sa.Column("structure", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_candidates_campaign_id"),
        sa.PrimaryKeyConstraint("id", name="pk_candidates"),
        sa.UniqueConstraint("campaign_id", "key_hash", name="uq_candidates_campaign_id_key_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(*campaign, nullable=False),
        sa.Column("candidate_id", sa.Integer, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("fidelity", sa.String(100), nullable=False),
        sa.Column("replicate", sa.Integer, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("means", sa.JSON, nullable=False),
        sa.Column("sds", sa.JSON, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("lease_until", sa.Float),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("issued_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_suggestions_campaign_id"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name="fk_suggestions_candidate_id"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suggestions_campaign_id_state_rung", "suggestions", ["campaign_id", "state", "rung"])
    op.create_index("ix_suggestions_campaign_id_token", "suggestions", ["campaign_id", "token"])
    op.create_index(
        "uq_suggestions_live",
        "suggestions",
        ["candidate_id", "rung", "replicate"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(*campaign, nullable=False),
        sa.Column("suggestion_id", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("errors", sa.JSON, nullable=False),
        sa.Column("structure", sa.JSON(none_as_null=True)),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("duplicate_of", sa.Integer),
        sa.Column("provenance", sa.JSON, nullable=False),
        sa.Column("told_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_measurements_campaign_id"),
        sa.ForeignKeyConstraint(["suggestion_id"], ["suggestions.id"], name="fk_measurements_suggestion_id"),
        sa.PrimaryKeyConstraint("id", name="pk_measurements"),
        sa.UniqueConstraint("suggestion_id", "revision", name="uq_measurements_suggestion_id_revision"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_measurements_campaign_id_id", "measurements", ["campaign_id", "id"])
    op.create_table(
        "rounds",
        sa.Column(*campaign, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("checkpoint", sa.String(64)),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("planned_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_rounds_campaign_id"),
        sa.PrimaryKeyConstraint("campaign_id", "number", name="pk_rounds"),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(*campaign, nullable=False),
        sa.Column("suggestion_id", sa.Integer, nullable=False),
        sa.Column("entry", sa.String(10), nullable=False),
        sa.Column("reserved", sa.Float, nullable=False),
        sa.Column("spent", sa.Float, nullable=False),
        sa.Column("kept_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_ledger_campaign_id"),
        sa.ForeignKeyConstraint(["suggestion_id"], ["suggestions.id"], name="fk_ledger_suggestion_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_campaign_id", "ledger", ["campaign_id"])
    op.create_table(
        "checkpoints",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_checkpoints"),
    )


def _fill(connection: sa.Connection) -> None:
    new, old = sa.MetaData(), sa.MetaData()
    new.reflect(connection, only=lambda name, _: not name.startswith(("old_", "alembic")))
    old.reflect(connection, only=lambda name, _: name.startswith("old_"))
    table, aside = new.tables, old.tables
    kept = connection.execute(sa.select(*_json(aside["old_campaign"], "config", "provenance"))).mappings().one()
    started = dict(kept["provenance"]).get("started", "")
    connection.execute(sa.insert(table["campaigns"]).values(id=1, name=kept["name"], started_at=started))
    file = {"version": 0, "content": kept["config"], "provenance": kept["provenance"], "kept_at": started}
    connection.execute(_into(table["campaign_files"]), [{"campaign_id": 1, **file}])

    states = _states(connection, aside["old_measurements"])
    numbers: dict[str, int] = {}
    taken: set[tuple[int, int, int]] = set()
    issued = _json(aside["old_suggestions"], "means", "sds", "structure")
    for part in _parts(connection, sa.select(*issued).order_by(aside["old_suggestions"].c.id.desc())):
        designs, rows, lines = [], [], []
        for row in part:
            if row["key"] not in numbers:
                numbers[row["key"]] = len(numbers) + 1
                designs.append(_design(row, numbers[row["key"]]))
            state = states.get(row["id"], "open")
            place = (numbers[row["key"]], row["rung"], row["replicate"])
            is_live = state != "withdrawn" and not (state == "retryable" and row["asked"]) and place not in taken
            taken |= {place} if is_live else set()
            rows.append(_suggestion(row, place[0], state, is_live))
            lines += _ledger(row, state)
        if designs:
            connection.execute(_into(table["candidates"]), designs)
        connection.execute(_into(table["suggestions"]), rows)
        connection.execute(sa.insert(table["ledger"]), lines)

    told = aside["old_measurements"]
    query = sa.select(*_json(told, "values", "errors", "structure", "provenance"))
    for part in _parts(connection, query.order_by(told.c.told_at, told.c.suggestion_id, told.c.revision)):
        rows = [{**row, "campaign_id": 1, "provenance": row["provenance"] or {}} for row in part]
        connection.execute(_into(table["measurements"]), rows)

    checkpoints = _checkpoints(connection)
    planned = aside["old_rounds"]
    for part in _parts(connection, sa.select(*_json(planned, "record")).order_by(planned.c.number)):
        rows = []
        for row in part:
            state = row.pop("proposer_state")
            digest = None if state is None else checkpoints.keep(connection, bytes(state))
            rows.append({**row, "campaign_id": 1, "checkpoint": digest, "token": f"schema-4-{row['number']}"})
        connection.execute(_into(table["rounds"]), rows)
    if connection.dialect.name == "postgresql":
        for name in ("campaigns", "candidates", "suggestions"):
            last = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
            connection.execute(sa.text(last))


def _json(table: sa.Table, *names: str) -> list[Any]:
    """The columns of a table, of which some hold JSON, whatever the database says of their type."""
    return [
        sa.type_coerce(column, sa.JSON).label(column.name) if column.name in names else column for column in table.c
    ]


def _into(table: sa.Table) -> Any:
    """An insert in which JSON is written as such: SQLite knows it as such, and `None` as NULL."""
    for column in table.c:
        if isinstance(column.type, sa.JSON):
            column.type = sa.JSON(none_as_null=True)
    return sa.insert(table)


def _parts(connection: sa.Connection, query: Any) -> Iterator[list[Row]]:
    """The rows of a query, some at a time; JSON's null is none."""
    result = connection.execute(query).mappings()
    while part := result.fetchmany(AT_ONCE):
        yield [dict(row) for row in part]


def _states(connection: sa.Connection, told: sa.Table) -> dict[int, str]:
    """What counts as told of each suggestion."""
    query = sa.select(told.c.suggestion_id, told.c.status).order_by(told.c.revision)
    return dict(connection.execute(query).tuples().all())


def _design(row: Row, number: int) -> Row:
    digest = sha256(row["key"].encode()).hexdigest()
    names = ("key", "formula", "space_group", "structure")
    return {"id": number, "campaign_id": 1, "key_hash": digest, **{name: row[name] for name in names}}


def _suggestion(row: Row, candidate: int, state: str, is_live: bool) -> Row:
    names = ("id", "round", "rung", "fidelity", "replicate", "cost", "means", "sds", "why", "attempts", "issued_at")
    return {
        **{name: row[name] for name in names},
        "campaign_id": 1,
        "candidate_id": candidate,
        "batch": row["round"] + 1,
        "origin": "asked" if row["asked"] else "loop",
        "state": state,
        "live": is_live,
        "token": "schema-4",
    }


def _ledger(row: Row, state: str) -> list[Row]:
    entry = {"campaign_id": 1, "suggestion_id": row["id"], "kept_at": row["issued_at"]}
    lines = [{**entry, "entry": "reserved", "reserved": row["cost"], "spent": 0.0}]
    if state != "open":
        spent = 0.0 if state in ("withdrawn", "retryable") else row["cost"]
        lines.append({**entry, "entry": state, "reserved": -row["cost"], "spent": spent})
    return lines


def _checkpoints(connection: sa.Connection) -> Checkpoints:
    name = connection.engine.url.database
    if connection.dialect.name != "sqlite" or name in (None, "", ":memory:"):
        return TableCheckpoints()
    return FolderCheckpoints(folder_beside(Path(str(name))))
