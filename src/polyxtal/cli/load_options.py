"""Options of the load path that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Load = Annotated[
    Path | None,
    typer.Option(
        help="DAMASK load file, instead of --path, --strain, --rate, --axis and the like."
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        help="Load path: uniaxial, cyclic, shear, plane-strain, biaxial, relaxation or creep."
    ),
]
Strain = Annotated[float, typer.Option(help="Final engineering strain; negative in compression.")]
Rate = Annotated[float, typer.Option(help="Strain rate [1/s].")]
Axis = Annotated[
    str | None,
    typer.Option(
        help="Loaded axis (default: x); for shear, direction and normal (default: xy); for plane "
        "strain, loaded and constrained axis (default: zy); for biaxial, both axes (default: xy).",
        show_default=False,
    ),
]
Unload = Annotated[bool, typer.Option("--unload", help="Unload to zero stress at the end.")]
Angle = Annotated[
    float,
    typer.Option(help="Angle by which the load is turned about z, from x towards y (degrees)."),
]
StressRatio = Annotated[
    float | None,
    typer.Option(
        help="For biaxial: stress along the second axis over that along the first (default: 1).",
        show_default=False,
    ),
]
Hold = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="For relaxation and creep: time at constant strain or stress (default: 1000).",
        show_default=False,
    ),
]
Stress = Annotated[
    float | None,
    typer.Option(metavar="MPA", help="For creep: nominal stress.", show_default=False),
]
