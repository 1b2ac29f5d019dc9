"""Draw the map of rooms, `docs/images/rooms.svg`: run `python docs/_ext/rooms.py`.

Floors are the layers of the first import-linter contract in `pyproject.toml`, rooms the packages
inside a floor. A circle counts the import statements by which a floor uses a lower one.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
ROW, COLUMN, BOX, MARGIN = 36, 34, 650, 16
"""Height of a floor, pitch of the columns, width of a floor's box and margin. [pixel]"""
STYLE = """
text { font: 11px sans-serif; fill: #222; dominant-baseline: central }
text.floor { font-weight: bold; font-size: 13px }
text.room, text.count { text-anchor: middle } text.count { font-size: 10px }
rect.floor { fill: #eef3f8; stroke: #9db2c6 } rect.room { fill: #fff; stroke: #c9d5e0 }
circle { fill: #f6d9c0; stroke: #d55e00 } line, path { stroke: #b9b9b9; fill: none }
"""


def floors() -> list[str]:
    """Return the modules that are floors, highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["importlinter"]["contracts"][0]["layers"]


def folder(floor: str) -> Path:
    """Return the folder of a floor."""
    return (ROOT / "src" if floor.startswith("polyxtal") else ROOT) / floor.replace(".", "/")


def rooms(floor: str) -> list[str]:
    """Return the names of the packages inside a floor."""
    return sorted(path.parent.name for path in folder(floor).glob("*/__init__.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, one for each statement and module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "polyxtal":
            yield from (f"polyxtal.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def count_imports(names: list[str]) -> Counter[tuple[int, int]]:
    """Count imports between floors.

    Args:
        names: Modules that are floors, highest first.
    Returns:
        Number of imports by the indices of the importing and the imported floor.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for row, floor in enumerate(names):
        for path in sorted(folder(floor).rglob("*.py")):
            for module in imported(path):
                found = [k for k, name in enumerate(names) if f"{module}.".startswith(f"{name}.")]
                counts.update((row, column) for column in found if column != row)
    return counts


def draw_floor(row: int, floor: str) -> Iterator[str]:
    """Yield a floor's box, its name and its rooms."""
    top, middle = MARGIN + row * ROW, MARGIN + (row + 0.5) * ROW
    size = f'width="{BOX}" height="{ROW - 6}"'
    yield f'<rect class="floor" x="{MARGIN}" y="{top + 3}" {size} rx="4"/>'
    name = floor.removeprefix("polyxtal.")
    yield f'<text class="floor" x="{MARGIN + 10}" y="{middle}">{name}</text>'
    left = MARGIN + 130
    for room in rooms(floor):
        width = 7 * len(room) + 14
        size = f'width="{width}" height="20"'
        yield f'<rect class="room" x="{left}" y="{middle - 10}" {size} rx="3"/>'
        yield f'<text class="room" x="{left + width / 2}" y="{middle}">{room}</text>'
        left += width + 5


def draw() -> str:
    """Return the map as SVG."""
    names = floors()
    counts = count_imports(names)
    width, height = 2 * MARGIN + BOX + COLUMN * len(names), 2 * MARGIN + ROW * len(names)
    x = [MARGIN + BOX + COLUMN * (column + 0.5) for column in range(len(names))]
    y = [MARGIN + ROW * (row + 0.5) for row in range(len(names))]
    parts = [part for row, name in enumerate(names) for part in draw_floor(row, name)]
    for column in sorted({column for _, column in counts}):
        first = min(row for row, other in counts if other == column)
        parts.append(f'<path d="M{x[column]} {y[first]}V{y[column]}H{MARGIN + BOX + 2}"/>')
        parts.append(f'<path d="M{MARGIN + BOX + 9} {y[column] - 4}l-7 4l7 4"/>')
    for (row, column), count in sorted(counts.items()):
        radius = min(5 + count**0.5 * 1.5, 14)
        parts.append(f'<circle cx="{x[column]}" cy="{y[row]}" r="{radius:.1f}"/>')
        parts.append(f'<text class="count" x="{x[column]}" y="{y[row]}">{count}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    paper = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", paper, *parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
