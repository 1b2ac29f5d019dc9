"""How many threads torch's own operations get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 1 << 16
"""Up to this many voxels an FFT takes less time than waking threads on a busy machine."""


@contextmanager
def few_threads(voxels: int) -> Iterator[None]:
    """Run torch's operations on small cells on one thread."""
    if voxels > SMALL:
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's operations on one thread."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
