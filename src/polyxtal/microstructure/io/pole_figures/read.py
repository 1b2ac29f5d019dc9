"""Read pole figures: recognise the format, name the reflections, and check the lattice.

Each format's file describes it. Tilt is counted from the sample's z, azimuth from x towards y, as
stored: where a laboratory measures azimuths from another axis, or clockwise, turn the figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from polyxtal.argument_types import require_path, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import shorten_text
from polyxtal.microstructure.io.ebsd_text import decoded, read_text
from polyxtal.microstructure.io.pole_figures import blocks, scans, tables
from polyxtal.microstructure.io.pole_figures.grid import StoredFigure
from polyxtal.texture.pole_figure import PoleFigure, Reflections, miller_text, sample_directions

MAX_BYTES = 2**26
"""Largest file that is read. [bytes]"""
RATIO_TOLERANCE = 0.02
"""Largest relative difference of c/a between file and lattice. [-]"""
_INDICES = re.compile(r"(?<![\d.])((?:-?\d){3,4})(?![\d.])")

Named = str | Sequence[int] | Mapping[str, float] | Mapping[tuple[int, ...], float]
"""One figure's reflections."""


def read_pole_figures(
    paths: str | Path | Iterable[str | Path],
    lattice: Lattice,
    reflections: Named | Sequence[Named] | None = None,
    *,
    alpha: tuple[float, float] | None = None,
    centre: float = 0.0,
    missing: float | None = None,
    clip: bool = False,
) -> list[PoleFigure]:
    """Read the pole figures of one or more files, in order.

    LaboTex `.epf` and `.ppf`, popLA `.raw` and `.epf`, BearTex `.xpe`, Rigaku's text, Bruker's
    `.uxd`, Aachen's `.ana` and `.ptx`, Dubna's `.cnv`, and tables of tilt, azimuth and intensity.

    Args:
        paths: File, or several.
        lattice: Lattice of the crystals, with c/a where indices need it.
        reflections: For each figure indices such as (1, 1, 1) or "10-11", or a mapping of indices
            to structure weights where several reflections superpose; a single one for one figure
            (default: the indices in the file, or else in its name).
        alpha: Angles of the first and the last scan of Rigaku's text, 90 at the centre. [degrees]
        centre: Angle that tables have at the centre of the figure, 0 or 90. [degrees]
        missing: Intensity that stands for a direction not measured, such as 0 (default: none).
        clip: Whether negative intensities, as after a correction, become 0 instead of an error.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file is damaged, too large or of no known format, if indices are unknown
            or several without weights, or lattice and file differ.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> file = Path(tempfile.mkdtemp()) / "copper_111.txt"
        >>> _ = file.write_text("tilt azimuth intensity\\n0 0 120\\n5 0 80\\n5 90 75\\n")
        >>> figure, = px.read_pole_figures(file, px.Lattice("cF"))
        >>> figure.name, figure.intensities.tolist()
        ('111', [120.0, 80.0, 75.0])
    """
    require_type(lattice, Lattice, "lattice")
    if centre not in (0, 90):
        raise ValueError(f"Argument `centre` must be 0 or 90 degrees, but is {centre}.")
    one = isinstance(paths, str | Path)
    if not one:
        require_type(paths, Iterable, "paths")
    files = [paths] if one else list(paths)  # type: ignore[arg-type]
    for path in files:
        require_path(path, "paths")
    stored = [
        (Path(path), figure)
        for path in files
        for figure in _read(Path(path), alpha, float(centre))  # type: ignore[arg-type]
    ]
    given = _given(reflections, len(stored))
    return [
        _figure(path, figure, lattice, named, missing, clip)
        for (path, figure), named in zip(stored, given, strict=True)
    ]


def _read(path: Path, alpha: tuple[float, float] | None, centre: float) -> list[StoredFigure]:
    lines = decoded(read_text(path, MAX_BYTES)).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError(f"{path}: must hold a pole figure, but is empty.")
    head = "\n".join(lines[:60]).lower()
    end = path.suffix.lower()
    if len(lines) > 6 and lines[2].lower().startswith("structure code"):
        return blocks.read_labotex(path, lines)
    if "_khi" in head or end == ".uxd":
        return scans.read_uxd(path, lines)
    if "*khi" in head or "* phi range" in head:
        return tables.read_dump(path, lines)
    if end == ".xpe":
        return blocks.read_beartex(path, lines)
    if end == ".ana":
        return tables.read_ana(path, lines)
    if end == ".cnv":
        return tables.read_dubna(path, lines)
    if tables.is_aachen(lines):
        return tables.read_aachen(path, lines)
    if end in (".raw", ".epf", ".gpf"):
        return blocks.read_popla(path, lines)
    if re.search(r"^(scanningmode|start)\s*,", head, re.MULTILINE):
        return scans.read_rigaku(path, lines, alpha)
    return tables.read_plain(path, lines, centre)


