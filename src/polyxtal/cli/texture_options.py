"""Options of `polyxtal texture`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from polyxtal.workflows.texture.settings import FigureSettings

FIGURES, PICTURE = "Pole figures", "Pictures"
"""Panels of the help."""
Files = Annotated[
    list[Path],
    typer.Argument(
        help="EBSD map, volume, lists of orientations, density, or pole figures.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Output folder (default: out/<name>-texture).", show_default=False),
]
Phase = Annotated[
    str | None, typer.Option(help="Phase, if the file holds several.", show_default=False)
]
Laue = Annotated[
    str | None,
    typer.Option(
        help="Laue group, where the file does not say it (default: m-3m); of pole figures, where "
        "it is not the highest of the lattice.",
        show_default=False,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(help="Unit of the angles of lists: deg or rad.", show_default=False),
]
Symmetry = Annotated[
    str, typer.Option(help="Sample symmetry: triclinic, monoclinic or orthorhombic.")
]
Halfwidth = Annotated[
    float | None,
    typer.Option(
        help="Half-width of the kernel [degrees] (default: by the rule; the resolution for pole "
        "figures).",
        show_default=False,
    ),
]
Rule = Annotated[str, typer.Option(help="Choice of the half-width: cross-validation or plug-in.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold-deg",
        "--threshold",
        metavar="DEGREES",
        help="Disorientation between grains of a map (default: 5); of a volume, below which "
        "neighbouring grains or voxels are joined (default: grains as they are).",
        show_default=False,
    ),
]
Lattice = Annotated[
    str | None,
    typer.Option(
        metavar="SYMBOL",
        help="Lattice of the crystals, such as cF, cI, hP or tI: the files are pole figures.",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
CoverA = Annotated[
    float | None,
    typer.Option(
        "--c-over-a", help="c/a of the lattice.", rich_help_panel=FIGURES, show_default=False
    ),
]
Reflections = Annotated[
    list[str] | None,
    typer.Option(
        metavar="INDICES",
        help="Reflections of a figure: 111, or superposed ones with structure weights, "
        "10-11=1.23,01-11=0.52, or auto for those in file or name; once for each figure.",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
Missing = Annotated[
    float | None,
    typer.Option(
        help="Intensity that stands for a direction not measured, such as 0.",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
Background = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NUMBER|FILE",
        help="Background, a number or a figure beside the peak; once for all or for each figure.",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
Defocusing = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="Figure of a random sample, its background taken off; once for all or for each.",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
Clip = Annotated[
    bool,
    typer.Option("--clip", help="Set negative intensities to 0.", rich_help_panel=FIGURES),
]
Centre = Annotated[
    float,
    typer.Option(
        help="Angle that tables have at the centre of a figure, 0 or 90 [degrees].",
        rich_help_panel=FIGURES,
    ),
]
Alpha = Annotated[
    str | None,
    typer.Option(
        metavar="FIRST,LAST",
        help="Angles of the first and the last scan of Rigaku's text, 90 at the centre [degrees].",
        rich_help_panel=FIGURES,
        show_default=False,
    ),
]
Resolution = Annotated[
    float,
    typer.Option(
        help="Distance of the kernels of the solution [degrees].", rich_help_panel=FIGURES
    ),
]
NoGhost = Annotated[
    bool,
    typer.Option(
        "--no-ghost-correction",
        help="Do not take the largest uniform part first.",
        rich_help_panel=FIGURES,
    ),
]
Sections = Annotated[
    str, typer.Option(help="Sections of the density: phi2 or sigma.", rich_help_panel=PICTURE)
]
Projection = Annotated[
    str,
    typer.Option(
        help="Projection of pole figures: equal-area or equal-angle.", rich_help_panel=PICTURE
    ),
]

Force = Annotated[bool, typer.Option("--force", help="Replace an earlier result.")]


def figure_settings(
    lattice: str | None,
    c_over_a: float | None,
    reflections: list[str] | None,
    missing: float | None,
    background: list[str] | None,
    defocusing: list[str] | None,
    clip: bool,
    centre: float,
    alpha: str | None,
    resolution: float,
    no_ghost: bool,
) -> FigureSettings:
    """Collect the options of pole figures."""
    from polyxtal.workflows.texture.settings import FigureSettings

    return FigureSettings(
        lattice=lattice,
        c_over_a=c_over_a,
        reflections=tuple(reflections or ()),
        missing=missing,
        background=tuple(background or ()),
        defocusing=tuple(defocusing or ()),
        clip=clip,
        centre=centre,
        alpha=None if alpha is None else _scans(alpha),
        resolution=resolution,
        ghost_correction=not no_ghost,
    )


def _scans(text: str) -> tuple[float, float]:
    try:
        first, last = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"Option --alpha must be two angles such as 90,20, but is {text!r}."
        ) from None
    return first, last
