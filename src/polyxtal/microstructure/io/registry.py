"""Choose the reader or writer by the file's extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from polyxtal.crystal.material import Material
from polyxtal.microstructure.frames import Frame
from polyxtal.microstructure.io.damask import read_damask, write_damask
from polyxtal.microstructure.io.dream3d import read_dream3d
from polyxtal.microstructure.io.ebsd import EBSD_SUFFIXES, read_ebsd
from polyxtal.microstructure.io.npz import read_npz, write_npz
from polyxtal.microstructure.polycrystal import Polycrystal


def read(
    path: str | Path,
    *,
    material: str | Path | None = None,
    frame: Frame | None = None,
    threshold: float | None = None,
    exclude: str | Sequence[str] = (),
) -> Polycrystal:
    """Read a polycrystal from a file.

    Args:
        path: DAMASK's `.vti` with `material.yaml` beside it, DREAM.3D's `.dream3d`, the package's
            own `.npz`, or a measured map, EDAX's `.ang` or Oxford's `.ctf`.
        material: DAMASK's material file, if it is not `material.yaml` beside the grid.
        frame: What a map's Euler angles refer to, see `read_ebsd`; a map needs it.
        threshold: Disorientation that parts the grains of a map; None for 5°. [rad]
        exclude: Phases of a map whose points go to the neighbouring grains, as those where nothing
            was indexed do.
    Returns:
        The polycrystal; each reader converts its file's units and orientations. A map becomes one
        layer of voxels, see `segment`.
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
    suffix = Path(path).suffix.lower()
    if material is not None and suffix != ".vti":
        raise ValueError(f"{path}: argument `material` must be left out except for .vti files.")
    if suffix in EBSD_SUFFIXES:
        dropped = (exclude,) if isinstance(exclude, str) else exclude
        ebsd = read_ebsd(path, frame=frame).exclude(*dropped)
        return (ebsd.grains() if threshold is None else ebsd.grains(threshold)).polycrystal
    if frame is not None or threshold is not None or exclude:
        raise ValueError(
            f"{path}: arguments `frame`, `threshold` and `exclude` must be left out except for "
            f"{' and '.join(EBSD_SUFFIXES)} files."
        )
    if suffix == ".vti":
        return read_damask(path, material)
    if suffix == ".dream3d":
        return read_dream3d(path)
    if suffix == ".npz":
        return read_npz(path)
    raise ValueError(
        f"{path}: a polycrystal file must end in .vti, .dream3d or .npz, or as a map in "
        f".ang or .ctf, but ends in '{suffix}'."
    )


def write(
    rve: Polycrystal, path: str | Path, materials: Mapping[str, Material] | None = None
) -> None:
    """Write a polycrystal to a file, whole or not at all.

    Args:
        rve: The polycrystal.
        path: `.vti` (DAMASK, with `material.yaml` beside it) or `.npz` (nothing lost).
        materials: Properties by phase name, for `.vti` only. A phase without is written with its
            lattice (cF) only: DAMASK's Python library loads that, its solver needs more.
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
    suffix = Path(path).suffix.lower()
    if suffix == ".vti":
        write_damask(rve, path, materials)
    elif suffix != ".npz":
        raise ValueError(
            f"{path}: a polycrystal is written as .vti or .npz, but the path ends in '{suffix}'."
        )
    elif materials is not None:
        raise ValueError(f"{path}: argument `materials` must be left out except for .vti files.")
    else:
        write_npz(rve, path)
