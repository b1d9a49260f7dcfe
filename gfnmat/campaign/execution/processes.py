"""A pool of processes in which a worker that dies fails its own task and no other."""

from __future__ import annotations

import atexit
import os
import pickle
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gfnmat.campaign.execution.failures import ENDED, TaskError, WorkerDiedError
from gfnmat.campaign.execution.sending import failed, pickled_task, settle
from gfnmat.campaign.execution.sessions import Guard
from gfnmat.campaign.execution.worker import ready
from gfnmat.campaign.execution.worker_process import NotTakenError, WorkerProcess

STARTS = 3
"""Workers started for one task, where they die before they take it."""


@dataclass(frozen=True)
class _Job:
    future: Future[Any]
    task: bytes
    seconds: float | None


class ProcessExecutor(Executor):
    """Runs tasks in processes of this machine (Linux, macOS), each driven by a thread of its own.

    A worker that is killed, crashes or exits fails its own task with `WorkerDiedError` and is replaced; one that dies
    between tasks costs none. Functions, arguments and answers are sent by cloudpickle. Workers and all that they
    started end with this process, also when it is killed.

    Args:
        workers: most processes at once; they start with the first tasks.
        memory: GiB that a worker may take on top of what it has once it is prepared; on Linux.
        prepare: called with `args` in each worker before its first task; no time limit counts it.
    """

    def __init__(
        self,
        workers: int,
        memory: float | None = None,
        prepare: Callable[..., object] | None = None,
        args: tuple[Any, ...] = (),
    ) -> None:
        self._setup = pickled_task(ready, (memory, prepare, args), {})
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._alive: set[WorkerProcess] = set()
        self._is_shut = self._is_killed = False
        self._guard = Guard()
        self._owner = os.getpid()
        self._serving = workers
        self._threads = [threading.Thread(target=self._serve, name=f"worker {n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()
        atexit.register(self._kill_at_exit)

    @property
    def pids(self) -> list[int]:
        """Numbers of the workers' processes."""
        with self._lock:
            return sorted(worker.pid for worker in self._alive)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `fn(*args, **kwargs)` called in a worker.

        Raises:
            RuntimeError: the executor was shut down.
        """
        return self.submit_within(None, fn, *args, **kwargs)

    def submit_within(self, seconds: float | None, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have it called within so many seconds from when a worker begins; else it is killed: `TimeoutError`."""
        try:
            task = pickled_task(fn, args, kwargs)
        except TaskError as reason:
            return failed(reason)
        future: Future[Any] = Future()
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the executor was shut down and takes no tasks; make another")
            self._jobs.put(_Job(future, task, seconds))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the workers after the last one."""
        with self._lock:
            was_shut, self._is_shut = self._is_shut, True
        if cancel_futures:
            self._cancel_waiting()
        if not was_shut:
            for _ in self._threads:
                self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """End all workers at once: tasks that run fail, and those that wait are cancelled."""
        with self._lock:
            self._is_killed = True
            for worker in self._alive:
                worker.kill()
        self.shutdown(cancel_futures=True)

    def _kill_at_exit(self) -> None:
        if os.getpid() == self._owner:  # a copy of this process ends without
            self.kill()

    def _cancel_waiting(self) -> None:
        ends = 0
        with suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is None:
                    ends += 1
                elif job.future.cancel():
                    job.future.set_running_or_notify_cancel()
        for _ in range(ends):
            self._jobs.put(None)

    def _serve(self) -> None:
        worker = None
        while (job := self._jobs.get()) is not None:
            if job.future.set_running_or_notify_cancel():
                worker = self._do(job, worker)
            del job  # an idle thread keeps no result alive
        if worker is not None:
            worker.close()
            self._dismiss(worker)
        with self._lock:
            self._serving -= 1
            is_last = self._serving == 0
        if is_last:
            self._guard.close()
            atexit.unregister(self._kill_at_exit)

    def _do(self, job: _Job, worker: WorkerProcess | None) -> WorkerProcess | None:
        """Have a job done by the worker, or another if that has died; return the one that can do the next."""
        for _ in range(STARTS):
            try:
                if worker is None:
                    worker = self._started()
                outcome = worker.answer(job.task, job.seconds)
            except NotTakenError as reason:
                self._dismiss(worker)
                worker, failure = None, WorkerDiedError(f"the worker {reason} before it took the task")
                continue
            except Exception as reason:
                if worker is not None:
                    worker.end()
                self._dismiss(worker)
                job.future.set_exception(WorkerDiedError(ENDED) if self._is_killed else reason)
                return None
            settle(job.future, outcome)
            return worker
        job.future.set_exception(failure)
        return None

    def _started(self) -> WorkerProcess:
        """A worker that is ready; raises what its preparation raised, or how it died."""
        for left in reversed(range(STARTS)):
            worker = self._launched()
            try:
                succeeded, reason = pickle.loads(worker.prepare())
                if not succeeded:
                    raise reason
                return worker
            except Exception as failure:
                worker.end()
                self._dismiss(worker)
                if not (left and isinstance(failure, WorkerDiedError)):
                    raise
        raise AssertionError("the last start raised")

    def _launched(self) -> WorkerProcess:
        with self._lock:
            if self._is_killed:
                raise WorkerDiedError(ENDED)
            worker = WorkerProcess(self._guard, self._setup)
            self._alive.add(worker)
            return worker

    def _dismiss(self, worker: WorkerProcess | None) -> None:
        with self._lock:
            if worker is not None:
                self._alive.discard(worker)
