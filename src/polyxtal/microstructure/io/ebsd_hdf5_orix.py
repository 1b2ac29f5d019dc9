"""Points of a `CrystalMap` in the HDF5 file of orix.

orix turns sample axes into crystal axes, as Bunge's angles do, and aligns x with a.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import laue_of_point_group
from polyxtal.files.wording import shorten
from polyxtal.microstructure.io.ebsd_edax import check_radians
from polyxtal.microstructure.io.ebsd_grid import Header
from polyxtal.microstructure.io.ebsd_hdf5_fields import Fields, phase_number
from polyxtal.microstructure.io.ebsd_table import A, Points, lattice_of, unique_names

_UNITS = {"um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3}
"""Units of a scan. [µm]"""
_POINT_GROUPS = {
    **dict.fromkeys(("112", "121", "211", "m11", "1m1", "11m"), "2/m"),
    **dict.fromkeys(("321", "312"), "-3m"),
}
"""Laue groups of orix's further names."""
_OWN = {name: "" for name in ["phi1", "Phi", "phi2", "phase_id", "id", "is_in_data", "x", "y", "z"]}


def orix_points(path: Path, group: h5py.Group) -> Points:
    """Return the points of a map; of several orientations per point, the first."""
    fields = Fields(group)
    data, header = fields.group("data"), fields.group("header")
    numbers = data.column("phase_id")
    count = len(numbers)
    each = header.whole("rotations_per_point") or 1
    if not 1 <= each <= 1000:
        raise ValueError(f"rotations_per_point must be 1 to 1000, but is {each}.")
    angles = np.column_stack(
        [
            data.column(name, width=each, count=count).reshape(count, each)[:, 0]
            for name in ("phi1", "Phi", "phi2")
        ]
    )
    inside = data.column("is_in_data", count=count) if "is_in_data" in data.names else 1.0
    groups = header.group("phases").groups()
    index = {phase_number(name): name for name in groups if name != "-1"}
    order = sorted(index)
    known = numbers if "-1" not in groups else numbers[numbers != -1]
    unknown = known[~np.isin(known, [-1, *order])]
    if len(unknown) or not order:
        raise ValueError(
            f"points must be of phases in the header ({', '.join(map(str, order)) or 'none'}), but "
            f"phase {unknown[0] if len(unknown) else -1:g} is used."
        )
    phase = np.full(count, -1, np.int64)
    for k, number in enumerate(order):
        phase[(numbers == number) & (np.asarray(inside) != 0)] = k
    phase[np.isnan(angles).any(1)] = -1
    check_radians(path, angles[phase >= 0])
    names = [groups[index[k]].text("name") for k in order]
    unit = _unit(path, header.text("scan_unit"))
    return Points(
        angles=angles,
        position=unit * np.column_stack([_axis(data, axis, count) for axis in "xy"]),
        phase=phase,
        phase_names=unique_names(names),
        lattices=tuple(
            _lattice(path, name, groups[index[k]]) for k, name in zip(order, names, strict=True)
        ),
        quality=data.columns(count, _OWN),
        header=Header((unit * header.number("x_step"), unit * header.number("y_step"))),
        edge=A,
    )


def _axis(data: Fields, name: str, count: int) -> NDArray[np.float64]:
    """Return the positions along an axis, which orix stores as one 0 where there is none."""
    if name == "x" and "z" in data.names and len(z := data.column("z")) == count:
        layers = len(np.unique(z))
        if layers > 1:
            raise ValueError(f"a map must be one layer of points, but has {layers} along z.")
    values = data.column(name)
    if len(values) not in (1, count):
        raise ValueError(f"'{name}' must have {count} values, but has {len(values)}.")
    return np.broadcast_to(values, (count,))


def _unit(path: Path, name: str) -> float:
    if name not in _UNITS:
        warnings.warn(
            f"{path}: the unit of positions must be um, nm or mm to be known, but is "
            f"{shorten(name)}; they are taken as µm.",
            stacklevel=5,
        )
    return _UNITS.get(name, 1.0)


def _lattice(path: Path, name: str, phase: Fields) -> Lattice | None:
    point_group = phase.text("point_group", "symmetry")
    group = laue_of_point_group(point_group) or _POINT_GROUPS.get(point_group)
    cell: list[float] = []
    if "structure" in phase.names:
        structure = phase.group("structure")
        if "lattice" in structure.names:
            cell = structure.group("lattice").values("abcABG")
    return lattice_of(path, name, group, cell)
