"""File formats of polycrystals and maps, chosen by extension.

`FORMATS` is the only list of them: `read`, `read_ebsd`, `write`, their error messages, the help of
the command line and the table in the documentation follow it. A reader is imported when a file of
its format is first read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from polyxtal.argument_types import require_path, require_type

if TYPE_CHECKING:
    from polyxtal.crystal.material import Material
    from polyxtal.microstructure.ebsd import EbsdMap
    from polyxtal.microstructure.frames import Frame
    from polyxtal.microstructure.polycrystal import Polycrystal


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    Attributes:
        name: Name of the format.
        extension: Extension in lower case, with the dot.
        holds: "volume" if the reader returns a `Polycrystal`, "map" if an `EbsdMap`.
        lattices: Where the lattices of the phases come from.
        module: Module beside this one that reads and writes it.
        reader: Function of the module that reads a path; that of a map takes `frame`.
        writer: Function that writes a polycrystal to a path; None if there is none.
        beside: Material file that must lie beside it, whose path the reader takes as a further
            argument; empty if there is none.
        sections: Function of the module that returns the phases stored with properties, see
            `read_sections`; the writer then takes materials. None if it stores none.
    """

    name: str
    extension: str
    holds: Literal["volume", "map"]
    lattices: str
    module: str
    reader: str
    writer: str | None = None
    beside: str = ""
    sections: str | None = None

    def function(self, name: str) -> Callable[..., Any]:
        """Import the module and return a function of it."""
        return getattr(import_module(f"{__package__}.{self.module}"), name)


FORMATS = (
    FileFormat(
        name="DAMASK grid",
        extension=".vti",
        holds="volume",
        lattices="phases of `material.yaml`",
        module="damask",
        reader="read_damask",
        writer="write_damask",
        beside="material.yaml",
        sections="read_damask_sections",
    ),
    FileFormat(
        name="DREAM.3D (SIMPL 7, NX 8)",
        extension=".dream3d",
        holds="volume",
        lattices="`CrystalStructures`",
        module="dream3d",
        reader="read_dream3d",
    ),
    FileFormat(
        name="polyxtal",
        extension=".npz",
        holds="volume",
        lattices="stored",
        module="npz",
        reader="read_npz",
        writer="write_npz",
        sections="read_npz_sections",
    ),
    FileFormat(
        name="EDAX",
        extension=".ang",
        holds="map",
        lattices="header",
        module="ebsd_ang",
        reader="read_ang",
    ),
    FileFormat(
        name="Oxford, HKL",
        extension=".ctf",
        holds="map",
        lattices="header",
        module="ebsd_ctf",
        reader="read_ctf",
    ),
)


def extensions(
    holds: str | None = None, written: bool = False, beside: bool = False
) -> tuple[str, ...]:
    """List extensions: of volumes or maps, of formats that are written, or need a file beside."""
    return tuple(
        entry.extension
        for entry in FORMATS
        if holds in (None, entry.holds)
        and (entry.writer is not None or not written)
        and (entry.beside or not beside)
    )


def is_map(path: str | Path) -> bool:
    """Return whether the extension is that of a map of orientations."""
    entry = _format_of(path)
    return entry is not None and entry.holds == "map"


def describe_formats() -> str:
    """Return the readable extensions in a phrase, as help texts need them."""
    volumes = [
        entry.extension + (f" (with {entry.beside})" if entry.beside else "")
        for entry in FORMATS
        if entry.holds == "volume"
    ]
    return f"{', '.join(volumes)}, or an EBSD map, {' or '.join(extensions('map'))}"


def format_table() -> str:
    """Return the table of formats in Markdown, as in `docs/stages/convert.md`."""
    rows = ["| format | file | holds | lattices | reads | writes |", "|---|---|---|---|---|---|"]
    for entry in FORMATS:
        beside = f" with `{entry.beside}`" if entry.beside else ""
        reads = "yes, with `--frame`" if entry.holds == "map" else "yes"
        writes = "yes" if entry.writer else "no"
        rows.append(
            f"| {entry.name} | `{entry.extension}`{beside} | {entry.holds} | {entry.lattices} "
            f"| {reads} | {writes} |"
        )
    return "\n".join(rows)


def readable_format(path: str | Path) -> FileFormat:
    """Return the format of a file that `read` reads, by its extension.

    Raises:
        ValueError: if the extension is unknown.
    """
    entry = _format_of(path)
    if entry is None:
        raise ValueError(
            f"{path}: a polycrystal file must end in {_listed(extensions('volume'))}, or as a map "
            f"in {_listed(extensions('map'))}, but ends in '{Path(path).suffix.lower()}'."
        )
    return entry


