"""Options that several verbs share, said once."""

from __future__ import annotations

from math import radians
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from polyxtal.workflows.inputs.files import MapSettings

MAX_THRESHOLD = 62.0
"""Hardly any two cubic crystals are further apart. [degrees]"""
KINDS = ".vti (with material.yaml), .dream3d, .npz, or an EBSD map, .ang or .ctf."
File = Annotated[Path, typer.Argument(help=KINDS)]
Frame = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|W,X,Y,Z",
        help="What the Euler angles of an EBSD map refer to, which no file says: map, edax-1 to "
        "edax-4 or oxford, or the unit quaternion that turns their axes into the map's.",
        show_default=False,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Disorientation that parts grains of an EBSD map [°], or 5.", show_default=False
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHASE", help="Phase of an EBSD map that its neighbours replace; repeatable."
    ),
]
Volume = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=2,
        max=1024,
        help="Take a statistically equivalent volume of N voxels along each edge instead of an "
        "EBSD map itself, which is one layer.",
        show_default=False,
    ),
]
Material = Annotated[
    list[str] | None,
    typer.Option(help="Shipped name or DAMASK phase file; PHASE=NAME, repeated, for several."),
]
Load = Annotated[
    Path | None, typer.Option(help="DAMASK load file, in place of the five options above.")
]
Kind = Annotated[str, typer.Option(help="Kind of load: uniaxial, cyclic, shear or plane-strain.")]
Strain = Annotated[float, typer.Option(help="Engineering strain; negative compresses.")]
Rate = Annotated[float, typer.Option(help="Strain rate [1/s].")]
Axis = Annotated[
    str | None,
    typer.Option(
        help="Loaded axis, or x; for shear direction and normal, or xy; for plane strain "
        "loaded and held axis, or zy.",
        show_default=False,
    ),
]
Unload = Annotated[bool, typer.Option("--unload", help="Unload to zero stress.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FOLDER",
        help="Pretrained model with heads, which tells the stiffness and a small network for the "
        "curve; or networks without training.",
        show_default=False,
    ),
]
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Write numbers only.")]
NoTaylor = Annotated[bool, typer.Option("--no-taylor", help="Skip Taylor's baseline.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]


def map_settings(
    frame: str | None, threshold: float | None, exclude: list[str] | None, volume: int | None
) -> MapSettings:
    """Gather the options about EBSD maps."""
    from polyxtal.workflows.inputs.files import MapSettings

    if threshold is not None and not 0 < threshold <= MAX_THRESHOLD:
        raise ValueError(
            f"Option --threshold must be above 0 and at most {MAX_THRESHOLD:g} degrees, "
            f"but is {threshold:g}."
        )
    angle = None if threshold is None else radians(threshold)
    return MapSettings(frame, angle, tuple(exclude or ()), volume)
