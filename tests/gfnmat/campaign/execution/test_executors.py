"""The executor of each rung, as a campaign file describes it."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Composition

from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign.execution.failures import failure_of
from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig, ConfigError
from oracles import Evaluation

PATIENCE = 60.0
NACL = Composition("NaCl")


def campaign(executors: dict[str, Any], folder: Path = Path(__file__).parent, **others: Any) -> CampaignConfig:
    read = load(
        {
            "space": {"elements": ["Li", "O"]},
            "objectives": [{"property": "density", "goal": "minimize"}],
            "fidelities": [
                {"name": "estimate", "oracle": "pauling", "cost": 1},
                {"name": "single point", "oracle": "python", "function": "execution_work:densities", "cost": 2},
            ],
            "budget": {"cost": 10},
            "execution": {"executors": executors},
            **others,
        }
    )
    return read.model_copy(update={"folder": folder})


def here(rung: int, materials: Sequence[Any]) -> list[Evaluation]:
    return [Evaluation.done({"density": rung + 1.0}) for _ in materials]


def test_what_is_not_named_is_evaluated_here() -> None:
    with Executors(campaign({}), here) as executors:
        assert executors.is_inline(0)
        assert (executors.workers(0), executors.batch(0)) == (1, 8)
        (answer,) = executors.submit(1, [NACL]).result()
        assert answer.values == {"density": 2.0}


def test_what_is_wrong_here_is_in_the_future() -> None:
    def failing(rung: int, materials: Sequence[Any]) -> list[Evaluation]:
        raise OSError("disk full")

    with Executors(campaign({}), failing) as executors:
        assert failure_of(executors.submit(0, [NACL]).exception() or KeyError()) == "OSError: disk full"


def test_processes_ask_the_oracle_of_the_rung() -> None:
    config = campaign({"single point": {"kind": "processes", "workers": 2, "batch": 3, "seconds": 5}})
    with Executors(config, here) as executors:
        assert not executors.is_inline(1)
        assert executors.is_inline(0)
        assert (executors.workers(1), executors.batch(1)) == (2, 3)
        good = executors.submit(1, [NACL, Composition("Ar"), Composition("Li2O")])
        deadly, more = executors.submit(1, [Composition("He")]), executors.submit(1, [NACL])
        answers = good.result(PATIENCE)
        assert [answer.status for answer in answers] == ["done", "infeasible", "done"]
        assert [answer.values.get("density") for answer in answers] == [2.0, None, 3.0]
        assert failure_of(deadly.exception(PATIENCE) or KeyError()) == "the worker ended with exit code 7"
        assert more.result(PATIENCE)[0].values == {"density": 2.0}


def test_the_time_limit_is_of_one_material() -> None:
    config = campaign({"single point": {"kind": "processes", "seconds": 0.2}})
    with Executors(config, here) as executors:
        reason = executors.submit(1, [Composition("Ne"), NACL]).exception(PATIENCE)
        assert isinstance(reason, TimeoutError)
        assert "no answer within 0.4 s" in failure_of(reason)


@pytest.mark.parametrize("limits", [{}, {"seconds": 2.0, "memory": 1}])
def test_an_executor_of_the_users_own(limits: dict[str, float]) -> None:
    said = {"kind": "python", "factory": "execution_work:dask_executor", "arguments": {"threads": 2}, **limits}
    with Executors(campaign({"single point": said}), here) as executors:
        assert executors.submit(1, [NACL]).result(PATIENCE)[0].values == {"density": 2.0}
        if limits:
            hung, deadly = executors.submit(1, [Composition("Ne")]), executors.submit(1, [Composition("He")])
            assert isinstance(hung.exception(PATIENCE), TimeoutError)
            assert failure_of(deadly.exception(PATIENCE) or KeyError()) == "the worker ended with exit code 7"


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("execution_work", "module:name"),
        ("execution_work:nothing", "has no 'nothing'"),
        ("no_such_module:executor", "cannot import"),
        ("execution_work:raise_odd", "failed: OddError: odd indeed"),
        ("execution_work:modules", "returned list"),
    ],
)
def test_a_factory_that_is_none_is_named(factory: str, reason: str) -> None:
    config = campaign({"estimate": {"kind": "python", "factory": factory}})
    with Executors(config, here) as executors, pytest.raises(ConfigError, match=reason) as refused:
        executors.submit(0, [NACL])
    assert "execution: executors: estimate" in str(refused.value)


def test_leaving_by_an_exception_ends_all_at_once() -> None:
    config = campaign({"single point": {"kind": "processes", "workers": 2}})
    futures = []
    with suppress(KeyboardInterrupt), Executors(config, here) as executors:
        futures += [executors.submit(1, [Composition("Ne")]) for _ in range(4)]
        raise KeyboardInterrupt
    assert len(futures) == 4
    assert all(future.done() for future in futures)


def test_parsl_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parsl", None)
    with pytest.raises(ConfigError, match=r"pip install 'gfnmat\[parsl\]'"):
        Executors(campaign({"estimate": {"kind": "parsl"}}), here)


def test_the_oracle_here_is_the_ladders(tmp_path: Path) -> None:
    asked: list[int] = []

    def counted(rung: int, materials: Sequence[Any]) -> list[Evaluation]:
        asked.append(rung)
        return here(rung, materials)

    with Executors(campaign({"estimate": {"kind": "inline", "batch": 2}}, tmp_path), counted) as executors:
        executors.submit(0, [NACL])
        assert executors.batch(0) == 2
    assert asked == [0]
