"""Workers that compute parts: local processes, or those of a Dask cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, NamedTuple, cast

import torch

from polyxtal.version import __version__

PATIENCE = 20.0
"""Timeout for the answer of a Dask scheduler. [s]"""


class Workers(NamedTuple):
    """A pool of workers.

    Attributes:
        executor: Executor of the pool.
        places: Returns how many tasks it currently computes at once.
        lost: Exceptions it raises when a worker dies.
    """

    executor: Executor
    places: Callable[[], int]
    lost: tuple[type[Exception], ...]


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def processes(count: int) -> Iterator[Workers]:
    """Open a pool of local processes with one thread each.

    They end at once when the block raises, whatever they are computing, or when this process dies,
    and ignore Ctrl-C: none of it `ProcessPoolExecutor` does by itself.
    """
    context = _QuietContext()
    watched, held = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(
        count, mp_context=context, initializer=_start_worker, initargs=(watched,)
    )
    try:
        yield Workers(executor, lambda: count, (BrokenProcessPool,))
    except BaseException:
        held.close()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        held.close()
        watched.close()


@contextmanager
def cluster(address: str) -> Iterator[Workers]:
    """Open the pool of a Dask scheduler, including workers that join later.

    Raises:
        OSError: if no scheduler answers.
        RuntimeError: if Dask is not installed, or the scheduler has no workers, or they do not
            have this version of polyxtal.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise RuntimeError(
            "Computing on a cluster needs Dask, but it is not installed: "
            "pip install 'polyxtal[cluster]'."
        ) from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise OSError(f"{address}: a Dask scheduler must answer there, but does not.") from error
    with client:
        if not client.nthreads():
            raise RuntimeError(f"{address}: the scheduler must have workers, but has none yet.")
        _check_versions(client)
        yield Workers(
            client.get_executor(pure=False),
            lambda: sum(cast(dict[str, int], client.nthreads()).values()),
            (KilledWorker, CancelledError),
        )


def _check_versions(client: Any) -> None:
    try:
        found = client.run(_version)
    except Exception as error:  # of any kind, as it comes from there
        raise RuntimeError(
            f"Dask's workers must have polyxtal {__version__}, but one answers: {error}."
        ) from error
    for worker, version in found.items():
        if version != __version__:
            raise RuntimeError(
                f"{worker}: workers must have polyxtal {__version__}, but this has {version}."
            )


def _version() -> str:
    torch.set_num_threads(1)
    return __version__


def _start_worker(watched: Any) -> None:
    """Use one core; exit when the parent process dies or closes its end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = parent_process()
    ends: list[Any] = [watched] if parent is None else [watched, parent.sentinel]

    def end_with_them() -> None:
        wait(ends)
        os._exit(1)

    threading.Thread(target=end_with_them, daemon=True).start()


class _QuietProcess(SpawnProcess):
    """A process that ignores Ctrl-C in the terminal: only its parent ends it."""

    def start(self) -> None:
        """Start while the signal is blocked, a state that the new process inherits."""
        if not hasattr(signal, "pthread_sigmask"):
            super().start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _QuietContext(SpawnContext):
    Process = _QuietProcess
