"""Read and write polycrystals and maps in any format of `registry.py`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from polyxtal.argument_types import require_type
from polyxtal.microstructure.io.registry import (
    FileFormat,
    extensions,
    format_of,
    is_map,
    listed,
    readable_format,
)

if TYPE_CHECKING:
    from polyxtal.crystal.material import Material
    from polyxtal.microstructure.ebsd import EbsdMap
    from polyxtal.microstructure.frames import Frame
    from polyxtal.microstructure.polycrystal import Polycrystal


class SourceOptions(TypedDict, total=False):
    """What to read of a file that leaves a choice; None is as if left out.

    Attributes:
        container: Name of one of several geometries, scans or slices in an HDF5 file.
        array: Array of grain numbers in an image (default: `material` of a `.vti`, the only one of
            a `.vtk`).
        grains: Table of the grains of an image or of a file without orientations, see
            `read_grain_table`.
        grid: Number of voxels along x, y, z of a tessellation in polyhedra, or one number for its
            longest edge.
        increment: Number of an increment of a DAMASK result; negative from the last (default: -1).
    """

    container: str | None
    array: str | None
    grains: str | Path | None
    grid: int | Sequence[int] | None
    increment: int | None


def read(
    path: str | Path,
    *,
    material: str | Path | None = None,
    frame: Frame | None = None,
    threshold: float | None = None,
    exclude: str | Sequence[str] = (),
    max_filled: float | None = None,
    **options: Unpack[SourceOptions],
) -> Polycrystal:
    """Read a polycrystal from a file.

    Args:
        path: DAMASK's `.vti` with `material.yaml` beside it or its result `.hdf5`, DREAM.3D's
            `.dream3d`, Neper's `.tesr` and `.tess`, kanapy's `.json`, VTK's `.vtk`, the package's
            own `.npz`, or a measured map, see `read_ebsd`.
        material: DAMASK material file (default: `material.yaml` beside the grid).
        frame: Reference frame of a map's Euler angles, see `read_ebsd`; required for a map.
        threshold: Disorientation at the grain boundaries of a map (default: 5°). [rad]
        exclude: Phases of a map whose points are treated as not indexed, and so are assigned to
            the neighbouring grains.
        max_filled: Largest share of a map's points, not indexed, excluded or in small regions, that
            may be assigned to neighbouring grains (default: 0.5); from 0.2 on with a warning. [-]
        **options: What to read of a file that leaves a choice:
            `container`, the name of one of several geometries, scans or slices (HDF5);
            `array`, that of the grain numbers in an image (`.vti`, `.vtk`);
            `grains`, a table of the grains' orientations and phases (`.csv`), for files without;
            `grid`, the number of voxels of a `.tess`, along x, y, z or the longest edge;
            `increment`, the number of an increment of a DAMASK result; negative from the last.
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
    allowed, known = extensions(beside=True), format_of(path)
    if material is not None and not (known and known.beside):
        raise ValueError(
            f"{path}: argument `material` must be left out except for {listed(allowed)} files."
        )
    if is_map(path):
        from polyxtal.microstructure.filled import check_filled

        dropped = (exclude,) if isinstance(exclude, str) else exclude
        ebsd = read_ebsd(path, frame=frame, **options).exclude(*dropped)
        grains = ebsd.grains() if threshold is None else ebsd.grains(threshold)
        check_filled(grains, max_filled)
        return grains.polycrystal
    if (frame, threshold, max_filled) != (None, None, None) or exclude:
        raise ValueError(
            f"{path}: arguments `frame`, `threshold`, `exclude` and `max_filled` must be left out "
            f"except for {listed(extensions('map'), 'and')} files."
        )
    entry = readable_format(path)
    given = _given(path, entry, options)
    assert entry.reader is not None
    return entry.function(entry.reader)(path, *[material] * bool(entry.beside), **given)


def read_ebsd(
    path: str | Path, *, frame: Frame | None = None, **options: Unpack[SourceOptions]
) -> EbsdMap:
    """Read a measured map of orientations.

    Args:
        path: EDAX's `.ang`, `.h5` and `.oh5`, Oxford's `.ctf` and `.h5oina`, DREAM.3D's `.h5ebsd`,
            orix's `.h5`.
        frame: Frame of the Euler angles: a name of `microstructure.frames.FRAMES` ("map",
            "edax-1" to "edax-4", "oxford"), or the unit quaternion, scalar first, that rotates
            their axes into the map's. Required, since no file states it but EDAX's HDF5, whose
            setting is the default.
        **options: `container`, the name of one of several scans or slices in an HDF5 file.
    Returns:
        The map; its x and y are the file's, z = x × y (into the specimen where y points down).
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing or unknown, the extension is unknown, or the file is
            damaged, too large, or not on a grid.
    """
    entry = format_of(path)
    if entry is None or entry.holds != "map" or entry.reader is None:
        raise ValueError(
            f"{path}: a map must end in {listed(extensions('map'))}, "
            f"but ends in '{Path(path).suffix.lower()}'."
        )
    return entry.function(entry.reader)(path, frame=frame, **_given(path, entry, options))


def write(
    rve: Polycrystal,
    path: str | Path,
    materials: Mapping[str, Material | Mapping[str, Any]] | None = None,
    *,
    colors: bool = False,
) -> None:
    """Write a polycrystal to a file, atomically.

    Args:
        rve: The polycrystal.
        path: `.vti` (DAMASK, with `material.yaml` beside it), `.npz` (lossless), `.dream3d`
            (DREAM3D-NX), `.tesr` (Neper) or `.inp` (Abaqus).
        materials: Properties by phase name: materials, or phases of DAMASK as parsed;
            `read_materials` returns them. A phase without an entry is written with its lattice
            only; a `.vti` needs one (cF if unknown), and DAMASK's solver more. Formats that store
            none leave them out, with a warning.
        colors: Add inverse-pole-figure colours along z to a `.vti`, for ParaView.
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
    entry = format_of(path)
    if entry is None or entry.writer is None:
        raise ValueError(
            f"{path}: a polycrystal is written as {listed(extensions(written=True))}, "
            f"but the path ends in '{Path(path).suffix.lower()}'."
        )
    if colors and entry.extension != ".vti":
        raise ValueError(f"{path}: argument `colors` must be left out except for .vti files.")
    if materials and not entry.sections:
        warnings.warn(
            f"{path}: materials are not stored in {entry.extension} files and are left out.",
            stacklevel=2,
        )
    chosen = {"colors": True} if colors else {}
    entry.function(entry.writer)(rve, path, *[materials] * bool(entry.sections), **chosen)


def _given(path: str | Path, entry: FileFormat, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given.

    Raises:
        TypeError: if there is no such option.
        ValueError: if the format does not take one.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in options:
        if name not in SourceOptions.__annotations__:
            raise TypeError(f"read() got an unexpected keyword argument '{name}'")
    for name in given:
        if name not in entry.options:
            raise ValueError(
                f"{path}: argument `{name}` must be left out except for "
                f"{listed(extensions(option=name), 'and')} files."
            )
    return given
