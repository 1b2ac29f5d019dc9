"""Pole figures of `polyxtal texture`: read, correct, invert."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.io.pole_figures.read import Named, read_pole_figures
from polyxtal.texture.pole_correction import correct_pole_figure
from polyxtal.texture.pole_figure import PoleFigure
from polyxtal.texture.pole_inversion import PoleFigureInversion, invert_pole_figures
from polyxtal.workflows.texture.settings import FigureSettings, TextureSettings

EXTENSIONS = (".epf", ".ppf", ".gpf", ".raw", ".xpe", ".uxd", ".ana", ".ptx", ".cnv")
"""Of files that hold pole figures and nothing else; tables end in anything."""


def invert_files(paths: Sequence[Path], settings: TextureSettings) -> PoleFigureInversion:
    """Return the density that the pole figures of files determine.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file or a setting is invalid, or the figures do not determine a density.
    """
    figures = corrected_figures(paths, settings)
    width = None if settings.halfwidth is None else math.radians(settings.halfwidth)
    given = settings.figures
    return invert_pole_figures(
        figures,
        given.resolution,
        width,
        settings.symmetry,
        ghost_correction=given.ghost_correction,
    )


def corrected_figures(paths: Sequence[Path], settings: TextureSettings) -> list[PoleFigure]:
    """Return the pole figures of files, without background and defocusing."""
    given = settings.figures
    lattice = Lattice(str(given.lattice), given.c_over_a, settings.laue)
    named = [_reflections(text) for text in given.reflections] or None
    figures = read_pole_figures(
        paths,
        lattice,
        named,  # type: ignore[arg-type]
        alpha=given.alpha,
        centre=given.centre,
        missing=given.missing,
        clip=given.clip,
    )
    if not given.background and not given.defocusing:
        return figures
    backgrounds = _companions("background", given.background or ("0",), figures, given)
    curves = _companions("defocusing", given.defocusing, figures, given)
    return [
        correct_pole_figure(figure, background, curve)
        for figure, background, curve in zip(
            figures, backgrounds, curves or [None] * len(figures), strict=True
        )
    ]


def _reflections(text: str) -> Named | None:
    """Return indices, a mapping of several to weights, or None for "auto"."""
    if text == "auto":
        return None
    if "=" not in text:
        return text
    found: dict[str, float] = {}
    for part in text.split(","):
        indices, _, weight = part.partition("=")
        try:
            found[indices.strip()] = float(weight)
        except ValueError:
            raise ValueError(
                "Argument `reflections` must be indices such as 111, or several with weights such "
                f"as 10-11=1.23,01-11=0.52, but is {text!r}."
            ) from None
    return found


def _companions(
    argument: str, entries: Sequence[str], figures: Sequence[PoleFigure], given: FigureSettings
) -> list[float | PoleFigure]:
    """Return what belongs to each figure: a number, or a figure of a file."""
    if entries and len(entries) not in (1, len(figures)):
        raise ValueError(
            f"Argument `{argument}` must be given once for all or once for each of {len(figures)} "
            f"figures, but {len(entries)} times."
        )
    each = list(entries) * (len(figures) if len(entries) == 1 else 1)
    return [
        _companion(argument, entry, figure, given)
        for entry, figure in zip(each, figures, strict=False)
    ]


def _companion(
    argument: str, entry: str, figure: PoleFigure, given: FigureSettings
) -> float | PoleFigure:
    try:
        number = float(entry)
    except ValueError:
        found = read_pole_figures(
            entry,
            figure.lattice,
            dict(figure.reflections),
            alpha=given.alpha,
            centre=given.centre,
            clip=given.clip,
        )
        return found[0]
    if argument == "defocusing":
        raise ValueError(
            f"Argument `{argument}` must be the file of a random sample, but is {entry}."
        )
    return number
