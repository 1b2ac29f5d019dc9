"""CSV tables of stress-strain curves, averages over phases, and orientations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from polyxtal.files.plain import write_csv
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
from polyxtal.mechanics.quantities import label
from polyxtal.mechanics.response import Response
from polyxtal.mechanics.tables import history_columns


def write_curve(path: Path, response: Response, component: str) -> None:
    """Write strain and stress of the loaded component, time, and averages in every measure.

    Where it is known, the bound of the error of the loaded stress comes last.
    """
    columns = {
        f"strain_{component} [-]": response.strain(component),
        f"stress_{component} [MPa]": response.stress(component),
        "time [s]": response.time,
        **history_columns(response),
    }
    if isinstance(response, EstimatedResponse):
        columns[f"stress_{component}_bound [MPa]"] = response.stress_bound(component)
    write_csv(path, list(columns), zip(*(c.tolist() for c in columns.values()), strict=True))


def write_phases(path: Path, response: FullFieldResponse) -> None:
    """Write the averages over each phase in every measure, and over its slip and twin systems.

    One row per phase and time. Systems are numbered from 1 in the order of the phase's law; those
    that a phase does not have are 0.
    """
    systems = {
        name: response.phase_slip(name)
        for name in ("slip", "twin_shear")
        if getattr(response, f"grain_{name}") is not None
    }
    header: list[str] = []
    rows: list[tuple[float | str, ...]] = []
    for phase, averages in response.phases.items():
        columns = {"time [s]": response.time, **history_columns(averages)}
        for name, slip in systems.items():
            each = enumerate(slip[phase].unbind(1), start=1)
            columns |= {label(name, str(number)): values for number, values in each}
        header = ["phase", *columns]
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        rows += [(phase, *row) for row in values]
    write_csv(path, header, rows)


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
