"""Numbers of threads: the caller's, checked, and limits on that of torch's operations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from polyxtal.argument_types import require_threads

SMALL = 1 << 16
"""Largest number of voxels whose FFT takes less time than waking threads on a busy machine."""


def thread_count(threads: int | None) -> int:
    """Return a number of threads, checked; by default that of cores."""
    require_threads(threads)
    return os.cpu_count() or 1 if threads is None else int(threads)


@contextmanager
def few_threads(voxels: int) -> Iterator[None]:
    """Run torch's operations on one thread within the context if the cell is small."""
    if voxels > SMALL:
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's operations on one thread within the context."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
