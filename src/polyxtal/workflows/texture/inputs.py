"""Orientations, densities and pole figures of the files of `polyxtal texture`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import torch

from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.estimate_odf import OrientationSample, Source, orientation_sample
from polyxtal.microstructure.io.ebsd_stack import read_ebsd_stack
from polyxtal.microstructure.io.files import read, read_ebsd
from polyxtal.microstructure.io.registry import format_of, is_map
from polyxtal.microstructure.io.sections import is_pattern, section_files
from polyxtal.microstructure.io.texture_files import is_odf
from polyxtal.microstructure.io.texture_text import read_texture
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.orientation_density import ODF
from polyxtal.texture.pole_inversion import PoleFigureInversion
from polyxtal.workflows.texture.pole_figures import EXTENSIONS, invert_files
from polyxtal.workflows.texture.settings import TextureSettings


class TextureInput(NamedTuple):
    """What was read.

    Attributes:
        odf: The density, estimated where it was not read.
        lattice: Lattice of the crystals, None if it is unknown.
        phase: Name of the phase, empty if it has none.
        inversion: The result for pole figures.
    """

    odf: ODF
    lattice: Lattice | None
    phase: str
    inversion: PoleFigureInversion | None = None


def read_texture_input(paths: Sequence[Path], settings: TextureSettings) -> TextureInput:
    """Read a map, a stack or a volume, lists of orientations, a density, or pole figures.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file is invalid, files do not fit together, or a setting does not fit them.
    """
    for path in paths:
        if is_pattern(path):
            section_files(path)
        elif not path.exists():
            raise FileNotFoundError(f"{path}: must be a file to read, but there is none.")
    if _are_figures(paths, settings):
        _check_default(paths[0], settings, "a pole figure")
        inversion = invert_files(paths, settings)
        return TextureInput(inversion.odf, inversion.figures[0].lattice, "", inversion)
    for name in settings.figures.changed:
        raise ValueError(f"{paths[0]}: argument `{name}` must be left out except for pole figures.")
    if is_pattern(paths[0]) or (format_of(paths[0]) is not None and not is_odf(paths[0])):
        if len(paths) > 1:
            raise ValueError(f"{paths[1]}: maps and volumes must be given one at a time.")
        sample = orientation_sample(
            _read_grains(paths[0], settings),
            settings.phase,
            laue=settings.laue,
            threshold=settings.maps.threshold,
        )
        return TextureInput(_estimate(sample, settings), sample.lattice, sample.phase)
    _check_default(paths[0], settings, "a list of orientations or a density")
    return TextureInput(_read_lists(paths, settings), None, "")


def _are_figures(paths: Sequence[Path], settings: TextureSettings) -> bool:
    """Return whether files are pole figures: by their extension, or because there is a lattice."""
    known = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    if known and settings.figures.lattice is None:
        raise ValueError(
            f"{known[0]}: argument `lattice` must be given for pole figures, such as cF, with "
            "c/a where indices need it, but is missing."
        )
    if settings.figures.lattice is None:
        return False
    for path in paths:
        if is_pattern(path) or format_of(path) is not None:
            raise ValueError(
                f"{path}: argument `lattice` must be left out except for pole figures, which maps, "
                "volumes and densities are not."
            )
    return True


def _check_default(path: Path, settings: TextureSettings, what: str) -> None:
    """Make sure that no setting of maps and volumes is given."""
    default = type(settings.maps)()
    changed = [
        one.name
        for one in fields(default)
        if getattr(settings.maps, one.name) != getattr(default, one.name)
    ]
    if settings.phase is not None:
        changed.append("phase")
    for name in changed:
        raise ValueError(f"{path}: argument `{name}` must be left out for {what}.")


def _read_grains(path: Path, settings: TextureSettings) -> Source:
    maps = settings.maps
    if is_pattern(path):
        if maps.section_spacing is None:
            raise ValueError(
                f"{path}: argument `section_spacing` must be the distance between the sections in "
                "µm, but is missing, and no file states it."
            )
        return read_ebsd_stack(path, maps.section_spacing, frame=maps.frame, align=maps.align)
    if maps.section_spacing is not None or not maps.align:
        raise ValueError(
            f"{path}: arguments `section_spacing` and `align` must be left out except for a stack "
            "of sections, a pattern such as 'S*.ang' in quotation marks."
        )
    if is_map(path):
        return read_ebsd(path, frame=maps.frame, **maps.source)
    return read(path, frame=maps.frame, **maps.source)


def _estimate(sample: OrientationSample, settings: TextureSettings) -> ODF:
    width = None if settings.halfwidth is None else math.radians(settings.halfwidth)
    return ODF.from_orientations(
        sample.orientations, sample.weights, width, settings.rule, sample.laue, settings.symmetry
    )


def _read_lists(paths: Sequence[Path], settings: TextureSettings) -> ODF:
    parts = [read_texture(path, laue=settings.laue, unit=settings.unit) for path in paths]
    first = parts[0]
    if len(parts) == 1 and isinstance(first, ODF):
        if settings.halfwidth is not None or settings.laue is not None:
            raise ValueError(
                f"{paths[0]}: arguments `halfwidth` and `laue` must be left out for a density, "
                "which has its own."
            )
        same = settings.symmetry in ("triclinic", first.sample_symmetry)
        return first if same else first.symmetrised(settings.symmetry)
    lists = list[DiscreteTexture]()
    for path, part in zip(paths, parts, strict=True):
        if isinstance(part, ODF) or part.laue != parts[0].laue:
            raise ValueError(
                f"{path}: files to join must be lists of orientations of one Laue group."
            )
        lists.append(part)
    joined = DiscreteTexture(
        torch.cat([part.points for part in lists]),
        torch.cat([part.weights * len(part.weights) for part in lists]),
        laue=lists[0].laue,
    )
    return _estimate(orientation_sample(joined), settings)
