"""What Parsl is given for each queue."""

from typing import Any

import pytest

from gfnmat.campaign.execution.parsl_providers import high_throughput_executor, provider
from gfnmat.config import ConfigError
from gfnmat.execution_config import ParslConfig


def said(**settings: Any) -> ParslConfig:
    return ParslConfig.model_validate({"kind": "parsl", **settings})


@pytest.mark.parametrize(
    ("name", "kind", "options", "expected"),
    [
        (
            "slurm",
            "SlurmProvider",
            {"partition": "cpu", "account": "p1", "scheduler_options": "#SBATCH --mem=8G"},
            {"partition": "cpu", "account": "p1", "walltime": "02:00:00"},
        ),
        ("pbs", "PBSProProvider", {"queue": "long", "cpus_per_node": 32}, {"queue": "long", "cpus_per_node": 32}),
        ("torque", "TorqueProvider", {"queue": "long"}, {"queue": "long", "walltime": "02:00:00"}),
        ("lsf", "LSFProvider", {"project": "mat", "queue": "debug"}, {"project": "mat", "queue": "debug"}),
        ("local", "LocalProvider", {}, {}),
    ],
)
def test_each_queue_has_its_provider(name: str, kind: str, options: dict[str, Any], expected: dict[str, Any]) -> None:
    made = provider(said(provider=name, nodes=4, walltime="02:00:00", launcher="srun", options=options), "dft")
    assert type(made).__name__ == kind
    assert (made.max_blocks, made.init_blocks, made.min_blocks) == (4, 1, 0)
    assert {attribute: getattr(made, attribute) for attribute in expected} == expected
    assert type(made.launcher).__name__ == "SrunLauncher"
    assert made.worker_init.startswith("export PATH=")


def test_lines_of_the_users_own_come_after_the_path() -> None:
    made = provider(said(provider="slurm", options={"worker_init": "module load vasp"}), "dft")
    assert made.worker_init.splitlines()[1] == "module load vasp"


def test_kubernetes_has_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    import parsl.providers.kubernetes.kube as kube

    class Api:
        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: None

    monkeypatch.setattr(kube, "_kubernetes_enabled", True)
    monkeypatch.setattr(kube, "config", Api(), raising=False)
    monkeypatch.setattr(kube, "client", Api(), raising=False)
    made = provider(said(provider="kubernetes", nodes=3, options={"image": "mine:1", "namespace": "mat"}), "dft")
    assert (made.image, made.namespace, made.max_blocks) == ("mine:1", "mat", 3)
    with pytest.raises(ConfigError, match="image"):
        provider(said(provider="kubernetes"), "dft")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("slurm", {"partitoin": "cpu"}, r"executors: dft: options: .*'partitoin'.*did you mean 'partition'"),
        ("pbs", {"partition": "cpu"}, r"unknown option of PBSProProvider 'partition'; there are: account, queue"),
        ("slurm", {"partition": 7}, r"SlurmProvider refused them"),
        ("kubernetes", {"image": "mine"}, r"KubernetesProvider refused them: .*kubernetes"),
    ],
)
def test_an_option_that_is_wrong_is_named(name: str, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        provider(said(provider=name, options=options), "dft")


def test_this_machine_and_a_cluster_are_reached_differently() -> None:
    local = high_throughput_executor(said(workers=3), "dft", "dft")
    assert (local.address, local.heartbeat_period, local.encrypted) == ("127.0.0.1", 2, False)
    assert local.max_workers_per_node == 3
    cluster = high_throughput_executor(
        said(provider="slurm", workers=2, accelerators=2, ports=[50000, 50100], address="10.0.0.1"), "dft", "dft"
    )
    assert (cluster.address, cluster.heartbeat_period, cluster.heartbeat_threshold) == ("10.0.0.1", 30, 150)
    assert cluster.encrypted
    assert cluster.worker_port_range == (50000, 50100)
    assert list(cluster.available_accelerators) == ["0", "1"]
