"""Orientation maps in HDF5: EDAX (.h5, .oh5), Oxford (.h5oina), DREAM.3D (.h5ebsd) and orix (.h5).

A file holds one or several maps, each a group. Its layout shows in the names of its arrays:

    NAME/EBSD/Data/{Phi1, Phi, Phi2}      EDAX: radians, x along a
    NAME/EBSD/Data/Euler                  Oxford: radians, x along a*
    NAME/Data/{Phi1, Phi, Phi2}           DREAM.3D's copy of an .ang: radians, x along a
    NAME/Data/{Euler1, Euler2, Euler3}    DREAM.3D's copy of a .ctf: degrees, x along a*
    crystal_map/data/{phi1, Phi, phi2}    orix: radians, x along a

Euler angles are Bunge's. DREAM.3D stores rotations of both frames beside its copies, for its own
filters to apply; here `frame` tells what applies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py

from polyxtal.files.wording import listing
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame, frame_rotation
from polyxtal.microstructure.io.ebsd_hdf5_orix import orix_points
from polyxtal.microstructure.io.ebsd_hdf5_vendors import (
    copied_ang_points,
    copied_ctf_points,
    edax_points_of,
    oxford_points,
)
from polyxtal.microstructure.io.ebsd_table import Points, build_map
from polyxtal.microstructure.io.hdf5 import children, open_hdf5

MAX_SCANS = 10_000
"""Most groups of a file that are looked through for maps."""

_Layout = Callable[[Path, h5py.Group], Points]


def read_hdf5_map(
    path: str | Path, *, frame: Frame | None, container: str | None = None
) -> EbsdMap:
    """Read a map of EDAX, Oxford, DREAM.3D or orix, whatever the extension.

    Points that were not indexed are marked as in the texts of the vendor, see `read_ang` and
    `read_ctf`, and in orix by the phase -1 or by not being in the data. The grid follows from the
    positions, see `place_points`.

    Args:
        path: File.
        frame: Frame of the Euler angles, see `FRAMES`.
        container: Name of the scan or slice (default: the only one).
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing, the choice of the map is not unique, or the file is
            damaged, too large, of another layout or not on a grid.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        maps = _maps(file)
        chosen = [name for name in maps if container in (None, name)]
        if len(chosen) != 1:
            raise ValueError(
                f"argument `container` must choose one map of {listing(maps) or 'none'}, "
                f"but is {container}."
            )
        rotation = frame_rotation(frame, path)
        layout, group = maps[chosen[0]]
        points = layout(path, group)
    return build_map(path, points, rotation)


def _maps(file: h5py.File) -> dict[str, tuple[_Layout, h5py.Group]]:
    """Return the maps of a file by name, each with the function that reads it."""
    groups = {name: one for name, one in children(file).items() if isinstance(one, h5py.Group)}
    if len(groups) > MAX_SCANS:
        raise ValueError(f"must hold at most {MAX_SCANS} groups (MAX_SCANS), but has more.")
    found: dict[str, tuple[_Layout, h5py.Group]] = {}
    for name, group in groups.items():
        members = children(group)
        inner = members.get("EBSD", group)
        if isinstance(inner, h5py.Group) and inner is not group:
            members = children(inner)
        data = members.get("data" if name == "crystal_map" else "Data")
        layout = (
            _layout(set(children(data)), inner is group) if isinstance(data, h5py.Group) else None
        )
        if layout is not None and isinstance(inner, h5py.Group):
            found[name] = (layout, inner)
    if not found:
        raise ValueError(
            "must hold a map in the layout of EDAX, Oxford, DREAM.3D or orix, but holds "
            f"{listing(groups) or 'no groups'}."
        )
    return found


def _layout(names: set[str], bare: bool) -> _Layout | None:
    if {"phi1", "Phi", "phi2"} <= names:
        return orix_points
    if {"Phi1", "Phi", "Phi2"} <= names:
        return copied_ang_points if bare else edax_points_of
    if bare and {"Euler1", "Euler2", "Euler3"} <= names:
        return copied_ctf_points
    return oxford_points if "Euler" in names and not bare else None
