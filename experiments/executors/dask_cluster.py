"""What `dask.yaml` names: an executor on a Dask cluster. Give `Client` your scheduler's address for a real one."""

from __future__ import annotations

from concurrent.futures import Executor

import dask
from distributed import Client, LocalCluster


def executor(workers: int) -> Executor:
    """Dask's own executor; a task whose worker died is left to gfnmat, which counts its attempts."""
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    return Client(cluster).get_executor()
