"""Files of Neper: rasters in all formats, and tessellations in slabs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

KINDS = {
    "binary8": "u1", "binary16": "<u2", "binary16_big": ">u2", "binary32": "<u4",
    "binary32_big": ">u4", "binary": "<f8",
}  # fmt: skip


def described(angles: np.ndarray, descriptor: str) -> np.ndarray:
    """Return Bunge angles [rad] in a descriptor of Neper, by SciPy's formulas."""
    name, _, convention = descriptor.partition(":")
    turn = Rotation.from_euler("ZXZ", angles)
    turn = turn.inv() if convention == "passive" else turn
    if name == "euler-bunge":
        return turn.as_euler("ZXZ", degrees=True)
    if name in ("euler-roe", "euler-kocks"):
        roe = turn.as_euler("ZYZ", degrees=True)
        return roe if name == "euler-roe" else roe * (1, 1, -1) + (0, 0, 180)
    q = np.roll(turn.as_quat(), 1, axis=1)
    vector = turn.as_rotvec()
    angle = np.linalg.norm(vector, axis=1, keepdims=True)
    return {
        "rotmat": turn.inv().as_matrix().reshape(-1, 9),
        "quaternion": q,
        "rodrigues": q[:, 1:] / q[:, :1],
        "axis-angle": np.column_stack([vector / np.maximum(angle, 1e-300), np.degrees(angle)]),
    }[name]


def rows(values: np.ndarray) -> str:
    return "\n".join(" ".join(f"{v:.12g}" for v in row) for row in np.atleast_2d(values))


def tesr(
    path: Path,
    ids: np.ndarray,
    angles: np.ndarray,
    *,
    descriptor: str = "rodrigues:active",
    encoding: str = "ascii",
    voxelwise: bool = False,
    step: Sequence[float] = (0.5, 0.25, 1.0),
    crysym: str = "cubic",
    cells: bool = True,
    file: str = "",
    defined: np.ndarray | None = None,
) -> Path:
    """Write a raster; `angles` are those of the cells, or of the voxels, x fastest. [rad]"""
    grid = ids.shape
    head = f"***tesr\n **format\n   2.1\n **general\n   {len(grid)}\n   {rows(grid)}\n"
    head += f"   {rows(np.array(step)[: len(grid)])}\n"
    values = described(angles, descriptor)
    head += f" **cell\n   {ids.max()}\n  *crysym\n   {crysym}\n"
    if not voxelwise:
        head += f"  *ori\n   {descriptor}\n{rows(values)}\n"
    content = head.encode()
    if cells:
        content += f" **data\n   {encoding}\n".encode()
        content += block(path, ids.ravel(order="F"), encoding, file)
    if voxelwise:
        kind = "ascii" if encoding == "ascii" else "binary"
        content += f" **oridata\n   {descriptor}\n   {kind}\n".encode() + block(path, values, kind)
    if defined is not None:
        kind = "ascii" if encoding == "ascii" else "binary"
        content += f" **oridef\n   {kind}\n".encode()
        content += block(path, defined, "binary8" if kind == "binary" else kind)
    path.write_bytes(content + b"***end\n")
    return path


def block(path: Path, values: np.ndarray, encoding: str, file: str = "") -> bytes:
    """Return numbers in a format, or write them to a file beside and return its name."""
    if encoding == "ascii":
        content = rows(values).encode()
    else:
        content = np.ascontiguousarray(values).astype(KINDS[encoding]).tobytes()
    if file:
        (path.parent / file).write_bytes(content)
        content = f"  *file {file}".encode()
    return content + b"\n"


def tess(
    path: Path,
    cuts: Sequence[float],
    angles: np.ndarray,
    *,
    edges: Sequence[float] = (1.0, 0.5, 0.25),
    periodic: bool = False,
    descriptor: str = "rodrigues:active",
    ori: bool = True,
    domain: str = "cube",
    crysym: str = "cubic",
) -> Path:
    """Write slabs between planes x = cut of a box from the origin."""
    count = len(cuts) - 1
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * np.array(edges[1:])
    vertices = [(x, *corner) for x in cuts for corner in corners]
    faces: list[tuple[list[int], tuple[float, ...]]] = []
    for k, x in enumerate(cuts):
        faces.append(([4 * k + j + 1 for j in range(4)], (x, 1.0, 0.0, 0.0)))
    sides = ((edges[1], 0, 1, 0), (edges[2], 0, 0, 1), (0.0, 0, -1, 0), (0.0, 0, 0, -1))
    around = ((1, 2), (2, 3), (3, 0), (0, 1))
    for k in range(count):
        for (i, j), plane in zip(around, (sides[0], sides[1], sides[2], sides[3]), strict=True):
            faces.append(([4 * k + i + 1, 4 * k + j + 1, 4 * k + 5 + j, 4 * k + 5 + i], plane))
    text = f"***tess\n **format\n   3.4\n **general\n   3 standard\n **cell\n   {count}\n"
    text += f"  *crysym\n   {crysym}\n"
    values = described(angles, descriptor)
    if ori:
        text += f"  *ori\n   {descriptor}\n{rows(values)}\n"
    else:
        path.with_suffix(".ori").write_text(rows(values) + "\n")
    text += f" **vertex\n   {len(vertices)}\n"
    text += "".join(f"   {k} {rows(np.array(v))} 0\n" for k, v in enumerate(vertices, 1))
    text += f" **edge\n   1\n   1 1 2 0\n **face\n   {len(faces)}\n"
    for k, (own, plane) in enumerate(faces, 1):
        text += f"   {k} 4 {rows(np.array(own))}\n     4 1 -2 3 4\n"
        text += f"    {rows(np.array(plane))}\n     0 0 0 0 0\n"
    text += f" **polyhedron\n   {count}\n"
    for k in range(count):
        own = [-(k + 1), k + 2, *(count + 2 + 4 * k + j for j in range(4))]
        text += f"   {k + 1} 6 {rows(np.array(own))}\n"
    text += f" **domain\n  *general\n   {domain}\n  *vertex\n   8\n"
    for k in range(8):
        place: Any = np.array([(k >> axis) & 1 for axis in range(3)]) * np.array(edges)
        text += f"   {k + 1} {rows(place)} x{k & 1}y{k >> 1 & 1}z{k >> 2}\n      1 {k + 1}\n"
    if periodic:
        text += f" **periodicity\n  *general\n   1 0 0\n   {rows(np.array(edges))}\n"
    path.write_text(text + "***end\n")
    return path
