"""How the loop hands out work: one worker gives one result wherever it is, several never wait for a whole round."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.campaign.evaluation import ENOUGH, EvaluationError, Streaks
from gfnmat.campaign.records import Answer, Choice

Opener = Callable[..., Campaign]

SLOW = '''
"""Properties that take a while, and a record of who evaluated what, and when."""
import os, time
from pathlib import Path

folder = Path(__file__).parent

def note(text):
    with (folder / "record.txt").open("a") as file:
        file.write(f"{os.getpid()} {time.monotonic():.6f} {text}\\n")

def slow(materials):
    answers = []
    for material in materials:
        note(f"begin {material.reduced_formula}")
        time.sleep(0.1)
        answers.append({"bulk_modulus": 100.0 + 100 * material.get_atomic_fraction("O"), "density": 3.0})
        note(f"end {material.reduced_formula}")
    return answers

def deadly(materials):
    for material in materials:
        tried = folder / f"tried-{material.reduced_formula}"
        if sum(map(ord, material.reduced_formula)) % 2 and not tried.exists():
            tried.touch()
            os._exit(3)
    return slow(materials)

def poisoned(materials):
    if any(sum(map(ord, material.reduced_formula)) % 5 == 0 for material in materials):
        os._exit(3)
    return slow(materials)

def hopeless(materials):
    os._exit(3)
'''


@pytest.fixture
def slowly(content: dict[str, Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The small campaign with its target in processes; of a few dozen evaluations of a tenth of a second."""
    module = f"slow_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(SLOW)

    def made(function: str = "slow", **settings: Any) -> dict[str, Any]:
        target = {**content["fidelities"][1], "function": f"{module}:{function}"}
        return {
            **content,
            "fidelities": [content["fidelities"][0], target],
            "execution": {"backoff": 0.05, "executors": {"real": {"kind": "processes", **settings}}},
            "proposer": {"kind": "random", "pool": 60},
        }

    return made


def table(campaign: Campaign) -> pd.DataFrame:
    return campaign.measurements().drop(columns="seconds")


@pytest.mark.slow
def test_one_worker_in_a_process_gives_what_this_process_gives(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener
) -> None:
    there = open_campaign("there.db", **slowly())
    there.run()
    here = open_campaign("here.db", **{**slowly(), "execution": {}})
    here.run()
    pd.testing.assert_frame_equal(table(there), table(here))
    pd.testing.assert_frame_equal(there.rounds().drop(columns="seconds"), here.rounds().drop(columns="seconds"))


@pytest.mark.slow
def test_several_workers_share_the_work_and_the_next_round_is_planned_beside_it(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener, tmp_path: Path
) -> None:
    content = {**slowly(workers=2), "budget": {"cost": 30}, "acquisition": {"batch_size": 6}}
    campaign = open_campaign(**content)
    seen: list[Any] = []
    campaign.run(seen.append)
    measured = campaign.measurements().query("fidelity == 'real'")
    assert set(measured.status) == {"done"}
    assert not measured.formula.duplicated().any()
    assert campaign.status().spent <= 30
    assert campaign.status().finished
    record = [line.split() for line in (tmp_path / "record.txt").read_text().splitlines()]
    workers = {line[0] for line in record}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers
    begun = [line[3] for line in record if line[2] == "begin"]
    assert sorted(begun) == sorted(measured.formula), "nothing was evaluated twice"
    # answers came back while a round was planned
    beside = [p.evaluations for p in seen if p.phase in ("learn", "propose", "select") and p.done < p.planned]
    assert len(set(beside)) > 1


@pytest.mark.slow
def test_a_worker_that_dies_costs_an_attempt_of_its_own_task(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener, tmp_path: Path
) -> None:
    campaign = open_campaign(**{**slowly("deadly", workers=2), "budget": {"cost": 14}})
    campaign.run()
    measured = campaign.measurements().query("fidelity == 'real'")
    assert set(measured.status) == {"done"}
    died = {path.name.removeprefix("tried-") for path in tmp_path.glob("tried-*")}
    assert died
    attempts = {s.choice.formula: s.attempts for s in campaign._store.suggestions() if s.choice.rung == 1}
    assert {formula for formula, count in attempts.items() if count == 2} == died
    assert {count for formula, count in attempts.items() if formula not in died} == {1}


@pytest.mark.slow
def test_what_kills_its_worker_is_found_in_its_batch_and_given_up(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener
) -> None:
    campaign = open_campaign(**{**slowly("poisoned", workers=1, batch=4), "budget": {"cost": 10}})
    campaign.run()
    measured = campaign.measurements().query("fidelity == 'real'")
    poison = measured.formula.map(lambda formula: sum(map(ord, formula)) % 5 == 0)
    assert set(measured.status[~poison]) == {"done"}
    assert set(measured.status[poison]) <= {"retryable"}
    assert campaign.status().finished


