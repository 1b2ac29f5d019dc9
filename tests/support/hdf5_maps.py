"""Orientation maps in the HDF5 layouts of EDAX, Oxford, DREAM.3D and orix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from vendor_maps import ANGLES

STEP = (0.5, 0.25)


def columns(angles: np.ndarray, step: tuple[float, float] = STEP) -> tuple[np.ndarray, ...]:
    """Return x, y and the three angles of each point, x running fastest."""
    nx, ny = angles.shape[:2]
    x, y = np.meshgrid(np.arange(nx) * step[0], np.arange(ny) * step[1], indexing="ij")
    rows = np.moveaxis(angles, 1, 0).reshape(-1, 3)
    return x.T.ravel(), y.T.ravel(), *rows.T


def store(group: h5py.Group, **values: Any) -> None:
    """Store texts, numbers and arrays under names with blanks for double underscores."""
    for name, value in values.items():
        data = np.array([value.encode()]) if isinstance(value, str) else np.atleast_1d(value)
        group[name.replace("__", " ")] = data


def edax(
    path: Path,
    angles: np.ndarray = ANGLES,
    *,
    symmetries: tuple[int, ...] = (43,),
    phase: Any = 0,
    scans: tuple[str, ...] = ("Scan 1",),
    cell: tuple[float, float] = (3.66, 3.66),
    grid: str = "SqrGrid",
    outside: int = 0,
    setting: int | None = None,
    alignment: str = "",
    point_group: str = "",
) -> Path:
    """Write a file of OIM; points outside the scanned area have positions of -1111111."""
    x, y, *euler = columns(angles)
    number = np.broadcast_to(phase, angles.shape[:2]).T.ravel().astype(np.int8)
    x, y = (np.append(v, np.full(outside, -1111111.0)).astype("f4") for v in (x, y))
    euler = [np.append(v, np.zeros(outside)).astype("f4") for v in euler]
    number = np.append(number, np.zeros(outside, np.int8))
    with h5py.File(path, "w") as file:
        store(file, __Manufacturer="EDAX")
        for scan in scans:
            ebsd = file.create_group(f"{scan}/EBSD")
            data, header = ebsd.create_group("Data"), ebsd.create_group("Header")
            store(data, Phi1=euler[0], Phi=euler[1], Phi2=euler[2], Phase=number)
            store(data, X__Position=x, Y__Position=y, CI=np.full(len(x), 0.5, "f4"))
            store(data, IQ=np.arange(len(x), dtype="f4"))
            store(header, Grid__Type=grid, Step__X=STEP[0], Step__Y=STEP[1])
            store(header, nColumns=angles.shape[0], nRows=angles.shape[1])
            if setting is not None:
                store(header.create_group("Coordinate System"), ID=np.array(setting, ">i4"))
            if alignment:
                store(header, Cartesian__Alignment=alignment)
            for k, symmetry in enumerate(symmetries):
                one = header.create_group(f"Phase/{k + 1}")
                store(one, MaterialName=f"Phase{k + 1}", Symmetry=np.array(symmetry, ">i4"))
                if point_group:
                    store(one, Point__Group=point_group, LGsymID=np.int32(symmetry))
                    one["Symmetry"][()] = 32  # the number of a point group
                for edge, length in zip("abc", (cell[0], cell[0], cell[1]), strict=True):
                    store(one, **{f"Lattice__Constant__{edge}": length})
    return path


def oxford(
    path: Path,
    angles: np.ndarray = ANGLES,
    *,
    phase: Any = 1,
    laue: tuple[int, ...] = (11,),
    cell: tuple[float, float] = (3.66, 3.66),
    positions: bool = True,
) -> Path:
    """Write a file of AZtec, version 5."""
    x, y, *euler = columns(angles)
    number = np.broadcast_to(phase, angles.shape[:2]).T.ravel().astype(np.uint8)
    with h5py.File(path, "w") as file:
        store(file, Manufacturer="Oxford Instruments", Format__Version="5.0", Index="1")
        ebsd = file.create_group("1/EBSD")
        data, header = ebsd.create_group("Data"), ebsd.create_group("Header")
        store(data, Euler=np.stack(euler, -1).astype("f4"), Phase=number)
        store(data, Band__Contrast=np.arange(len(x), dtype=np.uint8))
        if positions:
            store(data, X=x.astype("f4"), Y=y.astype("f4"))
        store(header, X__Step=STEP[0], Y__Step=STEP[1])
        store(header, X__Cells=np.int32(angles.shape[0]), Y__Cells=np.int32(angles.shape[1]))
        for k, group in enumerate(laue):
            one = header.create_group(f"Phases/{k + 1}")
            store(one, Phase__Name=f"Phase{k + 1}", Laue__Group=np.int32(group))
            one["Lattice Dimensions"] = np.array([[cell[0], cell[0], cell[1]]], "f4")
    return path


def slices(path: Path, angles: np.ndarray = ANGLES, *, vendor: str = "ang", count: int = 1) -> Path:
    """Write DREAM.3D's copies of `.ang` (radians) or `.ctf` (degrees) files."""
    x, y, *euler = columns(angles)
    with h5py.File(path, "w") as file:
        store(file, Manufacturer="TSL" if vendor == "ang" else "HKL", Z__Resolution=1.0)
        for name in map(str, range(1, count + 1)):
            data, header = (file.create_group(f"{name}/{part}") for part in ("Data", "Header"))
            one = header.create_group("Phases/1")
            one["LatticeConstants"] = np.array([3.66, 3.66, 3.66, 90, 90, 90], "f4")
            if vendor == "ang":
                store(data, Phi1=euler[0], Phi=euler[1], Phi2=euler[2])
                store(data, PhaseData=np.zeros(len(x), np.int32), X__Position=x, Y__Position=y)
                store(data, Confidence__Index=np.full(len(x), 0.5))
                store(header, GRID="SqrGrid", XSTEP=STEP[0], YSTEP=STEP[1])
                store(one, MaterialName="Phase1", Symmetry=np.int32(43))
            else:
                store(data, **{f"Euler{k + 1}": np.degrees(euler[k]) for k in range(3)})
                store(data, Phase=np.ones(len(x), np.int32), X=x, Y=y, BC=np.ones(len(x)))
                store(header, XStep=STEP[0], YStep=STEP[1])
                store(one, PhaseName="Phase1", LaueGroup=np.int32(11))
    return path


