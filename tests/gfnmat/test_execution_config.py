"""The section of a campaign file on execution: what is wrong, where, and what is allowed."""

from pathlib import Path

import pytest

from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig, ConfigError
from gfnmat.execution_config import InlineConfig, ParslConfig, ProcessesConfig, PythonConfig

GOOD = """\
name: good
space: {elements: [Li, O]}
objectives:
  - {property: density, goal: minimize}
fidelities:
  - {name: single point, oracle: pauling, cost: 1}
  - {name: relaxed, oracle: pauling, cost: 2}
  - {name: dft, oracle: pauling, cost: 3}
budget: {cost: 10}
execution:
  attempts: 5
  executors:
    single point: {kind: processes, workers: 2, seconds: 600, memory: 4}
    relaxed: {kind: python, factory: "mycluster:executor", arguments: {cores: 4}, workers: 4}
    dft:
      kind: parsl
      provider: slurm
      workers: 4
      nodes: 8
      walltime: 24:00:00
      options: {partition: cpu}
"""


def test_what_is_said_is_read_and_the_rest_has_defaults(tmp_path: Path) -> None:
    execution = _loaded(tmp_path, GOOD).execution
    assert (execution.attempts, execution.backoff, execution.lease) == (5, 1.0, 300.0)
    first, second, third = (execution.executor(name) for name in ("single point", "relaxed", "dft"))
    assert first == ProcessesConfig(kind="processes", workers=2, seconds=600, memory=4)
    assert (first.batch, first.at_once) == (1, 2)
    assert isinstance(second, PythonConfig)
    assert (second.arguments, second.at_once, second.threads) == ({"cores": 4}, 4, None)
    assert isinstance(third, ParslConfig)
    assert (third.at_once, third.walltime, third.options) == (32, "24:00:00", {"partition": "cpu"})


def test_without_the_section_all_is_evaluated_here(tmp_path: Path) -> None:
    execution = _loaded(tmp_path, GOOD.partition("execution:")[0]).execution
    assert execution.executor("dft") == InlineConfig()
    assert execution.executor("dft").batch == 8


def test_it_is_no_part_of_what_makes_a_campaign(tmp_path: Path) -> None:
    config, without = _loaded(tmp_path, GOOD), _loaded(tmp_path, GOOD.partition("execution:")[0])
    assert config.identity == without.identity
    assert CampaignConfig.model_validate(config.kept).execution == config.execution


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ("kind: processes", "kind: proceses", ["line 13", "point.kind is 'proceses'", "did you mean processes"]),
        ("kind: processes, ", "", ["line 13", "kind is required and missing; allowed are inline, processes, parsl"]),
        ("{kind: processes, workers: 2, seconds: 600, memory: 4}", "4", ["line 13", "has a kind and its settings"]),
        ("workers: 2", "worker: 2", ["line 13", "worker is not a key here", "did you mean workers"]),
        ("workers: 2", "workers: 0", ["line 13", "workers is 0", "greater than or equal to 1"]),
        ("memory: 4", "provider: slurm", ["line 13", "not a key here", "it goes with kind: parsl"]),
        ("kind: processes", "kind: inline", ["line 13", "allowed are kind, batch; it goes with kind: processes"]),
        ("seconds: 600", "seconds: 0", ["line 13", "seconds is 0", "greater than 0"]),
        ("provider: slurm", "provider: slrum", ["line 17", "local, slurm, pbs, torque", "did you mean slurm"]),
        ("walltime: 24:00:00", "walltime: 1 day", ["line 15", "walltime is '1 day'", "such as 01:00:00"]),
        ("partition: cpu", "max_blocks: 3", ["line 15", "max_blocks is said by `nodes`"]),
        ("nodes: 8", "accelerators: 2", ["line 15", "workers is 4, and there are 2 accelerators"]),
        ('factory: "mycluster:executor", ', "", ["line 14", "relaxed.factory is required and missing"]),
        ("attempts: 5", "atempts: 5", ["line 11", "atempts is not a key here", "did you mean attempts"]),
        ("attempts: 5", "attempts: 0", ["line 11", "attempts is 0"]),
        ("attempts: 5", "backoff: -1", ["line 11", "backoff is -1"]),
        ("    relaxed: {", "    relaxd: {", ["'relaxd' is no fidelity", "did you mean relaxed"]),
        ("relaxed, oracle: pauling", "relaxed, oracle: laboratory", ["at relaxed a person answers"]),
    ],
)
def test_a_fault_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, reasons: list[str]
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as refused:
        _loaded(tmp_path, GOOD.replace(old, new, 1))
    for reason in reasons:
        assert reason in str(refused.value)


def _loaded(tmp_path: Path, text: str) -> CampaignConfig:
    path = tmp_path / "campaign.yaml"
    path.write_text(text)
    return load(path)
