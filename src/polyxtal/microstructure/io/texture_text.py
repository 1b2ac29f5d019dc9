"""Textures in texts: lists of orientations with weights, and densities on a grid of MTEX.

Columns are named in a line above the rows, or follow from their number: Bunge angles (3), with a
weight (4), a unit quaternion (4), with a weight (5). VPSC's files begin with three lines of text
and one such as `B 1000`: Bunge's (B), Kocks' (K) or Roe's (R) angles and the number of rows.
popLA's begin with three lines of text and one such as `Bunge:phi1 PHI phi2 XYZ= 1 2 3`. MTEX's
tables of a density begin with `% MTEX ODF`. A `.yaml` is DAMASK's `material.yaml`.

Quaternions are scalar first, v_sample = R(q) v_crystal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.argument_types import require_path
from polyxtal.crystal.laue import CUBIC, LaueGroup, laue_of_point_group
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io.ebsd_table import A_STAR_TO_A
from polyxtal.microstructure.io.ebsd_text import decoded, read_table, read_text
from polyxtal.microstructure.io.neper_orientations import described_quaternions
from polyxtal.microstructure.io.odf_file import read_odf
from polyxtal.microstructure.io.texture_damask import read_damask_texture
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, DiscreteTexture
from polyxtal.texture.orientation_density import ODF

MAX_BYTES = 2**28
"""Largest file that is read. [bytes]"""
MAX_HEADER = 100
"""Most lines before the rows."""

_ANGLES = {
    "euler-bunge": (("phi1", "phi", "phi2"), ("euler1", "euler2", "euler3")),
    "euler-roe": (("alpha", "beta", "gamma"),),
    "quaternion": (("a", "b", "c", "d"), ("w", "x", "y", "z"), ("q0", "q1", "q2", "q3")),
}
"""Names of columns by what they are, in terms of `described_quaternions`; Matthies' are Roe's."""
_WEIGHTS = ("weight", "weights", "value", "volume", "volume_fraction", "area")
_VPSC = {"B": "euler-bunge", "K": "euler-kocks", "R": "euler-roe"}
_POPLA = re.compile(r"\s*(Bunge|Kocks|Roe)\s*:.*?(?:XYZ=\s*(\S+\s+\S+\s+\S+))?\s*$")
_UNNAMED = {3: ("euler-bunge", False), 4: ("euler-bunge", True), 5: ("quaternion", True)}
_HALF_TURN, _ROUNDING = 180.0, 1e-3


def read_texture(
    path: str | Path,
    *,
    laue: str | LaueGroup | None = None,
    unit: str | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
) -> DiscreteTexture | ODF:
    """Read a list of orientations, or a density on a grid, as a texture.

    What `write_texture` writes, and see the module. The weights of a density are its values times
    the volumes of the grid's cells; a specimen symmetry that the file names is applied.

    Args:
        path: Text file or `material.yaml`; or an orientation density of `write_odf` (.npz).
        laue: Laue group of the crystals (default: that of the file, else m-3m).
        unit: "deg" or "rad" of the angles (default: as the file says, else degrees).
        halfwidth: Half-width of the kernel of the texture's density. [rad]
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the unit is missing but in doubt, or the file is damaged, too large, or of
            columns whose meaning is unknown.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> file = Path(tempfile.mkdtemp()) / "orientations.txt"
        >>> _ = file.write_text("phi1 Phi phi2 weight\\n0 45 0 3\\n35 45 0 1\\n")
        >>> texture = px.read_texture(file)
        >>> texture.weights.tolist()
        [0.75, 0.25]
        >>> px.tessellate(grid=16, grains=50, texture=texture, seed=2).grains
        50
    """
    require_path(path, "path")
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return read_odf(path)
    if unit not in (None, "deg", "rad"):
        raise ValueError(f"Argument `unit` must be 'deg' or 'rad', but is {unit!r}.")
    if path.suffix.lower() in (".yaml", ".yml"):
        points, weights = read_damask_texture(path)
        try:
            group = _said_group(_comments(path), "crystal") if laue is None else laue
            return DiscreteTexture(points, weights, halfwidth, CUBIC if group is None else group)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    header, text = _split(path, read_text(path, MAX_BYTES))
    table = read_table(path, text, len(header) + 1)
    if not np.isfinite(table).all():
        raise ValueError(f"{path}: every row must hold finite numbers, but not all do.")
    kind, columns, weight = _meaning(path, header, table)
    values = table[:, columns]
    if kind != "quaternion" and _in_radians(path, header, values, unit):
        values = np.degrees(values)
    weights = np.ones(len(table)) if weight is None else table[:, weight]
    density = any("MTEX ODF" in line for line in header) and weight is not None
    if density:
        weights = np.maximum(weights, 0.0) * _volumes(values[:, 1])
    try:
        points = described_quaternions(values, kind)
        group = _said_group(header, "crystal") if laue is None else laue
        points = _from_a_star(points, header)
        points, shares = _with_specimen_symmetry(points, torch.from_numpy(weights), header)
        return DiscreteTexture(points, shares, halfwidth, CUBIC if group is None else group)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _split(path: Path, content: bytes) -> tuple[list[str], bytes]:
    """Split the lines before the first row of numbers."""
    at, header = 0, list[str]()
    while at < len(content) and len(header) <= MAX_HEADER:
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line = decoded(content[at : min(end, at + 1000)]).strip()
        # VPSC's second line is numbers, too, and popLA's third.
        shape = (len(header) == 1 and re.match(r"\s*[BKR]\s+\d", _line(content, at, 2))) or (
            len(header) == 2 and _POPLA.match(_line(content, at, 1))
        )
        if _is_row(line) and not shape:
            return header, content[at:]
        header.append(line)
        at = end + 1
    raise ValueError(
        f"{path}: must hold rows of numbers within the first {MAX_HEADER} lines (MAX_HEADER), but "
        "does not."
    )


def _line(content: bytes, at: int, ahead: int) -> str:
    lines = content[at : at + 10_000].split(b"\n", ahead + 1)
    return decoded(lines[ahead]) if len(lines) > ahead else ""


def _is_row(line: str) -> bool:
    words = re.split(r"[\s,;]+", line.strip())
    try:
        return len(words) > 2 and all(math.isfinite(float(word)) for word in words if word)
    except ValueError:
        return False


def _meaning(
    path: Path, header: Sequence[str], table: NDArray[np.float64]
) -> tuple[str, list[int], int | None]:
    """Return the descriptor, its columns, and that of the weights."""
    width = table.shape[1]
    vpsc = re.fullmatch(r"([BKR])\s+(\d+)", header[-1]) if header else None
    if vpsc:
        if len(table) != int(vpsc[2]) or width < 4:
            raise ValueError(
                f"{path}: must hold {vpsc[2][:12]} rows of three angles and a weight, but holds "
                f"{len(table)} rows of {width}."
            )
        return _VPSC[vpsc[1]], [0, 1, 2], 3
    popla = _POPLA.match(header[-1]) if len(header) == 4 else None
    if popla:
        if width < 4 or (popla[2] or "1 2 3").split() != ["1", "2", "3"]:
            raise ValueError(
                f"{path}: rows must hold three angles and a weight in sample axes XYZ= 1 2 3, but "
                f"hold {width} numbers in axes {shorten(popla[2])}."
            )
        return f"euler-{popla[1].lower()}", [0, 1, 2], 3
    last = header[-1].lstrip("%#").lower() if header else ""
    names = [re.sub(r"[\[(].*?[\])]|_?(deg|rad)$", "", w) for w in re.split(r"[\s,;]+", last) if w]
    if len(names) == width and len(set(names)) == width:
        weight = next((names.index(name) for name in _WEIGHTS if name in names), None)
        for kind, choices in _ANGLES.items():
            for choice in choices:
                if all(name in names for name in choice):
                    return kind, [names.index(name) for name in choice], weight
        raise ValueError(
            f"{path}: columns must be phi1, Phi, phi2, or alpha, beta, gamma, or w, x, y, z, but "
            f"are {listing(names)}."
        )
    if width not in _UNNAMED:
        raise ValueError(
            f"{path}: rows must have 3 to 5 columns, or as many as are named above them, but have "
            f"{width}."
        )
    unit_length = np.abs(np.linalg.norm(table[:, :4], axis=1) - 1) < _ROUNDING
    if width == 4 and unit_length.all():
        return "quaternion", [0, 1, 2, 3], None
    kind, weighted = _UNNAMED[width]
    tilt = table[:, 1]
    if kind == "euler-bunge" and not (tilt.min() >= 0 and tilt.max() <= _HALF_TURN):
        raise ValueError(
            f"{path}: the second of unnamed columns, Φ, must be 0 to 180°, but spans "
            f"{tilt.min():.6g} to {tilt.max():.6g}: name the columns in a line above them; "
            "Rodrigues vectors are not read."
        )
    return kind, list(range(width - weighted)), width - 1 if weighted else None


def _in_radians(
    path: Path, header: Sequence[str], angles: NDArray[np.float64], unit: str | None
) -> bool:
    """Return whether angles are in radians; refuse what is in doubt or cannot be."""
    said = [word for word in ("rad", "deg") if any(_names_unit(line, word) for line in header)]
    if unit is None and len(said) == 1:
        unit = said[0]
    highest = float(np.abs(angles).max(initial=0.0))
    if unit is None and 0.02 < highest <= 2 * math.pi + 0.01:
        raise ValueError(
            f"{path}: argument `unit` must say whether angles are in 'deg' or 'rad', since all are "
            "below 2π, but is missing."
        )
    if unit == "rad" and highest > 4 * math.pi + 0.01:
        raise ValueError(f"{path}: angles must be below 4π in radians, but reach {highest:.6g}.")
    if highest > 720:
        raise ValueError(f"{path}: angles must be within 720°, but reach {highest:.6g}.")
    return unit == "rad"


def _names_unit(line: str, word: str) -> bool:
    return re.search(rf"(?<![a-z]){word}(?:ians?|rees?|s)?(?![a-z])", line.lower()) is not None


def _volumes(tilt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the volumes of the cells of a regular grid of angles, by Φ in degrees, to a factor."""
    places = np.unique(np.round(tilt, 3))
    if len(places) < 2:
        return np.ones(len(tilt))
    half = 0.5 * float(np.diff(places).min())
    last = min(places[-1] + (0.0 if places[0] == 0 else half), _HALF_TURN)
    low, high = np.maximum(tilt - half, 0.0), np.minimum(tilt + half, last)
    return np.cos(np.radians(low)) - np.cos(np.radians(high))