def orix(
    path: Path,
    angles: np.ndarray = ANGLES,
    *,
    phase: Any = 0,
    point_groups: tuple[str, ...] = ("m-3m",),
    cell: tuple[float, float] = (3.66, 3.66),
    unit: str = "um",
    inside: Any = True,
    each: int = 1,
    **changes: Any,
) -> Path:
    """Write a `CrystalMap` as orix does."""
    x, y, *euler = columns(angles)
    count = len(x)
    euler = [np.stack([v, *[v + 0.1] * (each - 1)], -1).squeeze() for v in euler]
    fields: dict[str, Any] = {
        **{"z": 0, "y": y, "x": x, "phi1": euler[0], "Phi": euler[1], "phi2": euler[2]},
        "phase_id": np.broadcast_to(phase, angles.shape[:2]).T.ravel().astype(np.int64),
        "id": np.arange(count),
        "is_in_data": np.broadcast_to(inside, angles.shape[:2]).T.ravel(),
        "iq": np.arange(count, dtype=float),
    }
    with h5py.File(path, "w") as file:
        store(file, manufacturer="orix", version="0.12.0")
        data, header = (file.create_group(f"crystal_map/{part}") for part in ("data", "header"))
        store(data, **(fields | changes))
        store(header, grid_type="square", scan_unit=unit, rotations_per_point=each)
        store(header, x_step=STEP[0], y_step=STEP[1])
        for k, name in enumerate(point_groups):
            one = header.create_group(f"phases/{k}")
            store(one, name=f"Phase{k + 1}", point_group=name, space_group="None")
            one["structure/lattice/abcABG"] = np.array([cell[0], cell[0], cell[1], 90, 90, 90.0])
    return path
