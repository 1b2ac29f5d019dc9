"""Options that several verbs share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help=".vti (with material.yaml), .dream3d or .npz.")]
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
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Write numbers only.")]
NoTaylor = Annotated[bool, typer.Option("--no-taylor", help="Skip Taylor's baseline.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]
