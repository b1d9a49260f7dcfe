"""What a worker is sent and does."""

import os
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
import pytest
from pymatgen.core import Composition

from gfnmat.campaign.execution.failures import TaskError, WorkerDiedError
from gfnmat.campaign.execution.task import OracleSpec, TaskLimits, evaluate, evaluate_within, payload
from gfnmat.problem import Fidelity

MATERIALS = [Composition("NaCl"), Composition("Li2O")]


def spec(oracle: str, **settings: Any) -> bytes:
    fidelity = Fidelity.model_validate({"name": "only", "oracle": oracle, "cost": 1, **settings})
    return OracleSpec(fidelity, ("density",), Path()).pickled()


def python(function: Any) -> bytes:
    return spec("python", function=function)


def test_an_oracle_is_asked() -> None:
    first, second = evaluate(payload(spec("pauling"), MATERIALS, None))
    assert first.status == second.status == "done"
    assert first.values["formation_energy"] < 0


def test_it_is_built_once() -> None:
    built = spec("python", function=lambda materials: [{"density": float(os.getpid())}] * len(materials))
    assert evaluate(payload(built, MATERIALS, None)) is not None
    from gfnmat.campaign.execution.task import _built

    before = dict(_built.oracles)
    evaluate(payload(built, MATERIALS, None))
    assert _built.oracles == before
    assert built in before


def test_a_function_without_a_module_and_a_table_in_memory_go_with_it() -> None:
    table = pd.DataFrame({"formula": ["NaCl", "Li2O"], "density": [2.16, 2.01]})
    answers = evaluate(payload(spec("table", frame=table, key="formula"), MATERIALS, None))
    assert [answer.values["density"] for answer in answers] == [2.16, 2.01]
    factor = 2.0
    doubled = evaluate(payload(python(lambda found: [{"density": factor} for _ in found]), MATERIALS, None))
    assert [answer.values["density"] for answer in doubled] == [2.0, 2.0]


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(TaskError, match=r"fidelities: only: unknown oracle 'paulin'.*did you mean 'pauling'"):
        evaluate(payload(spec("paulin"), MATERIALS, None))


def test_threads_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    evaluate(payload(spec("pauling"), MATERIALS, None))
    assert os.environ["OMP_NUM_THREADS"] == "7"
    evaluate(payload(spec("pauling"), MATERIALS, 1))
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_limits_hold_where_the_executor_has_none() -> None:
    def slow(materials: list[Any]) -> list[Any]:
        import time

        time.sleep(60)
        return []

    def deadly(materials: list[Any]) -> list[Any]:
        os._exit(5)

    limits = TaskLimits(seconds=5, memory=None)
    answers = evaluate_within(limits, payload(spec("pauling"), MATERIALS, 1))
    assert [answer.status for answer in answers] == ["done", "done"]
    with pytest.raises(TimeoutError, match=r"no answer within 0.3 s"):
        evaluate_within(TaskLimits(0.3, None), payload(python(slow), MATERIALS, 1))
    with pytest.raises(WorkerDiedError, match="exit code 5"):
        evaluate_within(limits, payload(python(deadly), MATERIALS, 1))
    assert cloudpickle.loads(cloudpickle.dumps(answers)) == answers
