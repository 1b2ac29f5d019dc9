"""Error against CPU time as SVG, one panel a case.

Written without a plotting library, so that the same numbers give the same bytes. Colours and the
transparent ground are legible on white and on black pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from reproduction.accuracy.measured import Measured

WIDTH, HEIGHT = 360, 330
LEFT, RIGHT, TOP, BOTTOM = 46, 342, 26, 232
"""Frame of the axes. [pixel]"""
TIMES, ERRORS = (0.02, 1000.0), (5e-4, 100.0)
"""Ranges of the axes. [s], [%]"""
SERIES = {
    "Taylor": ("Taylor", "#767676", "square"),
    "Sachs": ("Sachs", "#767676", "diamond"),
    "network": ("network, 8–2048 leaves", "#2f7fc4", "circle"),
    "8 networks": ("8 networks together", "#8e6bbf", "circle"),
    "predicted": ("predicted network", "#a8662a", "triangle"),
    "coarse field": ("full field, 5³–11³ voxels", "#d55e00", "circle"),
    "predict,": ("predict, 2, 1 and 0.5 %", "#c2408c", "ring"),
    "full field": ("simulate, 16³ voxels", "#16906a", "square"),
}
"""Title, colour and marker by the first words of a method's name."""
STYLE = """text { font: 12px system-ui, sans-serif; fill: #767676 }
.title { font-weight: 600; font-size: 14px } .x { text-anchor: middle } .y { text-anchor: end }
.grid { stroke: #767676; stroke-opacity: .25 } .frame { stroke: #767676; fill: none }
.damask { stroke: #767676; stroke-dasharray: 5 3 } .line { fill: none; stroke-width: 1.3 }"""


def across(seconds: float) -> float:
    """Return the position of a time. [pixel]"""
    low, high = map(math.log10, TIMES)
    return LEFT + (math.log10(seconds) - low) / (high - low) * (RIGHT - LEFT)


def down(error: float) -> float:
    """Return the position of an error. [pixel]"""
    low, high = map(math.log10, ERRORS)
    return BOTTOM - (math.log10(error) - low) / (high - low) * (BOTTOM - TOP)


def marker(kind: str, x: float, y: float, color: str) -> str:
    """Return a marker."""
    if kind == "ring":
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="{color}" stroke-width="2"'
        )
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"'
    corners = {
        "square": ((-4, -4), (4, -4), (4, 4), (-4, 4)),
        "diamond": ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)),
        "triangle": ((0, -5.5), (5, 4), (-5, 4)),
    }[kind]
    points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners)
    return f'<polygon points="{points}" fill="{color}"'


def axes() -> Iterator[str]:
    """Yield grid lines, frame and labels."""
    for power in range(-1, 4):
        x = across(10.0**power)
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}"/>'
        yield f'<text class="x" x="{x:.1f}" y="{BOTTOM + 15}">{10.0**power:g}</text>'
    for power in range(-3, 3):
        y = down(10.0**power)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>'
        yield f'<text class="y" x="{LEFT - 5}" y="{y + 4:.1f}">{10.0**power:g}</text>'
    size = f'width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"'
    yield f'<rect class="frame" x="{LEFT}" y="{TOP}" {size}/>'
    yield f'<text class="x" x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 31}">CPU time [s]</text>'
    middle = (TOP + BOTTOM) / 2
    yield f'<text class="x" transform="translate(11 {middle:g}) rotate(-90)">error [%]</text>'


def points(rows: Sequence[Measured], start: str) -> Iterator[str]:
    """Yield the line and the markers of one series; a pointer shows the numbers."""
    _, color, kind = SERIES[start]
    found = [row for row in rows if row.method.startswith(start)]
    places = [(across(row.seconds), down(row.mean)) for row in found]
    if len(found) > 1 and kind == "circle":
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="line" points="{line}" stroke="{color}"/>'
    for row, (x, y) in zip(found, places, strict=True):
        told = f"{row.method.replace('^3', '³')}: {row.mean:.4g} %, {row.seconds:.3g} s"
        shape = marker(kind, x, y, color)
        yield f"{shape}><title>{told}</title></{shape[1:].partition(' ')[0]}>"


def legend() -> Iterator[str]:
    """Yield markers and titles of all series, in two columns."""
    for number, (title, color, kind) in enumerate(SERIES.values()):
        column, row = divmod(number, 4)
        x, y = (14, 194)[column], BOTTOM + 46 + 15 * row
        yield f"{marker(kind, x, y, color)}/>"
        yield f'<text x="{x + 11}" y="{y + 4}">{title}</text>'


def panel(measured: Iterable[Measured], title: str) -> str:
    """Return the picture of one case.

    Args:
        measured: All methods of the case.
        title: Text above the axes.
    """
    rows = list(measured)
    damask = across(next(row.seconds for row in rows if row.method == "DAMASK"))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="17">{title}</text>',
        *axes(),
        f'<line class="damask" x1="{damask:.1f}" y1="{TOP}" x2="{damask:.1f}" y2="{BOTTOM}"/>',
        f'<text class="y" x="{damask - 5:.1f}" y="{BOTTOM - 8}">DAMASK</text>',
    ]
    for start in SERIES:
        parts += points(rows, start)
    return "\n".join([*parts, *legend(), "</svg>", ""])