def test_a_rung_whose_workers_are_lost_goes_on_and_one_that_never_works_stops() -> None:
    lost, said = Answer("retryable", error="the node was lost"), Answer("retryable", error="no such module")
    streaks = Streaks(["hint", "real"])
    for number in range(5 * ENOUGH):  # nodes come and go
        streaks.require_some_worker(1, {})
        if number % (ENOUGH - 1) == 0:
            streaks.require_some_answer(1, {1000 + number: Answer("done", {"density": 1.0})})
        streaks.require_some_worker(1, {number: lost})
    streaks = Streaks(["hint", "real"])
    for number in range(ENOUGH - 1):
        streaks.require_some_worker(1, {number: lost})
    with pytest.raises(EvaluationError, match="real failed for every one of 8 materials: the node was lost"):
        streaks.require_some_worker(1, {ENOUGH: lost})
    with pytest.raises(EvaluationError, match="hint failed for every one of 3 materials: no such module"):
        streaks.require_some_answer(0, dict.fromkeys(range(3), said))


@pytest.mark.slow
def test_workers_that_always_die_stop_the_loop(slowly: Callable[..., dict[str, Any]], open_campaign: Opener) -> None:
    content = {**slowly("hopeless", workers=2), "acquisition": {"batch_size": 12}, "budget": {"cost": 20}}
    campaign = open_campaign(**content)
    with pytest.raises(EvaluationError, match=r"real failed for every one of 8 materials: .*ended with .* 3"):
        campaign.run()
    assert campaign.measurements().query("fidelity == 'real' and status == 'done'").empty
    given_up = campaign.measurements().query("status == 'retryable'")
    assert len(given_up) >= 8
    assert not given_up.cost.any()


def test_a_rung_that_is_at_fault_does_not_cost_another_one_its_work(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener, tmp_path: Path
) -> None:
    campaign = open_campaign(**slowly(workers=2))

    def broken(materials: list[Any]) -> list[Any]:
        time.sleep(0.05)
        raise ImportError("no such module")

    store, names = campaign._store, ["hint", "real"]
    pool = campaign._proposer.propose(40, None, seed=0).candidates
    known = dict(zip(pool.keys, pool.formulas, strict=True))
    choices = [Choice(key, formula, 1, 1.0, {}, {}, "") for key, formula in list(known.items())[:2]]
    choices += [Choice(key, formula, 0, 0.1, {}, {}, "") for key, formula in list(known.items())[2:6]]
    store.issue(choices, names, None, None, 0, asked=False)
    campaign._ladder._oracles[0].function = broken
    with pytest.raises(EvaluationError, match="hint failed for every one of"):
        campaign.run()
    told = campaign.measurements()
    assert list(told.fidelity) == ["real", "real"], "what was running was waited for and kept"
    assert set(told.status) == {"done"}


def test_a_pause_is_made_before_the_next_attempt_that_doubles(
    slowly: Callable[..., dict[str, Any]], open_campaign: Opener, content: dict[str, Any]
) -> None:
    made = {**slowly(), "execution": {"backoff": 0.2, "attempts": 3}, "budget": {"cost": 4, "rounds": 2}}
    campaign = open_campaign(**made)
    times: dict[str, list[float]] = {}
    oracle = campaign._ladder._oracles[1]
    real = oracle.function

    def flaky(materials: list[Any]) -> list[Any]:
        answers = real(materials)
        first = materials[0].reduced_formula
        times.setdefault(first, []).append(time.monotonic())
        if first == next(iter(times)) and len(times[first]) < 3:
            answers[0] = OSError("the node went away")
        return answers

    oracle.function = flaky
    campaign.run()
    began = times[next(iter(times))]
    assert len(began) == 3
    assert began[1] - began[0] >= 0.2
    assert began[2] - began[1] >= 0.4
    assert set(campaign.measurements().status) == {"done"}


@pytest.mark.slow
def test_a_campaign_in_a_script_without_a_main_guard_is_run_once(
    slowly: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    import json
    import subprocess

    (tmp_path / "campaign.json").write_text(json.dumps({**slowly(workers=1), "budget": {"cost": 3, "rounds": 2}}))
    script = tmp_path / "script.py"
    script.write_text(
        "import json, pathlib, torch\n"
        "torch.set_num_threads(1)\n"
        "from gfnmat import Campaign\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "print('once')\n"
        "c = Campaign.open(json.loads((here / 'campaign.json').read_text()), store=f'sqlite:///{here}/script.db')\n"
        "c.run()\n"
        "print(len(c.measurements()))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[0] == "once"
    assert len(done.stdout.splitlines()) == 2
    assert int(done.stdout.splitlines()[1]) > 0