def _given(reflections: Named | Sequence[Named] | None, count: int) -> list[Named] | list[None]:
    if reflections is None:
        return [None] * count
    require_type(reflections, (str, Sequence, Mapping), "reflections")
    single = isinstance(reflections, str | Mapping) or all(
        isinstance(index, int | np.integer) for index in reflections
    )
    given = [reflections] if single else list(reflections)  # type: ignore[arg-type]
    if len(given) != count:
        raise ValueError(
            f"Argument `reflections` must name those of {count} "
            f"{'figure' if count == 1 else 'figures'}, but names {len(given)}."
        )
    return given  # type: ignore[return-value]


def _figure(
    path: Path,
    stored: StoredFigure,
    lattice: Lattice,
    named: Named | None,
    missing: float | None,
    clip: bool,
) -> PoleFigure:
    _check_lattice(path, stored, lattice)
    reflections = _parsed(path, named, lattice) if named else _found(path, stored.label, lattice)
    values = stored.intensity
    kept = np.ones(len(values), bool) if missing is None else values != missing
    if not kept.any():
        raise ValueError(f"{path}: an intensity must be measured, but all are {missing}.")
    tilt, azimuth, values = (x[kept] for x in (stored.tilt, stored.azimuth, values))
    if not np.isfinite(np.concatenate([tilt, azimuth])).all() or (np.abs(tilt) > 180).any():
        raise ValueError(f"{path}: tilts must be within 180° and angles finite, but are not.")
    at = (torch.from_numpy(np.radians(angle)) for angle in (tilt, azimuth))
    values = np.maximum(values, 0.0) if clip else values
    try:
        return PoleFigure(reflections, sample_directions(*at), torch.from_numpy(values), lattice)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_lattice(path: Path, stored: StoredFigure, lattice: Lattice) -> None:
    if stored.laue is not None and stored.laue != lattice.laue_group.name:
        raise ValueError(
            f"{path}: the lattice must be of the file's Laue group, {stored.laue}, but is of "
            f"{lattice.laue_group.name}."
        )
    mine, theirs = lattice.c_over_a, stored.c_over_a
    if mine and theirs and abs(mine / theirs - 1) > RATIO_TOLERANCE:
        raise ValueError(
            f"{path}: the lattice's c/a must be that of the file, {theirs:.4g}, but is {mine:.4g}."
        )


def _parsed(path: Path, named: Named, lattice: Lattice) -> Reflections:
    """Return indices given as text, or as they are."""
    if isinstance(named, Mapping):
        return {
            (_only(path, key, lattice) if isinstance(key, str) else key): weight
            for key, weight in named.items()
        }
    return _only(path, named, lattice) if isinstance(named, str) else named


def _only(path: Path, text: str, lattice: Lattice) -> tuple[int, ...]:
    found = _indices(text, lattice)
    if len(found) != 1:
        raise ValueError(
            f"{path}: a reflection must be written as 111 or 10-11, but is "
            f"{shorten_text(text, 40)!r}."
        )
    return found[0]


def _found(path: Path, label: str, lattice: Lattice) -> tuple[int, ...]:
    """Return the indices in the file's label, or else in its name.

    Raises:
        ValueError: if there are none, or several.
    """
    whole = label.split()
    if whole and all(re.fullmatch(r"-?\d+(\.0*)?", word) for word in whole) and len(whole) > 2:
        return tuple(int(float(word)) for word in whole)
    found = _indices(label, lattice) or _indices(path.stem, lattice)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{path}: argument `reflections` must map {', '.join(map(miller_text, found))} to "
            "their structure weights, since the name holds several, but is missing."
        )
    raise ValueError(
        f"{path}: argument `reflections` must give the indices, since neither file nor name does, "
        "but is missing."
    )


def _indices(text: str, lattice: Lattice) -> list[tuple[int, ...]]:
    found = []
    for word in _INDICES.findall(text):
        indices = tuple(map(int, re.findall(r"-?\d", word)))
        hexagonal = lattice.family == "hexagonal"
        fits = len(indices) == 3 or (hexagonal and sum(indices[:3]) == 0)
        if fits and any(indices) and indices not in found:
            found.append(indices)
    return found
