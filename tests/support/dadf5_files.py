"""A small result of DAMASK: one increment, one phase."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def result(path: Path, orientations: np.ndarray, grid: tuple[int, int, int]) -> Path:
    """Write orientations of the cells, x fastest, (cells, 4)."""
    cells = len(orientations)
    with h5py.File(path, "w") as file:
        file.attrs["DADF5_version_major"], file.attrs["DADF5_version_minor"] = 1, 0
        file.create_group("geometry").attrs.update(
            cells=np.array(grid, np.int32), size=np.array(grid) * 1e-6, origin=np.zeros(3)
        )
        place = np.zeros((cells, 1), [("label", "S8"), ("entry", np.int32)])
        place["label"], place["entry"] = b"Al", np.arange(cells)[:, None]
        file["cell_to/phase"] = place
        increment = file.create_group("increment_0")
        increment.attrs["t/s"] = 0.0
        fields = increment.create_group("phase/Al/mechanical")
        fields["O"] = orientations
        fields["O"].attrs["lattice"] = "cF"
        fields["F"] = np.broadcast_to(np.eye(3), (cells, 3, 3))
    return path
