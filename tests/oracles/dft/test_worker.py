"""A worker process and everything that it may do instead of answering."""

import gc
import os
import subprocess
import sys
import time

import pytest

from oracles.dft.worker import Worker
from oracles.evaluation import UnavailableError

FAITHFUL = """
import json, os, sys, time
print(json.dumps({"version": "1"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    what = request.get("do")
    if what == "die": os.kill(os.getpid(), 9)
    if what == "exit": sys.exit("no space left")
    if what == "hang": time.sleep(60)
    if what == "rubbish": print("Traceback: what?", flush=True); continue
    if what == "list": print("[1, 2]", flush=True); continue
    if what == "other": print(json.dumps({"id": 0}), flush=True); continue
    if what == "half": sys.stdout.write('{"id": '); sys.stdout.flush(); os._exit(3)
    if what == "slowly":
        text = json.dumps({"id": request["id"], "pid": os.getpid()}) + "\\n"
        for letter in text: sys.stdout.write(letter); sys.stdout.flush(); time.sleep(0.001)
        continue
    print(json.dumps({"id": request["id"], "pid": os.getpid(), "length": len(line)}), flush=True)
"""


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(FAITHFUL)
    made = Worker([sys.executable, str(script)])
    yield made
    made.close()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_answers_all_requests(worker):
    worker.start()
    assert worker.greeting == {"version": "1"}
    first, second = worker.ask({}, 10), worker.ask({"do": "slowly"}, 10)
    assert first["pid"] == second["pid"]
    assert worker.ask({"text": "x" * 1_000_000}, 10)["length"] > 1_000_000


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("die", "the worker was killed by signal 9"),
        ("exit", "the worker ended with status 1: no space left"),
        ("half", "the worker ended with status 3"),
        ("rubbish", "answered b'Traceback: what\\?', which is no JSON object"),
        ("list", "no JSON object"),
        ("other", "answered 0, not 2"),
    ],
)
def test_what_does_not_answer_is_replaced(worker, what, reason):
    first = worker.ask({}, 10)["pid"]
    with pytest.raises(UnavailableError, match=reason):
        worker.ask({"do": what}, 10)
    assert worker.ask({}, 10)["pid"] != first
    assert not is_running(first)


def test_what_is_overdue_is_killed_and_replaced(worker):
    first = worker.ask({}, 10)["pid"]
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0.3 s; allow more `seconds`"):
        worker.ask({"do": "hang"}, 0.3)
    assert time.monotonic() - start < 5
    assert not is_running(first)
    assert worker.ask({}, 10)["pid"] != first


def test_it_is_replaced_when_it_was_killed_while_idle(worker):
    first = worker.ask({}, 10)["pid"]
    os.kill(first, 9)
    time.sleep(0.1)
    assert worker.ask({}, 10)["pid"] != first


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(UnavailableError, match="does not start"):
        Worker([str(tmp_path / "nowhere")]).start()
    with pytest.raises(UnavailableError, match=r"ended with status 2: .*can't open file"):
        Worker([sys.executable, str(tmp_path / "nowhere.py")]).start()


def test_nothing_is_left_of_it(worker):
    pid = worker.ask({}, 10)["pid"]
    del worker
    gc.collect()
    held = Worker([sys.executable, "-c", FAITHFUL])
    other = held.ask({}, 10)["pid"]
    assert is_running(pid)  # the fixture still has the first one
    del held
    gc.collect()
    assert not is_running(other)


def test_it_ends_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(FAITHFUL)
    parent = f"""
import sys, time
from oracles.dft.worker import Worker
worker = Worker([sys.executable, {str(script)!r}])
print(worker.ask({{}}, 10)["pid"], flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 10
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(child)
