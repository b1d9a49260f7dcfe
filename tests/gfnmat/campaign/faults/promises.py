"""What a store holds, read without the store: to see whether it is whole, and whether two hold the same.

The tables are read as they are, so that what the store itself would overlook is seen.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

Row = Mapping[str, Any]
Tables = dict[str, list[Row]]
Fact = tuple[Any, ...]

_TABLES = ("campaigns", "campaign_files", "candidates", "suggestions", "measurements", "rounds", "ledger")
_FREE = ("withdrawn", "retryable")


def tables_of(url: str) -> Tables:
    """The rows of every table, of one moment and in the order of their keys; empty where there is no store."""
    level = "REPEATABLE READ" if url.startswith("postgresql") else "SERIALIZABLE"
    engine = create_engine(url, poolclass=NullPool, isolation_level=level)
    with engine.connect() as connection:
        if not inspect(connection).has_table("campaigns"):
            return {name: [] for name in _TABLES}
        if connection.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        return {name: _rows(connection, name) for name in _TABLES}


def _rows(connection: Connection, table: str) -> list[Row]:
    rows = connection.execute(text(f"SELECT * FROM {table}")).mappings().all()
    return sorted(rows, key=lambda row: [row[key] for key in ("campaign_id", "id", "number", "version") if key in row])


def require_whole(url: str) -> Tables:
    """Raises AssertionError where anything is half there; returns what is there."""
    tables = tables_of(url)
    issued = {row["id"]: row for row in tables["suggestions"]}
    told: dict[int, list[Row]] = defaultdict(list)
    for row in tables["measurements"]:
        assert row["suggestion_id"] in issued, f"measurement {row['id']} has no suggestion"
        assert row["campaign_id"] == issued[row["suggestion_id"]]["campaign_id"]
        told[row["suggestion_id"]].append(row)
    known = {row["id"] for row in tables["candidates"]}
    assert known == {row["candidate_id"] for row in issued.values()}, "a candidate without a suggestion, or none of one"
    entered: Counter[int] = Counter()
    spent: Counter[int] = Counter()
    for row in tables["ledger"]:
        entered[row["suggestion_id"]] += row["reserved"]
        spent[row["suggestion_id"]] += row["spent"]
    for number, row in issued.items():
        state = told[number][-1]["status"] if told[number] else "open"
        assert row["state"] == state, f"suggestion {number} is {row['state']}, and was last told {state}"
        assert [answer["revision"] for answer in told[number]] == list(range(len(told[number])))
        assert state == "open" or row["lease_owner"] is None, f"suggestion {number} is told and leased"
        assert (row["lease_owner"] is None) == (row["lease_until"] is None)
        cost = row["cost"]
        assert entered[number] == pytest.approx(cost if state == "open" else 0), f"reservation of {number}, {state}"
        assert spent[number] == pytest.approx(0 if state in ("open", *_FREE) else cost), f"cost of {number}, {state}"
    places = [(row["candidate_id"], row["rung"], row["replicate"]) for row in issued.values() if row["live"]]
    assert len(places) == len(set(places)), f"issued twice: {Counter(places).most_common(3)}"
    for campaign in tables["campaigns"]:
        _require_whole_campaign(campaign["id"], tables)
    return tables


def _require_whole_campaign(campaign: int, tables: Tables) -> None:
    files = [row["version"] for row in tables["campaign_files"] if row["campaign_id"] == campaign]
    assert files == list(range(len(files))) != []
    rounds = [row for row in tables["rounds"] if row["campaign_id"] == campaign]
    assert [row["number"] for row in rounds] == list(range(len(rounds)))
    for row in rounds:
        mine = [s for s in tables["suggestions"] if (s["campaign_id"], s["token"]) == (campaign, row["token"])]
        assert mine, f"round {row['number']} issued nothing"
        assert {s["round"] for s in mine} == {row["number"]}


def facts_of(tables: Tables) -> set[Fact]:
    """What there is to know of a store's campaigns, without numbers, times, owners and attempts."""
    name = {row["id"]: row["name"] for row in tables["campaigns"]}
    key = {row["id"]: row["key"] for row in tables["candidates"]}
    place = {
        row["id"]: (
            name[row["campaign_id"]],
            key[row["candidate_id"]],
            row["rung"],
            row["replicate"],
            _nth(tables, row),
        )
        for row in tables["suggestions"]
    }
    facts: set[Fact] = {("campaign", one) for one in name.values()}
    facts |= {
        ("file", name[row["campaign_id"]], row["version"], _plain(row["content"])) for row in tables["campaign_files"]
    }
    facts |= {
        ("issued", *place[row["id"]], row["origin"], row["round"], row["cost"], row["state"] == "open")
        for row in tables["suggestions"]
    }
    facts |= {
        (
            *("told", *place[row["suggestion_id"]], row["revision"], row["status"]),
            *(_plain(row["values"]), _plain(row["errors"]), row["error"]),
        )
        for row in tables["measurements"]
    }
    facts |= {
        ("round", name[row["campaign_id"]], row["number"], _plain(row["record"], "seconds")) for row in tables["rounds"]
    }
    entries = Counter(
        (*place[row["suggestion_id"]], row["entry"], row["reserved"], row["spent"]) for row in tables["ledger"]
    )
    return facts | {("ledger", *entry, n) for entry, n in entries.items()}


def lasting(facts: set[Fact]) -> set[Fact]:
    """Those that stay once they are: that a suggestion is open does not."""
    return {fact[:-1] if fact[0] == "issued" else fact for fact in facts}


def _nth(tables: Tables, row: Row) -> int:
    """How often the same place was issued before."""
    same = ("campaign_id", "candidate_id", "rung", "replicate")
    return sum(all(other[k] == row[k] for k in same) and other["id"] < row["id"] for other in tables["suggestions"])


def _plain(content: Any, *but: str) -> str:
    """JSON as one text, whether the database gave it as one or as an object."""
    given = json.loads(content) if isinstance(content, str) else content
    if isinstance(given, dict):
        given = {name: value for name, value in given.items() if name not in but}
    return json.dumps(given, sort_keys=True)
