"""The accepted state of a batch of networks on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.network.point_state import PointArrays

FORMAT = "polyxtal network batch 1"
HEADERS = 1 << 20
"""Most bytes of an archive beyond those of its arrays."""

States = Sequence[tuple[PointArrays, PointArrays]]
"""The last two accepted states of the points of each network."""


def _named(states: States) -> dict[str, np.ndarray]:
    return {
        f"{number}/{when}/{name}": values
        for number, both in enumerate(states)
        for when, arrays in zip(("before", "accepted"), both, strict=True)
        for name, values in arrays._asdict().items()
    }


def write_state(path: Path, states: States, identity: str) -> None:
    """Write the state of a batch atomically.

    Args:
        path: File.
        states: State of the points of each network.
        identity: Hash of what the state belongs to.
    """
    about = {"format": FORMAT, "identity": identity}
    with atomic_file(path) as temporary:
        write_arrays(temporary, _named(states), about)


def read_state(path: Path, states: States, identity: str) -> None:
    """Read the state of a batch into its arrays, which stay as they are if the file is invalid.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, too large, or belongs to another batch.
    """
    arrays = _named(states)
    most = sum(values.nbytes for values in arrays.values()) + HEADERS
    with open_arrays(path, most) as archive:
        if archive.about.get("format") != FORMAT:
            raise ValueError("it is not the state of a NetworkBatch")
        if archive.about.get("identity") != identity:
            raise ValueError("it belongs to other networks, materials, axes or points")
        read = {}
        for name, values in arrays.items():
            if archive.shape_and_type(name) != (values.shape, values.dtype):
                raise ValueError(f"array {name} is of another shape or type")
            read[name] = archive.read(name)
    for name, values in arrays.items():
        values[...] = read[name]
