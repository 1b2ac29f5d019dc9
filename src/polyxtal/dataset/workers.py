"""Where parts are computed: in local processes, or on the workers of a Dask cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Compute in `count` local processes, one thread each."""
    executor = ProcessPoolExecutor(count, get_context("spawn"), _start_worker)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """Compute on the workers of a Dask scheduler: yields the executor and the number of threads.

    Raises:
        ImportError: if dask's distributed is not installed.
        OSError: if no scheduler answers.
        RuntimeError: if it has no workers, or they have another version of polyxtal.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise RuntimeError(
            "Computing on a cluster needs Dask, but it is not installed: "
            "pip install 'polyxtal[cluster]'."
        ) from error
    from polyxtal import __version__

    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise OSError(f"{address}: a Dask scheduler must answer there, but does not.") from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise RuntimeError(f"{address}: the scheduler must have workers, but has none yet.")
        for worker, version in client.run(_version).items():
            if version != __version__:
                raise RuntimeError(
                    f"{worker}: workers must have polyxtal {__version__}, but this has {version}."
                )
        yield client.get_executor(), sum(client.nthreads().values())


def _version() -> str:
    from polyxtal import __version__

    _start_worker(watch=False)
    return __version__


def _start_worker(watch: bool = True) -> None:
    """Leave the other cores to the other workers; end with the process that started this one."""
    import torch

    torch.set_num_threads(1)
    parent = parent_process()
    if watch and parent is not None:
        sentinel = parent.sentinel

        def end_with_parent() -> None:
            wait([sentinel])
            os._exit(1)

        threading.Thread(target=end_with_parent, daemon=True).start()
