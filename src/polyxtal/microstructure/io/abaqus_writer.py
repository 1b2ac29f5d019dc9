"""Write voxel meshes for Abaqus (.inp): bricks, with a set and an axis system for each grain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.polycrystal import Polycrystal

LINE = 16
"""Most numbers in a data line of Abaqus."""

_CORNERS = np.array(
    [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]
)
"""Nodes of a C3D8 in Abaqus's order, seen from a voxel's first corner."""


def write_inp(rve: Polycrystal, path: str | Path) -> None:
    """Write nodes, C3D8 elements, and for each grain with voxels an element set and its axes.

    Node and element numbers start at 1, with x fastest. Sets are GRAIN-1, GRAIN-2, … (grain id + 1)
    and one for each phase, PHASE-<name>. ORIENTATION-n gives the crystal's x and y axes in the
    sample, so that Abaqus's local directions are the crystal axes of polyxtal. Each grain has a
    solid section of the material PHASE-<name>, to which properties must be added. Lengths are in
    µm.

    Args:
        rve: The polycrystal.
        path: File.
    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    names = [f"PHASE-{name}" for name in labels(rve.phase_names)]
    with atomic_file(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write("*HEADING\nVoxel mesh of a polycrystal; lengths in micrometres\n")
        _write_nodes(file, rve)
        _write_elements(file, rve)
        owner = rve.grain_id.numpy().reshape(-1, order="F")
        order = np.argsort(owner, kind="stable")
        ends = np.cumsum(np.bincount(owner, minlength=rve.grains))
        members = np.split(order + 1, ends[:-1])
        phase = rve.phase.numpy()
        for grain, elements in enumerate(members):
            if len(elements):
                _write_set(file, f"GRAIN-{grain + 1}", elements)
        for k, name in enumerate(names):
            of_phase = np.flatnonzero(phase[owner] == k) + 1
            if len(of_phase):
                _write_set(file, name, of_phase)
        axes = quaternion_to_matrix(rve.orientations).numpy()
        for grain, elements in enumerate(members):
            if len(elements):
                file.write("\n".join(_section(grain, axes[grain], names[phase[grain]])) + "\n")
        for k in np.unique(phase[owner]).tolist():
            file.write(f"*MATERIAL, NAME={names[k]}\n** properties of {names[k]} belong here\n")


def labels(names: tuple[str, ...]) -> list[str]:
    """Return names in capitals, digits and underscores, which Abaqus takes; numbers if unclear."""
    plain = [re.sub(r"[^A-Z0-9_]+", "_", name.upper()).strip("_")[:60] for name in names]
    unclear = not all(plain) or len(set(plain)) < len(plain)
    return [str(k + 1) for k in range(len(names))] if unclear else plain


def _write_nodes(file: TextIO, rve: Polycrystal) -> None:
    nx, ny, nz = (n + 1 for n in rve.grid)
    x, y, z = (np.arange(n + 1) * step for n, step in zip(rve.grid, rve.spacing, strict=True))
    file.write("*NODE\n")
    for k in range(nz):
        number = 1 + nx * ny * k + np.arange(nx * ny)
        rows = np.column_stack([number, np.tile(x, ny), np.repeat(y, nx), np.full(nx * ny, z[k])])
        np.savetxt(file, rows, fmt="%d, %.12g, %.12g, %.12g")


def _write_elements(file: TextIO, rve: Polycrystal) -> None:
    (nx, ny, nz), (mx, my) = rve.grid, (rve.grid[0] + 1, rve.grid[1] + 1)
    steps = _CORNERS @ (1, mx, mx * my)
    j, i = np.divmod(np.arange(nx * ny), nx)
    file.write("*ELEMENT, TYPE=C3D8, ELSET=ALL\n")
    for k in range(nz):
        first = 1 + i + mx * (j + my * k)
        number = 1 + nx * ny * k + np.arange(nx * ny)
        np.savetxt(
            file, np.column_stack([number, first[:, None] + steps]), fmt="%d", delimiter=", "
        )


def _write_set(file: TextIO, name: str, elements: NDArray[np.int64]) -> None:
    file.write(f"*ELSET, ELSET={name}\n")
    for start in range(0, len(elements), LINE):
        file.write(", ".join(map(str, elements[start : start + LINE].tolist())) + "\n")


def _section(grain: int, axes: NDArray[np.float64], material: str) -> Iterator[str]:
    """Yield axes and section of a grain; the columns of R(q) are the crystal's axes."""
    numbers = ", ".join(f"{value:.12g}" for value in (*axes[:, 0], *axes[:, 1]))
    yield f"*ORIENTATION, NAME=ORIENTATION-{grain + 1}, SYSTEM=RECTANGULAR"
    yield numbers
    yield "3, 0."
    yield (
        f"*SOLID SECTION, ELSET=GRAIN-{grain + 1}, ORIENTATION=ORIENTATION-{grain + 1}, "
        f"MATERIAL={material}"
    )
