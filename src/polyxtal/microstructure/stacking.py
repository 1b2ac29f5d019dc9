"""Stack serial sections along z: one step, one list of phases, and the region that all cover."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.polycrystal import valid_edges
from polyxtal.microstructure.section_alignment import Shift, align
from polyxtal.microstructure.stack import EbsdStack

STEP_TOLERANCE = 0.01
"""Largest relative difference between the steps of sections. [-]"""

MIN_COMMON = 0.25
"""Least share of the smallest section that all sections must have in common. [-]"""

MAX_POINTS = 2**24
"""Largest number of points of a stack."""


def stack_sections(
    sections: Sequence[EbsdMap],
    spacing: float,
    *,
    align_sections: bool = True,
    layers: Sequence[int] | None = None,
    path: Path | None = None,
) -> EbsdStack:
    """Stack maps along z, in their order.

    The stack holds what all sections have in common once they are shifted by whole steps. Layers
    between sections, of sections that are missing, are not indexed.

    Args:
        sections: Maps in one frame and of one step, the first at z = 0.
        spacing: Distance between neighbouring layers. [µm]
        align_sections: Shift the sections, see `section_alignment.align`; otherwise their first
            points lie above one another.
        layers: Layer of each section, ascending from 0 (default: one after the other).
        path: What errors name (default: the file of the first section).
    Raises:
        ValueError: if there are fewer than two sections, their steps or the lattices of their
            phases differ, or they have too little in common.
    """
    if len(sections) < 2:
        raise ValueError(f"A stack must have at least two sections, but has {len(sections)}.")
    if not valid_edges((spacing,)):
        raise ValueError(f"Argument `spacing` must be a length [µm], but is {spacing:g}.")
    _require_one_step(sections)
    names, lattices = _common_phases(sections)
    renamed = [_with_phases(one, names, lattices) for one in sections]
    shifts = align(renamed) if align_sections else ((0, 0),) * len(sections)
    low, high = _common_window(renamed, shifts)
    layers = range(len(sections)) if layers is None else layers
    shape = (high[0] - low[0], high[1] - low[1], layers[-1] + 1)
    if math.prod(shape) > MAX_POINTS:
        raise ValueError(
            f"{path or sections[0].path}: a stack must have at most {MAX_POINTS} points "
            f"(MAX_POINTS), but has {' x '.join(map(str, shape))}."
        )
    orientations = torch.zeros(*shape, 4, dtype=torch.float64)
    orientations[..., 0] = 1.0
    phase = torch.full(shape, -1, dtype=torch.int64)
    columns = [name for name in sections[0].quality if all(name in s.quality for s in sections)]
    quality = {name: torch.zeros(shape, dtype=torch.float32) for name in columns}
    for one, shift, layer in zip(renamed, shifts, layers, strict=True):
        window = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, shift, strict=True))
        orientations[:, :, layer] = one.orientations[window]
        phase[:, :, layer] = one.phase[window]
        for name in columns:
            quality[name][:, :, layer] = one.quality[name][window]
    return EbsdStack(
        orientations, phase, names, (*sections[0].step, float(spacing)), quality,
        path or sections[0].path, lattices, frame=sections[0].frame, shifts=tuple(shifts),
    )  # fmt: skip


def _require_one_step(sections: Sequence[EbsdMap]) -> None:
    first = sections[0]
    for one in sections[1:]:
        pairs = zip(one.step, first.step, strict=True)
        if any(abs(mine / theirs - 1) > STEP_TOLERANCE for mine, theirs in pairs):
            raise ValueError(
                f"{one.path}: sections must have one step, but it is {one.step[0]:g} x "
                f"{one.step[1]:g} µm here and {first.step[0]:g} x {first.step[1]:g} µm in "
                f"{first.path.name}."
            )


def _common_phases(
    sections: Sequence[EbsdMap],
) -> tuple[tuple[str, ...], tuple[Lattice | None, ...] | None]:
    """Return the phases of all sections by name, in the order of their first occurrence."""
    known: dict[str, Lattice | None] = {}
    for one in sections:
        lattices = one.lattices or (None,) * len(one.phase_names)
        for name, lattice in zip(one.phase_names, lattices, strict=True):
            before = known.get(name)
            if before is not None and lattice is not None and not before.agrees_with(lattice):
                raise ValueError(
                    f"{one.path}: phase {shorten(name)} must have one lattice in all sections, but "
                    f"is {lattice.family} ({lattice.symbol}) here and {before.family} "
                    f"({before.symbol}) in earlier ones."
                )
            known[name] = before or lattice
    untold = all(one.lattices is None for one in sections)
    return tuple(known), None if untold else tuple(known.values())


def _with_phases(
    one: EbsdMap, names: tuple[str, ...], lattices: tuple[Lattice | None, ...] | None
) -> EbsdMap:
    number = torch.tensor([*(names.index(name) for name in one.phase_names), -1])
    return replace(one, phase=number[one.phase], phase_names=names, lattices=lattices)


def _common_window(
    sections: Sequence[EbsdMap], shifts: Sequence[Shift]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the corners of the rectangle that lies in all sections, and warn of what is lost."""
    low = max(s[0] for s in shifts), max(s[1] for s in shifts)
    ends = [(s[0] + m.grid[0], s[1] + m.grid[1]) for m, s in zip(sections, shifts, strict=True)]
    high = min(x for x, _ in ends), min(y for _, y in ends)
    edges = [max(0, b - a) for a, b in zip(low, high, strict=True)]
    areas = [math.prod(one.grid) for one in sections]
    if math.prod(edges) < MIN_COMMON * min(areas):
        raise ValueError(
            f"{sections[0].path}: sections must have at least {100 * MIN_COMMON:g} % of their "
            f"points in common, but share {edges[0]} x {edges[1]} points after shifts of up to "
            f"{max(abs(k) for s in shifts for k in s)} steps."
        )
    if len({one.grid for one in sections}) > 1:
        warnings.warn(
            f"{sections[0].path}: sections should be of one size, but have {min(areas)} to "
            f"{max(areas)} points; the {edges[0]} x {edges[1]} points that all have are kept.",
            stacklevel=4,
        )
    return low, high
