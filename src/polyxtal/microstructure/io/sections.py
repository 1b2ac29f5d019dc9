"""Files of serial sections: patterns, the numbers in names, and the layers these stand for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from errno import ENOENT
from glob import glob, has_magic
from itertools import pairwise
from os import strerror
from pathlib import Path
from typing import Any

MAX_SECTIONS = 10_000
"""Largest number of files of a stack."""

MAX_MISSING = 0.5
"""Largest share of missing numbers for which file names still count as numbered. [-]"""


def is_pattern(path: str | Path) -> bool:
    """Return whether a path has wildcards and is not itself a file."""
    return has_magic(str(path)) and not Path(path).exists()


def section_files(pattern: str | Path) -> list[Path]:
    """Return the files that match a pattern, in the order of the numbers in their names.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if there are too many.
    """
    found = [Path(name) for name in glob(str(pattern))]
    if not found:
        raise FileNotFoundError(ENOENT, strerror(ENOENT), str(pattern))
    if len(found) > MAX_SECTIONS:
        raise ValueError(
            f"{pattern}: a stack must have at most {MAX_SECTIONS} sections (MAX_SECTIONS), "
            f"but {len(found)} files match."
        )
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[Any, ...]:
    """Return a key that sorts numbers in a name by their value."""
    parts = re.split(r"(\d+)", path.name)
    return tuple(int(part) if k % 2 else part for k, part in enumerate(parts))


def section_layers(paths: Sequence[Path]) -> list[int]:
    """Return the layer of each section; those of missing numbers are left free, with a warning.

    Raises:
        ValueError: if the numbers of the files neither ascend nor descend.
    """
    numbers = _numbers(paths)
    plain = list(range(len(paths)))
    if numbers is None:
        return plain
    steps = [b - a for a, b in pairwise(numbers)]
    forward = [step > 0 for step in steps]
    if len(set(forward)) > 1:
        usual = sum(forward) * 2 >= len(forward)
        k = forward.index(not usual)
        raise ValueError(
            f"{paths[k + 1]}: sections must be in the order of their numbers, but it follows "
            f"{paths[k].name}."
        )
    unit = min(abs(step) for step in steps)
    layers = [abs(number - numbers[0]) // unit for number in numbers]
    missing = layers[-1] + 1 - len(paths)
    if any(step % unit for step in steps) or missing > MAX_MISSING * len(paths):
        return plain
    if missing:
        k = next(k for k, step in enumerate(steps) if abs(step) > unit)
        warnings.warn(
            f"{paths[k + 1]}: sections should be numbered without gaps, but {missing} "
            f"{'is' if missing == 1 else 'are'} missing, the first after {paths[k].name}; their "
            "layers take the grains of their neighbours.",
            stacklevel=3,
        )
    return layers


def _numbers(paths: Sequence[Path]) -> list[int] | None:
    """Return the number in each name, where the names differ in nothing else; None otherwise."""
    parts = [re.split(r"(\d+)", path.name) for path in paths]
    if len({len(one) for one in parts}) > 1:
        return None
    columns = list(zip(*parts, strict=True))
    varying = [k for k, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) != 1 or varying[0] % 2 == 0:
        return None
    numbers = [int(part) for part in columns[varying[0]]]
    return numbers if len(set(numbers)) == len(numbers) else None