def read(
    path: str | Path,
    *,
    material: str | Path | None = None,
    frame: Frame | None = None,
    threshold: float | None = None,
    exclude: str | Sequence[str] = (),
    max_filled: float | None = None,
) -> Polycrystal:
    """Read a polycrystal from a file.

    Args:
        path: DAMASK's `.vti` with `material.yaml` beside it, DREAM.3D's `.dream3d`, the package's
            own `.npz`, or a measured map, EDAX's `.ang` or Oxford's `.ctf`.
        material: DAMASK material file (default: `material.yaml` beside the grid).
        frame: Reference frame of a map's Euler angles, see `read_ebsd`; required for a map.
        threshold: Disorientation at the grain boundaries of a map (default: 5°). [rad]
        exclude: Phases of a map whose points are treated as not indexed, and so are assigned to
            the neighbouring grains.
        max_filled: Largest share of a map's points, not indexed, excluded or in small regions, that
            may be assigned to neighbouring grains (default: 0.5); from 0.2 on with a warning. [-]
    Returns:
        The polycrystal, with lengths in µm and orientations v_sample = R(q) v_crystal. A map
        becomes one layer of voxels, see `EbsdMap.grains`.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if the extension is unknown or the file invalid.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> file = Path(tempfile.mkdtemp()) / "rve.vti"
        >>> px.write(px.tessellate(grid=8, grains=20, seed=1), file)
        >>> px.read(file)
        Polycrystal(grid=(8, 8, 8), grains=20, size=(8, 8, 8) µm, phases=('crystal',))
    """
    allowed, given = extensions(beside=True), _format_of(path)
    if material is not None and not (given and given.beside):
        raise ValueError(
            f"{path}: argument `material` must be left out except for {_listed(allowed)} files."
        )
    if is_map(path):
        from polyxtal.microstructure.filled import check_filled

        dropped = (exclude,) if isinstance(exclude, str) else exclude
        ebsd = read_ebsd(path, frame=frame).exclude(*dropped)
        grains = ebsd.grains() if threshold is None else ebsd.grains(threshold)
        check_filled(grains, max_filled)
        return grains.polycrystal
    if (frame, threshold, max_filled) != (None, None, None) or exclude:
        raise ValueError(
            f"{path}: arguments `frame`, `threshold`, `exclude` and `max_filled` must be left out "
            f"except for {' and '.join(extensions('map'))} files."
        )
    entry = readable_format(path)
    return entry.function(entry.reader)(path, *[material] * bool(entry.beside))


def read_ebsd(path: str | Path, *, frame: Frame | None = None) -> EbsdMap:
    """Read a measured map of orientations.

    Args:
        path: EDAX's `.ang` or Oxford's `.ctf`.
        frame: Frame of the Euler angles: a name of `microstructure.frames.FRAMES` ("map",
            "edax-1" to "edax-4", "oxford"), or the unit quaternion, scalar first, that rotates
            their axes into the map's. Required, since no file states it.
    Returns:
        The map; its x and y are the file's, z = x × y (into the specimen where y points down).
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing or unknown, the extension is unknown, or the file is
            damaged, too large, or not on a grid.
    """
    entry = _format_of(path)
    if entry is None or entry.holds != "map":
        raise ValueError(
            f"{path}: a map must end in {_listed(extensions('map'))}, "
            f"but ends in '{Path(path).suffix.lower()}'."
        )
    return entry.function(entry.reader)(path, frame=frame)


def write(
    rve: Polycrystal,
    path: str | Path,
    materials: Mapping[str, Material | Mapping[str, Any]] | None = None,
) -> None:
    """Write a polycrystal to a file, atomically.

    Args:
        rve: The polycrystal.
        path: `.vti` (DAMASK, with `material.yaml` beside it) or `.npz` (lossless).
        materials: Properties by phase name: materials, or phases of DAMASK as parsed;
            `read_materials` returns them. A phase without an entry is written with its lattice
            only; a `.vti` needs one (cF if unknown), and DAMASK's solver more.
    Raises:
        FileNotFoundError: if the folder does not exist.
        FileExistsError: if `material.yaml` beside a new `.vti` belongs to another grid.
        ValueError: if the extension is unknown, or `materials` does not fit.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> folder, rve = Path(tempfile.mkdtemp()), px.tessellate(grid=8, grains=20, seed=1)
        >>> px.write(rve, folder / "rve.npz")
        >>> px.write(rve, folder / "rve.vti", {"crystal": px.load_material("AA6022-T4")})
        >>> sorted(file.name for file in folder.iterdir())
        ['material.yaml', 'rve.npz', 'rve.vti']
    """
    from polyxtal.microstructure.polycrystal import Polycrystal

    require_type(rve, Polycrystal, "rve")
    entry = _format_of(path)
    if entry is None or entry.writer is None:
        raise ValueError(
            f"{path}: a polycrystal is written as {_listed(extensions(written=True))}, "
            f"but the path ends in '{Path(path).suffix.lower()}'."
        )
    entry.function(entry.writer)(rve, path, *[materials] * bool(entry.sections))


def _format_of(path: str | Path) -> FileFormat | None:
    require_path(path, "path")
    suffix = Path(path).suffix.lower()
    return next((entry for entry in FORMATS if entry.extension == suffix), None)


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
