"""Campaigns against each other: problems times methods times seeds.

    python experiments/benchmarks/compare.py PROBLEM... [--methods gfnmat random] [--seeds 100-109] [--jobs 2]
        [--data TABLES] [-o runs/compare]

A problem is a name (see harness/problems.py) or a campaign file of your own; a method (harness/methods.py) is what it
changes of the campaign file. Every run is a process of one thread and leaves its campaign file, store and measurements
below `-o`; the same command again runs only what is missing, and goes on where a run was killed. A change of a campaign
file, a table or of gfnmat itself makes new runs. Writes `curves.csv`, `summary.csv`, `runs.csv`, a PNG a problem and
`index.html`. The exit code is 1 if a run failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from harness.figures import write_png
from harness.methods import Method, methods_named
from harness.page import Section, write_page
from harness.problems import Problem, problem_named
from harness.results import collect
from harness.runner import Failure, run_all
from harness.runs import Run, code_digest, commit
from harness.sources import Table
from harness.tables import curves_table, runs_table, summary_table
from machine import describe


def seeds_of(text: str) -> list[int]:
    """`100-109` or `4,5,7` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise argparse.ArgumentTypeError(f"seeds are {text!r}; give for example 100-109 or 4,5,7.")
        found += range(int(first), int(last or first) + 1)
    return found


def main() -> int:
    """Runs what is missing, then writes tables, figures and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="+", metavar="PROBLEM")
    parser.add_argument("--methods", nargs="+", default=["gfnmat", "random"])
    parser.add_argument("--seeds", type=seeds_of, default=seeds_of("100-109"))
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--data", type=Path, help="folder of the tables that the problems are made from")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that one run may take")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/compare"))
    arguments = parser.parse_args()
    try:
        methods = methods_named(arguments.methods)
        problems = [problem_named(name) for name in arguments.problems]
        tables = [_table(problem, arguments.data, arguments.output) for problem in problems]
        runs = {
            problem.name: _runs(problem, table, methods, arguments.seeds, arguments.output)
            for problem, table in zip(problems, tables, strict=True)
        }
    except ValueError as error:
        parser.error(str(error))
    every = [run for of_problem in runs.values() for run in of_problem]
    failures = run_all(every, arguments.jobs, arguments.limit, lambda line: print(line, flush=True))
    sections = []
    for problem, table in zip(problems, tables, strict=True):
        results = collect(problem, table, runs[problem.name])
        if results is not None:
            of_problem = [failure for failure in failures if failure.run.problem == problem.name]
            sections.append(Section(results, curves_table(results), summary_table(results, of_problem)))
    facts = {
        "machine": describe("torchgfn", "botorch"),
        "jobs": f"{arguments.jobs} at a time, one thread each",
        "gfnmat": f"commit {commit() or 'unknown'}, sources {code_digest()[:12]}",
        "command": " ".join(sys.argv),
    }
    write(sections, failures, facts, arguments.output)
    return 1 if failures else 0


def _table(problem: Problem, data: Path | None, output: Path) -> Table | None:
    return problem.source.write(data, output / "tables") if problem.source else None


def _runs(
    problem: Problem, table: Table | None, methods: Sequence[Method], seeds: Sequence[int], output: Path
) -> list[Run]:
    # seed by seed, so that what is there after an interruption can be compared
    return [Run.of(problem, table, method, seed, output) for seed in seeds for method in methods]


def write(sections: Sequence[Section], failures: Sequence[Failure], facts: dict[str, str], output: Path) -> None:
    """Writes everything that there is to read."""
    for failure in failures:
        print(f"failed: {failure.run}: {failure.reason}")
    if not sections:
        print("no run has a result; nothing is written")
        return
    pd.concat([section.curves for section in sections]).to_csv(output / "curves.csv", index=False)
    summary = pd.concat([section.summary for section in sections])
    summary.to_csv(output / "summary.csv", index=False)
    pd.concat([runs_table(section.results) for section in sections]).to_csv(output / "runs.csv", index=False)
    for section in sections:
        write_png(section.results, section.curves, output / f"{section.results.problem.name}.png")
    write_page(sections, failures, facts, output / "index.html")
    print(summary.to_string(index=False, float_format="%.4g"))
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    print(f"{output / 'index.html'} shows it")


if __name__ == "__main__":
    sys.exit(main())
