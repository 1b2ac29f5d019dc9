"""Memory management of repeated FFTs."""

from __future__ import annotations

from functools import cache

import torch


@cache
def keep_freed_memory() -> None:
    """Make glibc keep memory that FFTs allocate and free, instead of returning it to the system.

    Its threshold follows the largest mapping freed so far, up to 32 MiB. Otherwise the pages of
    every FFT's output are mapped anew, which costs more than the FFT.
    """
    torch.empty((32 << 20) - (64 << 10), dtype=torch.uint8)
