"""How fast a campaign's store is, in SQLite and in PostgreSQL.

    python experiments/benchmarks/store_speed.py [--engines sqlite postgresql] [--measurements 1000 10000 100000]
        [--parts tells status ask] [--tells 1000] [--seed 0] [--quick]

1. Tells a second, one answer a transaction and all of them durable, by one process and by 8 at once. A tell cannot be
   faster than the disk keeps a page, which is printed first.
2. `Campaign.status()` of a campaign of three fidelities, two objectives and a constraint, by a new Campaign object in
   this process: best and worst of several, of the clock and of the processor's time; then the whole command `gfnmat
   status`, with its peak of memory. Of the measurements 60, 25 and 15 % are at the three fidelities; then the hard
   case, all of them at the target.
3. Of `Campaign.ask(8)`, with a random proposer and no surrogate: how much time goes into the store's methods, and how
   much more into what the campaign remembers of it (`Memory.history`); for an object that has asked before (mean of
   several, each after 8 answers were told) and for a new one, with the memory that it takes.

Formulas and values are random, from the seed; databases are filled by the store's own tables and removed at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import mean
from time import perf_counter, process_time
from typing import Any

import psutil
from engines import ENGINES, conditions, databases
from machine import describe
from sqlalchemy import create_engine, insert, select

from gfnmat.campaign import Campaign
from gfnmat.campaign.memory import Memory
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.store.rows import answer_row, candidate_row, suggestion_row
from gfnmat.campaign.store.schema import campaigns, candidates, ledger, measurements, suggestions
from gfnmat.campaign.store.sql_store import SqlStore
from gfnmat.campaign_file import load
from gfnmat.proposers.random import RandomProposer
from gfnmat.space.spaces import build_space

ELEMENTS = "Li Na K Mg Ca Sr Ba Ti Zr Mn Fe Co Ni Cu Zn Al Ga Si Ge P N O S F Cl"
SPACE = {
    "kind": "composition",
    "elements": ELEMENTS.split(),
    "n_elements": [2, 5],
    "n_atoms": [2, 20],
}
CAMPAIGN = {
    "name": "speed",
    "space": SPACE,
    "objectives": [
        {"property": "formation_energy", "goal": "minimize"},
        {"property": "band_gap", "goal": "target", "window": [1.2, 1.6]},
    ],
    "constraints": [{"property": "density", "max": 6}],
    "fidelities": [
        {"name": "guess", "oracle": "laboratory", "cost": 0.01},
        {"name": "quick", "oracle": "laboratory", "cost": 0.1},
        {"name": "real", "oracle": "laboratory", "cost": 1},
    ],
    "proposer": {"kind": "random", "pool": 500},
    "acquisition": {"kind": "random"},
    "budget": {"cost": 1e6},
}
NAMES = [fidelity["name"] for fidelity in CAMPAIGN["fidelities"]]
PROVENANCE = {"oracle": "chgnet", "chgnet": "0.4.2", "protocol": "relax", "max_force": "0.05"}
SHARES = {"60/25/15 %": (0.6, 0.25, 0.15), "all at the target": (0.0, 0.0, 1.0)}
TOLD_A_SECOND, STATUS, ASK = 200, 0.5, 0.1
PROCESSES = 8
AT_ONCE = 10_000


PARTS = ("tells", "status", "ask")


def random_answer(random: Random) -> Answer:
    """Three properties, one of them with a standard error."""
    values = {"formation_energy": random.gauss(-1.5, 1), "band_gap": abs(random.gauss(1, 2))}
    values["density"] = random.uniform(1, 12)
    return Answer("done", values, {"band_gap": 0.01}, seconds=random.uniform(1, 100), provenance=PROVENANCE)


def choice(formula: str, rung: int) -> Choice:
    """As a loop would pick it."""
    means = {"formation_energy": -1.512345678, "band_gap": 1.3123456789, "density": 4.123456789}
    why = "expected improvement of the hypervolume by cost: 0.0123; predicted formation_energy -1.5 +- 0.3"
    return Choice(formula, formula, rung, CAMPAIGN["fidelities"][rung]["cost"], means, means, why)


def formulas_of(n: int, seed: int) -> list[str]:
    """Distinct formulas of the space, as its candidates are named."""
    settings = {name: value for name, value in SPACE.items() if name != "kind"}
    proposer = RandomProposer(build_space("composition", **settings))
    found: dict[str, None] = {}
    while len(found) < n:
        seed += 1
        found |= dict.fromkeys(proposer.propose(min(n + 100, AT_ONCE), None, seed).candidates.keys)
    return list(found)[:n]


def fill(url: str, shares: tuple[float, ...], n: int, names: list[str], seed: int) -> None:
    """A campaign with n measurements, of which so many are at each rung; what is at one rung was at those below."""
    started = opened(url)
    started.add([(choice(names[0], 2), random_answer(Random(seed)))], NAMES)
    random, engine = Random(seed), create_engine(url)
    at = [round(n * share) for share in shares]
    pairs = [(name, rung) for rung, count in enumerate(at) for name in names[1 : count + 1]]
    random.shuffle(pairs)
    with engine.begin() as connection:
        mine = connection.execute(select(campaigns.c.id)).scalar_one()

        def written(table: Any, rows: list[dict[str, Any]]) -> list[int]:
            query = insert(table).returning(table.c.id, sort_by_parameter_order=True)
            return list(connection.execute(query, rows).scalars())

        used = list(dict.fromkeys(name for name, _ in pairs))
        ids = dict(zip(used, written(candidates, [candidate_row(mine, choice(name, 0)) for name in used]), strict=True))
        issued_at = datetime.now(UTC).isoformat(timespec="seconds")
        common = {"campaign_id": mine, "origin": "loop", "state": "done", "token": "0" * 32, "issued_at": issued_at}
        for start in range(0, len(pairs), AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            rows = [
                {
                    **common,
                    **suggestion_row(choice(name, rung)),
                    "candidate_id": ids[name],
                    "fidelity": NAMES[rung],
                    "batch": (start + k) // 8 + 2,
                    "round": (start + k) // 8 + 1,
                    "attempts": 1,
                }
                for k, (name, rung) in enumerate(part)
            ]
            numbers = written(suggestions, rows)
            told = [{"campaign_id": mine, "suggestion_id": number, "revision": 0} for number in numbers]
            written(measurements, [{**row, **answer_row(random_answer(random))} for row in told])
            entries = []
            for number, row in zip(numbers, rows, strict=True):
                key, cost = {"campaign_id": mine, "suggestion_id": number}, row["cost"]
                entries.append({**key, "entry": "reserved", "reserved": cost, "spent": 0.0})
                entries.append({**key, "entry": "done", "reserved": -cost, "spent": cost})
            written(ledger, entries)
    engine.dispose()


def opened(url: str) -> SqlStore:
    """The store of the campaign."""
    store = SqlStore(url)
    store.open("speed", load(CAMPAIGN).kept, {"gfnmat": "benchmark"})
    return store


def tells(url: str, n: int, names: list[str], seed: int, processes: int) -> float:
    """How many answers a second are told, of n that are issued before, by several processes."""
    issued = opened(url).issue([choice(name, 2) for name in names[:n]], NAMES, None, None, 0, asked=False)
    numbers = [suggestion.id for suggestion in issued]
    if processes == 1:
        return n / _tell(url, numbers, seed)
    context = multiprocessing.get_context("fork")  # each opens the store anew
    ready, results = context.Barrier(processes), context.Queue()

    def work(part: list[int]) -> None:
        results.put(_tell(url, part, seed, ready.wait))

    parts = [numbers[k::processes] for k in range(processes)]
    workers = [context.Process(target=work, args=(part,)) for part in parts]
    for worker in workers:
        worker.start()
    slowest = max(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return n / slowest


def _tell(url: str, numbers: list[int], seed: int, wait: Callable[[], object] = lambda: None) -> float:
    store, random = opened(url), Random(seed)
    store.count_rounds()  # connects
    wait()
    start = perf_counter()
    for number in numbers:
        store.tell({number: random_answer(random)})
    return perf_counter() - start


def status(url: str, runs: int) -> None:
    """Prints how long the status of a campaign takes."""
    seconds, of_processor = [], []
    for _ in range(runs):
        campaign = Campaign.open(CAMPAIGN, store=url)
        start, began = perf_counter(), process_time()
        found = campaign.status()
        seconds.append(perf_counter() - start)
        of_processor.append(process_time() - began)
    assert found.best is not None
    whole, peak = status_command(url)
    print(
        f"    status: {min(seconds):.2f} to {max(seconds):.2f} s in {runs} runs, of the processor "
        f"{min(of_processor):.2f} to {max(of_processor):.2f} s (aim: < {STATUS:g} s at 100,000); "
        f"gfnmat status: {whole:.1f} s, {peak:.0f} MiB at most",
        flush=True,
    )


def status_command(url: str) -> tuple[float, float]:
    """Seconds of `gfnmat status`, and the most MiB that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speed.yaml"
        file.write_text(json.dumps(CAMPAIGN))
        command = [str(Path(sys.executable).with_name("gfnmat")), "status", str(file), "--store", url]
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, code, usage = os.wait4(process.pid, 0)
        assert code == 0
        return perf_counter() - start, usage.ru_maxrss / 1024


