"""Options shared by several commands."""

from __future__ import annotations

from collections.abc import Mapping
from errno import ENOENT
from math import radians
from os import strerror
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyxtal.microstructure.io.registry import describe_formats, readable_format
from polyxtal.microstructure.io.sections import is_pattern, section_files
from polyxtal.microstructure.io.texture_files import EXTENSIONS, is_texture

if TYPE_CHECKING:
    from polyxtal.workflows.inputs.ebsd_map import MapSettings

MAX_THRESHOLD = 62.0
"""About the largest disorientation of two cubic crystals. [degrees]"""
KINDS = f"{describe_formats()}."
File = Annotated[Path, typer.Argument(help=KINDS)]
FileOrTexture = Annotated[
    Path,
    typer.Argument(
        help=f"{KINDS} Or a texture ({', '.join(EXTENSIONS)}, odf.npz of `polyxtal texture`)."
    ),
]
Frame = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|W,X,Y,Z",
        help="Reference frame of the Euler angles of an EBSD map, which is not stored in the "
        "file: map, edax-1 to edax-4, oxford, or a unit quaternion from its axes to the map's. "
        "Required for EBSD maps.",
        show_default=False,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold-deg",
        "--threshold",
        metavar="DEGREES",
        help="Disorientation threshold between grains of an EBSD map, in degrees (default: 5).",
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHASE",
        help="Phase of an EBSD map to fill from neighbouring points; repeatable.",
    ),
]
MaxFilled = Annotated[
    float | None,
    typer.Option(
        help="Largest share of the points of an EBSD map, not indexed, excluded or in small "
        "regions, to fill from neighbouring grains (default: 0.5).",
        show_default=False,
    ),
]
Volume = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=2,
        max=1024,
        help="Replace an EBSD map, a single layer, by a statistically equivalent volume of "
        "N voxels along each edge.",
        show_default=False,
    ),
]
SectionSpacing = Annotated[
    float | None,
    typer.Option(
        metavar="UM",
        help="Distance between serial sections in µm; the input is then a pattern of EBSD maps in "
        "quotation marks, such as 'S*.ang', in the order of their numbers.",
        show_default=False,
    ),
]
NoAlign = Annotated[
    bool, typer.Option("--no-align", help="Leave serial sections where they are, without shifts.")
]
Container = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Geometry, scan or slice to read from an HDF5 file of several.",
        show_default=False,
    ),
]
Array = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Array of grain numbers in an image (default: material; the only one of a .vtk).",
        show_default=False,
    ),
]
Grains = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Table of grains (.csv: id; phi1, Phi, phi2 in degrees, or w, x, y, z; phase) for an "
        "image or a file without orientations.",
        show_default=False,
    ),
]
GrainsOrNumber = Annotated[
    Path | None,
    typer.Option(
        "--grains",
        metavar="FILE|N",
        help="Table of grains (.csv: id; phi1, Phi, phi2 in degrees, or w, x, y, z; phase) for an "
        "image or a file without orientations; of a texture, the number of grains (default: 729), "
        "rounded to the cube of an odd number: 27, 125, 343, …",
        show_default=False,
    ),
]
Aspect = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,Z",
        help="Ratio of the edges of a grain of the volume that stands for a texture, such as "
        "4,2,1 (default: 1,1,1).",
        show_default=False,
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(
        metavar="N|NX,NY,NZ",
        help="Voxels along the edges of a .tess tessellation; one number is for the longest.",
        show_default=False,
    ),
]
Increment = Annotated[
    int | None,
    typer.Option(
        help="Increment of a DAMASK result to read; negative ones count from the last, -1 "
        "(default: -1).",
        show_default=False,
    ),
]
Material = Annotated[
    list[str] | None,
    typer.Option(
        help="Name of a shipped material, or DAMASK phase file; for several phases, repeat "
        "PHASE=NAME."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FOLDER",
        help="Pretrained model with heads that predict the stiffness and a small network for the "
        "curve (default: networks without training).",
        show_default=False,
    ),
]
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Skip figures.")]
NoTaylor = Annotated[bool, typer.Option("--no-taylor", help="Skip the Taylor baseline.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]


def map_settings(
    frame: str | None,
    threshold: float | None,
    exclude: list[str] | None,
    volume: int | None,
    max_filled: float | None,
    container: str | None = None,
    array: str | None = None,
    grains: Path | None = None,
    grid: str | None = None,
    increment: int | None = None,
    section_spacing: float | None = None,
    no_align: bool = False,
    aspect: str | None = None,
    seed: int = 0,
) -> MapSettings:
    """Collect the options of EBSD maps and of what to read from a file."""
    from polyxtal.workflows.inputs.ebsd_map import MapSettings

    if threshold is not None and not 0 < threshold <= MAX_THRESHOLD:
        raise ValueError(
            f"Option --threshold-deg must be above 0 and at most {MAX_THRESHOLD:g} degrees, "
            f"but is {threshold:g}."
        )
    angle = None if threshold is None else radians(threshold)
    return MapSettings(
        frame,
        angle,
        tuple(exclude or ()),
        volume,
        seed,
        max_filled=max_filled,
        container=container,
        array=array,
        grains=None if grains is None else str(grains),
        grid=None if grid is None else _voxels(grid),
        increment=increment,
        section_spacing=section_spacing,
        align=not no_align,
        aspect=None if aspect is None else _ratios(aspect),
    )


def _ratios(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"Option --aspect must be three ratios such as 4,2,1, but is {text!r}."
        ) from None


def _voxels(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise ValueError(
            f"Option --grid must be one whole number, or three such as 40,40,20, but is {text!r}."
        )
    return numbers[0] if len(numbers) == 1 else numbers


def number_with_unit(text: str | None, name: str, units: Mapping[str, float]) -> float | None:
    """Return a number that may end in one of several units; None if it is not given.

    Args:
        text: Text such as "0.5%".
        name: Name of the argument, for the error.
        units: Factor of each unit, such as 0.01 of "%".
    Raises:
        ValueError: if it is no such number.
    """
    if text is None:
        return None
    unit = next((u for u in sorted(units, key=len, reverse=True) if text.rstrip().endswith(u)), "")
    try:
        return float(text.rstrip().removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        example = f"5{next(iter(units))}"
        raise ValueError(
            f"Argument `{name}` must be a number such as {example}, but is {text!r}."
        ) from None


def require_files(*paths: Path | None) -> None:
    """Make sure that files are there, before anything slow is imported.

    Raises:
        FileNotFoundError: naming the first that is not.
    """
    for path in paths:
        if path is not None and not path.exists():
            raise FileNotFoundError(ENOENT, strerror(ENOENT), str(path))


def require_input(file: Path, textures: bool = False) -> None:
    """Make sure that a polycrystal file, or a texture, can be read, before slow imports.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if its extension is unknown.
    """
    if not (textures and is_texture(file)):
        readable_format(file)
    if is_pattern(file):
        section_files(file)
    else:
        require_files(file)


def require_materials(given: list[str] | None) -> None:
    """Make sure that materials are shipped names or files, before anything slow is imported.

    Raises:
        FileNotFoundError, ValueError: see `find_material`.
    """
    from polyxtal.crystal.shipped import find_material

    for entry in given or ():
        find_material(entry.partition("=")[2] if "=" in entry else entry)
