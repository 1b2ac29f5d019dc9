"""CSV tables of stress-strain curves and of initial and final orientations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from polyxtal.files.plain import write_csv
from polyxtal.mechanics.response import Response

COMPONENTS = [row + column for row in "xyz" for column in "xyz"]


def write_curve(path: Path, response: Response, component: str) -> None:
    """Write strain and stress of the loaded component, time, and all components of F and P."""
    header = [f"strain_{component} [-]", f"stress_{component} [MPa]", "time [s]"]
    header += [f"F_{c} [-]" for c in COMPONENTS] + [f"P_{c} [MPa]" for c in COMPONENTS]
    columns = [response.strain(component), response.stress(component), response.time]
    columns += [*response.F.reshape(-1, 9).T, *response.P.reshape(-1, 9).T]
    write_csv(path, header, zip(*(column.tolist() for column in columns), strict=True))


def write_orientations(path: Path, leading: Mapping[str, Tensor], orientations: Tensor) -> None:
    """Write one row per crystal: leading columns, initial and final orientation.

    Args:
        path: Output file.
        leading: Leading columns by header, such as phase and volume fraction.
        orientations: Orientation of each crystal at each time, (times, crystals, 4). [-]
    """
    header = [*leading, *(f"{when}_q{k} [-]" for when in ("start", "end") for k in range(4))]
    first, last = orientations[0].tolist(), orientations[-1].tolist()
    columns = zip(*(column.tolist() for column in leading.values()), strict=True)
    rows = zip(columns, first, last, strict=True)
    write_csv(path, header, ([*lead, *a, *b] for lead, a, b in rows))
