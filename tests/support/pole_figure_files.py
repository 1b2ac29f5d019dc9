"""Pole figures in the formats of several programs, with intensities that tell directions apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TILT, AZIMUTH = np.arange(0, 81, 5.0), np.arange(0, 360, 5.0)
"""Rings of most files. [degrees]"""


def intensity(tilt: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return whole numbers below 1000 that differ between rings and along each."""
    return np.round(100 + 2 * tilt + azimuth + 0 * tilt)


def grid(tilt: Sequence[float] = TILT, azimuth: Sequence[float] = AZIMUTH) -> NDArray[np.float64]:
    return intensity(*np.meshgrid(tilt, azimuth, indexing="ij"))


def fixed(values: NDArray[np.float64], width: int, columns: int, before: str = "") -> str:
    rows = np.asarray(values).reshape(-1, columns)
    return "".join(before + "".join(f"{v:{width}.0f}" for v in row) + "\n" for row in rows)


def labotex() -> str:
    head = "copper\n\nStructure Code a b c alfa beta gamma\n 7 1.0 1.0 1.0 90.0 90.0 90.0\n"
    head += "2 number of Pole Figures\n 2theta alf-s alf-e d-alf bet-s bet-e d-bet indx H K L P/B\n"
    for h in ("1 1 1", "2 0 0"):
        head += f" 43.00 0.00 80.00 5.00 0.00 355.00 5.00 0 {h} 1 1\n"
    body = "".join(
        "".join(f"{v:13.5E}" for v in row) + "\n"
        for values in (grid(), grid() + 1)
        for row in values.reshape(-1, 8)
    )
    return head + body


def popla(corner: int = 1, scale: int = 100) -> str:
    """Return two figures, with the means of rings and rings beyond the largest tilt."""
    half = 0 if corner else 2.5
    text = ""
    for name, add in (("(111)", 0), ("(200)", 1)):
        text += f"sample\n{name:5}  5.0 80.0  5.0360.0{corner:2d}{corner:2d} 1 2 3{scale:5d}    0\n"
        for ring in grid(np.arange(0, 91, 5.0) + half, AZIMUTH + half) + add:
            rows = fixed(ring, 4, 18, " ").split("\n")
            rows[3] += f"{ring.mean():4.0f}"
            text += "\n".join(rows)
        text += "\n"
    return text


def beartex() -> str:
    text = ""
    for name, add in (("   1  0  1", 0), ("   1  1  2", 1)):
        text += "quartz\n\n\n\n\n 4.9 4.9 5.4 90.0 90.0 120.0 9 1\n"
        text += f"{name:10}  0.0 80.0  5.0  0.0360.0  5.0 1 1\n"
        text += fixed(grid(np.arange(0, 91, 5.0)) + add, 4, 18, " ") + "\n"
    return text


def rigaku() -> str:
    text = "Sample,10-90\nGoniometer,RINT2000\n"
    for tilt in np.arange(80, -1, -5.0):
        text += "X-Ray,20kV\nStart,0\nStop,355\nStep,5\nOffset,0\n"
        text += "".join(f"{a:g},{v:g}\n" for a, v in _ring(tilt))
    return text


def uxd(paired: bool = True) -> str:
    text = "; converted\n_FILEVERSION=2\n_SITE='lab'\n"
    for peak, add in ((38.4, 0), (44.7, 1)):
        for tilt in TILT:
            text += "; (Data for Range)\n_DRIVE='PHI'\n_STEPSIZE=5.000\n_START=0.000\n"
            text += f"_THETA={peak / 2}\n_2THETA={peak}\n_KHI={tilt:.3f}\n_PHI=0.0\n"
            ring = _ring(tilt)
            if paired:
                text += "_2THETACPS\n" + "".join(f"{a:10.4f} {v + add:9.1f}\n" for a, v in ring)
            else:
                text += "_COUNTS\n" + fixed(ring[:, 1] + add, 9, 8)
    return text


def ana() -> str:
    numbers = [grid().size, 3, 13.9, 13.9, 0.01, 0, 0, 80, 5, 0, 360, 5, 10, 3, 1, 1, 1.54, 1, 1, 9]
    lines = [f"{n:14.6f}" for n in numbers] + [f"{v:.3f}" for v in grid().ravel()]
    return "\n".join(["YBCO", *lines, ""])


def dump() -> str:
    text = "*Dump of file: a\n*Sample: b\n*Corrected data * Phi range 0.00 - 360.00 Step 5.00\n"
    text += "*Pole figure: 104\n"
    for tilt in TILT:
        text += f"*Khi = {tilt:6.2f}\n" + "".join(
            "".join(f"{v:9.3f}" for v in row) + "\n" for row in _ring(tilt)[:, 1].reshape(-1, 8)
        )
    return text


def aachen(corner: int = 1) -> str:
    text = ""
    half = 0 if corner else 2.5
    for name, add in (("111", 0), ("200", 1)):
        text += (
            f"rolled sheet\n{name:>5}cubic{5:5.2f}{5:5.2f}{80:5.1f}{corner:5d}{0:5d}  (12f6.0)\n"
        )
        tilt = np.arange(half, 80.1, 5.0)
        text += "    10 .500 -112    0\n" + fixed(10 * (grid(tilt, AZIMUTH + half) + add), 6, 12)
    return text


def dubna() -> str:
    values = grid(np.arange(0, 91, 5.0), np.arange(0, 360, 5.0))
    return "\n\n".join(
        "\n".join(" ".join(f"{v:8.2f}" for v in row) for row in ring.reshape(-1, 6))
        for ring in values
    )


def table(centre: float = 0) -> str:
    text = "alpha;beta;intensity\n"
    for tilt in TILT:
        first = tilt if centre == 0 else centre - tilt
        text += "".join(f"{first:g};{a:g};{v:g}\n" for a, v in _ring(tilt))
    return text


def _ring(tilt: float) -> NDArray[np.float64]:
    return np.column_stack([AZIMUTH, intensity(np.full(len(AZIMUTH), tilt), AZIMUTH)])