def _comments(path: Path) -> list[str]:
    """Return the comments before the contents of a YAML file."""
    with path.open("rb") as file:
        lines = decoded(file.read(1000)).splitlines()
    return list(takewhile(lambda line: line.startswith("#"), lines))


def _said_group(header: Sequence[str], whose: str) -> LaueGroup | None:
    """Return the Laue group of the crystals or the specimen that a header names as MTEX does."""
    for line in header:
        found = re.search(rf"{whose} symmetry:\s*['\"]?([-/\w]+)", line)
        if found:
            laue = laue_of_point_group(found[1])
            if laue is None:
                raise ValueError(
                    f"the {whose} symmetry must be a point group, but is {shorten(found[1])}"
                )
            return LaueGroup(laue)
    return None


def _from_a_star(points: Float[Tensor, "n 4"], header: Sequence[str]) -> Float[Tensor, "n 4"]:
    """Turn crystals that MTEX has with x along a* so that it is along a."""
    if not any("crystal symmetry" in line and "X||a*" in line for line in header):
        return points
    group = _said_group(header, "crystal")
    if group is None or group.name not in ("-3", "-3m", "6/m", "6/mmm"):
        return points
    return quaternion_multiply(points, A_STAR_TO_A.expand_as(points))


def _with_specimen_symmetry(
    points: Float[Tensor, "n 4"], weights: Float[Tensor, " n"], header: Sequence[str]
) -> tuple[Float[Tensor, "m 4"], Float[Tensor, " m"]]:
    group = _said_group(header, "specimen")
    if group is None or group.order == 1:
        return points, weights
    copies = quaternion_multiply(group.rotations[:, None], points[None]).reshape(-1, 4)
    return copies, weights.repeat(group.order)