class Clock:
    """Times calls, those inside others once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def call(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            self._depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                self.seconds += 0.0 if self._depth else perf_counter() - start

        return call


class TimedStore:
    """A store all of whose methods are timed."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._clock.timed(found) if callable(found) else found


def ask(url: str, runs: int, seed: int) -> None:
    """Prints how much of the time of asking goes into the store."""
    in_store, in_memory, random = Clock(), Clock(), Random(seed)
    before = psutil.Process().memory_info().rss
    plain = Memory.history
    Memory.history = in_memory.timed(plain)  # type: ignore[method-assign]
    try:
        campaign = Campaign(load(CAMPAIGN), TimedStore(SqlStore(url), in_store))  # type: ignore[arg-type]
        taken = []
        for _ in range(runs + 1):
            in_store.seconds = in_memory.seconds = 0.0
            start = perf_counter()
            asked = campaign.ask(8, fidelity="real")
            taken.append((in_store.seconds, in_memory.seconds, perf_counter() - start))
            rows = [{"id": number, **random_answer(random).values} for number in asked["id"]]
            start = perf_counter()
            campaign.tell(rows)
            told = perf_counter() - start
    finally:
        Memory.history = plain  # type: ignore[method-assign]
    added = (psutil.Process().memory_info().rss - before) / 2**20
    (cold, remembered, whole), warm = taken[0], taken[1:]
    stored, memory, total = (mean(each) for each in zip(*warm, strict=True))
    print(
        f"    ask(8), warm: {stored:.3f} s in the store, at most {max(w[0] for w in warm):.3f} (aim: < {ASK:g} s); "
        f"memory {memory:.3f} s, of both {total:.1f} s in all; telling the 8: {told:.2f} s\n"
        f"    ask(8), cold: {cold:.2f} s in the store; memory {remembered:.2f} s; {whole:.1f} s in all; "
        f"this process grew by {added:.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--measurements", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tells", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything, to see that it runs")
    arguments = parser.parse_args()
    sizes, n_tells, runs = arguments.measurements, arguments.tells, 5
    if arguments.quick:
        sizes, n_tells, runs = [max(sizes) // 100], 40, 2
    print(describe("gfnmat"))
    print(f"{conditions()}; seed {arguments.seed}")
    names = formulas_of(max(*sizes, n_tells) + 1, arguments.seed)
    with databases(arguments.engines) as makers:
        for engine, make in makers.items():
            for processes in (1, PROCESSES) if "tells" in arguments.parts else ():
                rates = [tells(make(), n_tells, names, arguments.seed, processes) for _ in range(min(runs, 3))]
                by = "one process" if processes == 1 else f"{processes} processes at once"
                aim = f"{TOLD_A_SECOND} a second" + (" on SQLite" if engine != "sqlite" else "")
                print(
                    f"{engine}: {n_tells} tells by {by}: {min(rates):.0f} to {max(rates):.0f} a second in "
                    f"{len(rates)} runs (aim: {aim})",
                    flush=True,
                )
            for n in sizes if {"status", "ask"} & set(arguments.parts) else ():
                for shape, shares in SHARES.items():
                    if n != max(sizes) and shape != next(iter(SHARES)):
                        continue
                    url = make()
                    fill(url, shares, n, names, arguments.seed)
                    print(f"{engine}: {n:,} measurements, {shape}, load {os.getloadavg()[0]:.1f}")
                    if "status" in arguments.parts:
                        status(url, runs)
                    if "ask" in arguments.parts and shape == next(iter(SHARES)):
                        ask(url, 1 if n > AT_ONCE else min(runs, 3), arguments.seed)


if __name__ == "__main__":
    started = time.time()
    main()
    print(f"{time.time() - started:.0f} s in all")
