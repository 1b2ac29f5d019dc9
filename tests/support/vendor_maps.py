"""Orientation maps as EDAX and Oxford write them."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.rotation import quaternion_to_bunge, random_quaternions

PHASE = """# Phase {number}
# MaterialName  \tIron fcc
# Formula     \t
# Symmetry              {symmetry}
# LatticeConstants      3.660 3.660 3.660  90.000  90.000  90.000
#
"""
GRID = (5, 4)
ANGLES = quaternion_to_bunge(random_quaternions(20, 7)).reshape(*GRID, 3).numpy()


def ang(
    path,
    angles=ANGLES,
    *,
    phases=((1, "43"),),
    data_phase=0,
    step=(0.5, 0.25),
    header_step=None,
    grid="SqrGrid",
    columns=10,
    change=lambda rows: rows,
    end="\n",
    extra="",
):
    """Write a map as EDAX does: x runs fastest, Euler angles in radians."""
    nx, ny = angles.shape[:2]
    x, y = np.meshgrid(np.arange(nx) * step[0], np.arange(ny) * step[1], indexing="ij")
    number = np.broadcast_to(data_phase, (nx, ny))
    other = np.arange(nx * ny).reshape(nx, ny)
    fields = [*np.moveaxis(angles, -1, 0), x, y, 100 + other, 0 * x + 0.5, number, 1 + 0 * x]
    fields += [1.5 + 0.01 * other] + [other] * 8
    rows = np.stack([f.T.reshape(-1) for f in fields[:columns]], -1)
    header = "# TEM_PIXperUM  1.0\n" + "".join(
        PHASE.format(number=n, symmetry=s).replace("Iron fcc", f"Phase{n}") for n, s in phases
    )
    sx, sy = header_step or step
    header += f"# GRID: {grid}\n# XSTEP: {sx}\n# YSTEP: {sy}\n# NCOLS_ODD: {nx}\n"
    header += f"# NCOLS_EVEN: {nx}\n# NROWS: {ny}\n#\n# OPERATOR: \tJörg\n{extra}#\n"
    lines = [" ".join(f"{v:10.5f}" for v in row) for row in change(rows)]
    text = (header + "\n".join(lines) + "\n").replace("\n", end)
    path.write_bytes(text.encode("latin-1"))
    return path


def ctf(path, angles=ANGLES, *, phase=1, laue=(11,), step=(0.5, 0.25), comma=False, end="\r\n"):
    """Write a map as Oxford does, Euler angles in degrees."""
    nx, ny = angles.shape[:2]
    number = np.broadcast_to(phase, (nx, ny))
    lines = ["Channel Text File", "Prj\tWärmebehandelt.cpr", "Author\t[Unknown]", "JobMode\tGrid"]
    lines += [f"XCells\t{nx}", f"YCells\t{ny}", f"XStep\t{step[0]}", f"YStep\t{step[1]}"]
    lines += ["AcqE1\t0", "Euler angles refer to Sample Coordinate system (CS0)!\tMag\t300"]
    lines += [f"Phases\t{len(laue)}"]
    lines += [
        f"3.66;3.66;3.66\t90;90;90\tPhase{k + 1}\t{g}\t225\t\t\tpaper" for k, g in enumerate(laue)
    ]
    lines += ["Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS"]
    for j in range(ny):
        for i in range(nx):
            e = [f"{v:.4f}" for v in np.degrees(angles[i, j])]
            p = int(number[i, j])
            numbers = [p, f"{i * step[0]:.4f}", f"{j * step[1]:.4f}", 8, 0, *e, "0.6123", i, j]
            lines.append("\t".join(map(str, numbers)))
    if comma:
        lines[6:] = [line.replace(".", ",") for line in lines[6:]]
    path.write_bytes((end.join(lines) + end).encode("latin-1"))
    return path
