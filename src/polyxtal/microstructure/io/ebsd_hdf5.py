"""Orientation maps in HDF5: EDAX (.h5, .oh5), Oxford (.h5oina), DREAM.3D (.h5ebsd) and orix (.h5).

A file holds one or several maps, each a group. Its layout shows in the names of its arrays:

    NAME/EBSD/Data/{Phi1, Phi, Phi2}      EDAX: radians, x along a
    NAME/EBSD/Data/Euler                  Oxford: radians, x along a*
    NAME/Data/{Phi1, Phi, Phi2}           DREAM.3D's copy of an .ang: radians, x along a
    NAME/Data/{Euler1, Euler2, Euler3}    DREAM.3D's copy of a .ctf: degrees, x along a*
    crystal_map/data/{phi1, Phi, phi2}    orix: radians, x along a

Maps may lie in groups. Euler angles are Bunge's. EDAX also stores its setting of frames, and
what the crystal's axes are along where that is another. DREAM.3D stores rotations of both frames
beside its copies, for its own filters to apply; here `frame` tells what applies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import torch

from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame, frame_rotation
from polyxtal.microstructure.io.ebsd_hdf5_orix import orix_points
from polyxtal.microstructure.io.ebsd_hdf5_vendors import (
    copied_ang_points,
    copied_ctf_points,
    edax_points_of,
    oxford_points,
    said_frame,
)
from polyxtal.microstructure.io.ebsd_table import Points, build_map
from polyxtal.microstructure.io.hdf5 import children, find_groups, open_hdf5

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
        frame: Frame of the Euler angles, see `FRAMES` (default: the setting that EDAX stores; for
            others it is required).
        container: Name of the scan or slice, or its path in groups (default: the only one).
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing, the choice of the map is not unique, or the file is
            damaged, too large, of another layout or not on a grid.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        maps = find_groups(file, _map_of)
        if not maps:
            raise ValueError(
                "must hold a map in the layout of EDAX, Oxford, DREAM.3D or orix, but holds "
                f"{listing(children(file)) or 'nothing'}."
            )
        chosen = [name for name in maps if name == container] or [
            name for name in maps if container is None or name.endswith(f"/{container}")
        ]
        if len(chosen) != 1:
            raise ValueError(
                f"argument `container` must choose one map of {listing(maps)}, but is {container}."
            )
        layout, group = maps[chosen[0]]
        said = said_frame(group)
        rotation = frame_rotation(_frame(path, frame, said), path)
        points = layout(path, group)
    return replace(build_map(path, points, rotation), frame=said)


def _frame(path: Path, frame: Frame | None, said: str | None) -> Frame | None:
    """Return the frame, which only EDAX stores; tell where another is given."""
    if said is None or frame is None:
        return frame if said is None else said
    if not torch.allclose(frame_rotation(frame, path), frame_rotation(said)):
        warnings.warn(
            f"{path}: the frame should be {said}, as the file says, but is {shorten(frame)}.",
            stacklevel=5,
        )
    return frame


def _map_of(name: str, group: h5py.Group) -> tuple[_Layout, h5py.Group] | None:
    """Return the function that reads a map, and the group with its data; None if it is none."""
    members = children(group)
    inner = members.get("EBSD", group)
    if not isinstance(inner, h5py.Group):
        return None
    members = members if inner is group else children(inner)
    data = members.get("data" if name == "crystal_map" else "Data")
    names = set(children(data)) if isinstance(data, h5py.Group) else set()
    layout = _layout(names, bare=inner is group)
    return None if layout is None else (layout, inner)


def _layout(names: set[str], bare: bool) -> _Layout | None:
    if {"phi1", "Phi", "phi2"} <= names:
        return orix_points
    if {"Phi1", "Phi", "Phi2"} <= names:
        return copied_ang_points if bare else edax_points_of
    if bare and {"Euler1", "Euler2", "Euler3"} <= names:
        return copied_ctf_points
    return oxford_points if "Euler" in names and not bare else None
