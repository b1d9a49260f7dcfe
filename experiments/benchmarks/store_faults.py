"""Whether a store loses or doubles anything where its processes are killed, or issue at once; on both databases.

    python experiments/benchmarks/store_faults.py [--engines sqlite postgresql] [--kills 200] [--issues 10000]
        [--longest 2.0] [--seed 0] [--quick]

1. Kills. Four processes at a time begin with an empty database and then, in a loop, issue (four of the next sixteen
   formulas of one list, so that they compete), claim up to four, and tell each of these. After each call that returned
   a process appends a line to a file. Each is killed (SIGKILL) at a time that is uniform in its first `longest` seconds
   and replaced, until so many are. Then every line is compared with what the store holds.
2. Issues. Eight processes walk through one list of formulas together, each trying to issue all of it by eights, until
   the budget, which pays for `issues` of them, is spent. What they were given is compared.

Counted as faults: an answer or a number that a call returned and the store lacks or has otherwise; a pair of candidate
and fidelity issued twice; a suggestion leased to two owners at once; a ledger that differs from what was issued and
told; a budget that is overspent; a process that ended by itself. What was written by calls that had not returned may
be kept or not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter

from engines import ENGINES, conditions, databases
from machine import describe

from gfnmat.campaign.records import Answer, Choice, Limits, Suggestion
from gfnmat.campaign.store import owner
from gfnmat.campaign.store.sql_store import SqlStore

DRIVERS = 4
AT_ONCE = 4
AHEAD = 16
ISSUERS = 8
BATCH = 8
LEASE = 300.0  # no lease ends meanwhile: what is claimed again, is so because its owner was killed
NAMES = ["real"]
NO_LIMIT = Limits()


def choice(number: int) -> Choice:
    """The candidate of a number."""
    formula = f"Li{number + 1}O"
    return Choice(formula, formula, 0, 1.0, {"density": 3.0}, {"density": 0.1}, "to be killed for")


def opened(url: str) -> SqlStore:
    """The store of the campaign, which the first process to write starts."""
    store = SqlStore(url)
    store.open("faults", {"seed": 0}, {"gfnmat": "benchmark"})
    return store


def drive(url: str, lines: int, seed: int) -> None:
    """Issues, claims and tells until it is killed; each call that returned is a line."""

    def say(*words: object) -> None:
        os.write(lines, (" ".join(map(str, words)) + "\n").encode())

    random, store, who = Random(seed), opened(url), owner.take_up()
    while True:
        first = max((suggestion.id for suggestion in store.suggestions()), default=0)
        numbers = sorted(random.sample(range(first, first + AHEAD), AT_ONCE))
        issued = store.issue([choice(n) for n in numbers], NAMES, None, None, 0, asked=False)
        for suggestion in issued:
            say("issued", suggestion.id, suggestion.choice.key)
        claimed = store.claim(who, 0, AT_ONCE, LEASE)
        for suggestion in claimed:
            say("claimed", suggestion.id, suggestion.attempts)
        for suggestion in claimed:
            value = random.random()
            store.tell({suggestion.id: Answer("done", {"density": value}, provenance={"driver": who})})
            say("told", suggestion.id, value)


def fork(work: Callable[[], None]) -> int:
    """Starts work in a fork of this process; its number."""
    if number := os.fork():
        return number
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@dataclass
class Life:
    """A driver, and when it is killed."""

    number: int
    until: float


def kill(url: str, kills: int, longest: float, seed: int, file: Path) -> Counter[str]:
    """Kills drivers; counts what they said, and the faults of what is left."""
    random, started = Random(seed), 0
    counts: Counter[str] = Counter()
    lines = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    lives: list[Life] = []
    while counts["kills"] < kills:
        while len(lives) < min(DRIVERS, kills - counts["kills"]):
            started += 1
            this = seed * 1_000_000 + started
            lives.append(
                Life(fork(lambda this=this: drive(url, lines, this)), perf_counter() + random.uniform(0, longest))
            )
        life = min(lives, key=lambda life: life.until)
        time.sleep(max(0.0, life.until - perf_counter()))
        lives.remove(life)
        os.kill(life.number, signal.SIGKILL)
        _, status = os.waitpid(life.number, 0)
        counts["kills"] += 1
        counts["FAULT: ended by itself"] += not os.WIFSIGNALED(status)
    os.close(lines)
    return counts + compared(file.read_text().splitlines(), opened(url))


def compared(lines: list[str], store: SqlStore) -> Counter[str]:
    """What calls had returned, against what the store holds."""
    counts: Counter[str] = Counter()
    issued = {suggestion.id: suggestion for suggestion in store.suggestions()}
    answers = store.answers()
    told = {number: answer.values["density"] for _, number, answer in answers}
    leases: set[tuple[str, str]] = set()
    for line in lines:
        what, number, rest = line.split()
        counts[what] += 1
        if what == "issued" and (int(number) not in issued or issued[int(number)].choice.key != rest):
            counts["FAULT: issue lost"] += 1
        if what == "told" and told.get(int(number)) != float(rest):
            counts["FAULT: measurement lost"] += 1
        if what == "claimed":
            counts["FAULT: leased twice"] += (number, rest) in leases
            leases.add((number, rest))
    counts["FAULT: told twice"] += len(answers) - len(told)
    counts["FAULT: issued twice"] += doubles(list(issued.values()))
    balance = store.balance()
    right = (len(issued) - len(told), len(told))
    counts["FAULT: ledger"] += (round(balance.reserved), round(balance.spent)) != right
    counts["kept issues"], counts["kept measurements"] = len(issued), len(told)
    return counts


def doubles(issued: list[Suggestion]) -> int:
    """How many were issued again; nothing here is withdrawn."""
    pairs = Counter((s.choice.key, s.choice.rung, s.choice.replicate) for s in issued)
    return sum(n - 1 for n in pairs.values())


def issue(url: str, issues: int) -> Counter[str]:
    """Has processes issue from one list at once; counts what they were given, and the faults."""
    context = multiprocessing.get_context("fork")
    ready, given = context.Barrier(ISSUERS), context.Queue()
    choices = [choice(number) for number in range(issues + issues // 10)]
    limits = Limits(cost=float(issues))

    def work() -> None:
        store = opened(url)
        mine: list[tuple[int, str]] = []
        ready.wait()
        for start in range(0, len(choices), BATCH):
            found = store.issue(choices[start : start + BATCH], NAMES, None, None, 0, asked=False, limits=limits)
            mine += [(suggestion.id, suggestion.choice.key) for suggestion in found]
        given.put(mine)

    processes = [context.Process(target=work) for _ in range(ISSUERS)]
    for process in processes:
        process.start()
    shares = [given.get() for _ in processes]
    for process in processes:
        process.join()
    store = opened(url)
    kept = store.suggestions()
    counts = Counter({"calls": ISSUERS * -(-len(choices) // BATCH), "issued": sum(map(len, shares))})
    counts["FAULT: issued twice"] = doubles(kept)
    counts["FAULT: given to two"] = counts["issued"] - len({key for share in shares for _, key in share})
    counts["FAULT: given and not kept"] = len(
        {pair for share in shares for pair in share} - {(s.id, s.choice.key) for s in kept}
    )
    counts["FAULT: not given and kept"] = len(kept) - counts["issued"]
    counts["FAULT: budget"] = abs(round(store.balance().reserved) - issues)
    counts["least of one process"] = min(map(len, shares))
    counts["most of one process"] = max(map(len, shares))
    return counts


def report(engine: str, of: str, counts: Counter[str], seconds: float) -> int:
    """Prints; how many faults there were."""
    faults = {name: n for name, n in counts.items() if name.startswith("FAULT")}
    said = ", ".join(f"{n:,} {name}" for name, n in counts.items() if name not in faults)
    print(f"{engine}, {of}: {said}; {seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
    found = {name: n for name, n in faults.items() if n}
    print(f"  faults: {sum(found.values())} (aim: 0) {found or ''}".rstrip(), flush=True)
    return sum(found.values())


def main() -> None:
    """Runs and prints; fails if there are faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds that a process lives at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it runs")
    arguments = parser.parse_args()
    kills, issues = (8, 200) if arguments.quick else (arguments.kills, arguments.issues)
    print(describe("gfnmat"))
    print(f"{conditions()}; seed {arguments.seed}", flush=True)
    faults = 0
    with databases(arguments.engines) as makers, tempfile.TemporaryDirectory() as folder:
        for engine, make in makers.items():
            start = perf_counter()
            counts = kill(make(), kills, arguments.longest, arguments.seed, Path(folder) / engine)
            faults += report(engine, f"{DRIVERS} processes killed at random times", counts, perf_counter() - start)
            start = perf_counter()
            counts = issue(make(), issues)
            faults += report(engine, f"{ISSUERS} processes issue at once", counts, perf_counter() - start)
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
