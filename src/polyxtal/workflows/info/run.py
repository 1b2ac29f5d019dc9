"""Look inside a file of a polycrystal: what it holds, and what is odd about it."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from polyxtal.argument_types import require_type
from polyxtal.microstructure.frames import Frame, MissingFrame
from polyxtal.microstructure.io.files import SourceOptions
from polyxtal.microstructure.io.registry import is_map, readable_format
from polyxtal.microstructure.io.stored_materials import read_sections
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.odf import texture_index
from polyxtal.viz.lengths import length_label, lengths_label
from polyxtal.workflows.info.sizes import GrainSizes, grain_sizes
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.files import identify_inputs, read_input
from polyxtal.workflows.inputs.materials import known_materials, material_file_beside
from polyxtal.workflows.inputs.reading import UNITS, Reading, remarks
from polyxtal.workflows.summary.provenance import provenance

MOST_CRYSTALS, RESOLUTION = 2000, 7.5
"""Largest number of crystals whose texture index is computed, and its grid's resolution [°]."""

WIDTH = 96
"""Longest line of the text. [characters]"""


@dataclass(frozen=True, eq=False, repr=False)
class Info:
    """What a polycrystal, or the file that it comes from, holds; its `repr` is a table.

    Attributes:
        reading: What was read.
        format: Name of the file's format; empty for a polycrystal in memory.
        sizes: Sizes of the grains.
        texture_index: Texture index of each phase with grains, at a half-width of 10°. [-]
        stored: Names of the phases whose properties are stored with the file.
        inputs: Name and SHA-256 of each file.
        settings: Settings for EBSD maps.
    """

    reading: Reading
    format: str
    sizes: GrainSizes
    texture_index: Mapping[str, float]
    stored: tuple[str, ...]
    inputs: Mapping[str, tuple[str, str]]
    settings: MapSettings

    @property
    def rve(self) -> Polycrystal:
        """The polycrystal; for an EBSD map, its grains."""
        return self.reading.rve

    def __repr__(self) -> str:
        """Return the rows as a table in text."""
        rows = [*self.rows(), *(("odd", remark) for remark in self.reading.remarks)]
        wide = max(len(name) for name, _ in rows) + 2
        lines = (
            textwrap.wrap(
                value, WIDTH, initial_indent=f"{name:{wide}}", subsequent_indent=" " * wide
            )
            for name, value in rows
        )
        return "\n".join(line for wrapped in lines for line in wrapped)

    def summary(self) -> dict[str, Any]:
        """Return all of it as numbers, lists and strings, for JSON."""
        seen = self.reading.summary()
        for name, index in self.texture_index.items():
            seen["phases"][name]["texture_index"] = index
        for name, phase in seen["phases"].items():
            phase["properties_stored"] = name in self.stored
        return {
            **provenance(self.inputs, self.settings, {}),
            "units": UNITS | {"grain_diameter": "um"},
            "format": self.format,
            "microstructure": seen,
            "spacing": self.rve.spacing,
            "grain_diameter": self.sizes._asdict(),
        }

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield name and value of what is known, without the remarks."""
        rve, seen = self.rve, self.reading.summary()
        if self.reading.file:
            yield "file", f"{self.reading.file} ({self.format})"
        yield from _map_rows(seen["map"])
        grid = " x ".join(map(str, rve.grid))
        yield "grid", f"{grid} voxels of {lengths_label(rve.spacing, max(rve.size))}"
        yield "size", lengths_label(rve.size)
        empty = seen["grains_without_voxels"]
        yield "grains", f"{rve.grains}" + (f", {empty} without voxels" if empty else "")
        yield "grain diameter", _size_label(self.sizes, max(rve.size))
        for name, phase in seen["phases"].items():
            yield f"phase {name}", self._phase_label(name, phase)

    def _phase_label(self, name: str, phase: Mapping[str, Any]) -> str:
        lattice = self.rve.lattices[self.rve.phase_names.index(name)]
        if lattice is None:
            parts = ["lattice unknown"]
        else:
            ratio = f", c/a {lattice.c_over_a:.4g}" if lattice.c_over_a else ""
            parts = [f"{lattice.family} ({lattice.symbol}, {phase['laue_group']}{ratio})"]
        if phase["grains"]:
            share = f"{100 * phase['volume_fraction']:.3g} %"
            parts += [f"{phase['grains']} grains, {share}"]
        else:
            parts += ["no grains"]
        if name in self.texture_index:
            parts += [f"texture index {self.texture_index[name]:.3g}"]
        if phase["material"]:
            parts += [f"material {phase['material']} stored"]
        elif name in self.stored:
            parts += ["properties stored that polyxtal does not support"]
        else:
            parts += ["no properties stored"]
        return "; ".join(parts)


def info(
    source: str | Path | Polycrystal,
    *,
    frame: Frame | None = None,
    threshold: float | None = None,
    exclude: str | Sequence[str] = (),
    section_spacing: float | None = None,
    **options: Unpack[SourceOptions],
) -> Info:
    """Look inside a file, or at a polycrystal: phases, lattices, grid, grains, texture, oddities.

    Args:
        source: File in any format that `read` reads, a pattern of serial sections, or a
            polycrystal.
        frame: Frame of a map's Euler angles; not required, since nothing shown depends on it.
        threshold: Disorientation at the grain boundaries of a map (default: 5°). [rad]
        exclude: Phases of a map whose points are treated as not indexed.
        section_spacing: Distance between serial sections. [µm]
        options: What to read of a file that leaves a choice, see `read`.
    Returns:
        What was found; printed, it is a table that fits a screen.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is invalid or an argument does not fit it.

    Example:
        >>> import polyxtal as px
        >>> px.info(px.Polycrystal([[[0, 1]]], [[1, 0, 0, 0], [0, 1, 0, 0]], lattices="cF"))
        grid            1 x 1 x 2 voxels of 1 x 1 x 0.5 µm
        size            1 x 1 x 1 µm
        grains          2
        grain diameter  mean 984.7 nm, median 984.7 nm, 984.7 nm to 984.7 nm; median volume 1 voxel
        phase crystal   cubic (cF, m-3m); 2 grains, 100 %; texture index 22.4; no properties stored
    """
    require_type(source, (str, Path, Polycrystal), "source")
    dropped = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    settings = MapSettings(_frame_text(frame), threshold, dropped, section_spacing=section_spacing)
    settings = replace(settings, **options)
    if isinstance(source, Polycrystal):
        reading = Reading("", source)
        return Info(reading, "", grain_sizes(source), _texture_indices(source), (), {}, settings)
    return info_of_file(source, settings)


def info_of_file(source: str | Path, settings: MapSettings) -> Info:
    """Look inside a file, see `info`."""
    entry = readable_format(source)
    # Too little of a map may be measured to compute with, but not to be shown.
    lenient = replace(settings, max_filled=1.0) if is_map(source) else settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # they are shown with the rest
        with remarks() as said:
            sections = read_sections(source)
            try:
                rve, grain_map = read_input(source, ebsd=lenient)
            except MissingFrame:  # nothing that is shown in words depends on it
                rve, grain_map = read_input(source, ebsd=replace(lenient, frame="map"))
    stored = (material_file_beside(source) or Path(source)).name
    materials = known_materials(Path(source), sections)
    reading = Reading(
        str(source),
        rve,
        materials,
        dict.fromkeys(materials, stored),
        grain_map,
        settings.frame,
        tuple(said),
    )
    return Info(
        reading, entry.name, grain_sizes(rve), _texture_indices(rve), tuple(sections),
        identify_inputs(source, ebsd=settings), settings,
    )  # fmt: skip


def _frame_text(frame: Frame | None) -> str | None:
    if frame is None or isinstance(frame, str):
        return frame
    return ",".join(repr(float(part)) for part in frame)


def _texture_indices(rve: Polycrystal) -> dict[str, float]:
    """Return the texture index of each phase with grains; of many, of `MOST_CRYSTALS` drawn."""
    found = {}
    share = rve.volume_fractions
    for k, name in enumerate(rve.phase_names):
        mine = (rve.phase == k) & (share > 0)
        if not bool(mine.any()):
            continue
        texture = DiscreteTexture(rve.orientations[mine], share[mine], laue=rve.laue_group(k))
        if int(mine.sum()) > MOST_CRYSTALS:
            drawn = texture.orientations(MOST_CRYSTALS, seed=0)
            texture = DiscreteTexture(drawn, laue=texture.laue)
        found[name] = texture_index(texture, RESOLUTION)
    return found


def _map_rows(seen: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if seen is None:
        return
    stack = "sections" in seen
    points = " x ".join(map(str, seen["points"]))
    yield "stack" if stack else "map", f"{points} points, {lengths_label(seen['step'])} apart"
    yield "frame", seen["frame"] or "not given, and not stored in the file; no number depends on it"
    yield (
        "points",
        f"{100 * seen['indexed']:.3g} % indexed, {100 * seen['excluded']:.3g} % excluded, "
        f"{100 * seen['filled']:.3g} % filled from neighbouring grains",
    )
    yield "at the border", f"{seen['grains_at_border']} grains"
    if stack:
        yield "sections", f"{seen['sections']}, shifted by up to {seen['largest_shift']} steps"


def _size_label(sizes: GrainSizes, cell: float) -> str:
    def label(length: float) -> str:
        return length_label(length, cell)

    unit = "voxel" if sizes.voxels == 1 else "voxels"
    return (
        f"mean {label(sizes.mean)}, median {label(sizes.median)}, {label(sizes.smallest)} to "
        f"{label(sizes.largest)}; median volume {sizes.voxels:.3g} {unit}"
    )
