"""Images of grain numbers in VTK's legacy format (.vtk), with a table of grains. Lengths in µm."""

from __future__ import annotations

from pathlib import Path

from polyxtal.files.wording import listing
from polyxtal.microstructure.io.grain_ids import assemble, whole_numbers
from polyxtal.microstructure.io.grain_table import read_grain_table
from polyxtal.microstructure.io.vtk_legacy import LegacyImage
from polyxtal.microstructure.polycrystal import MAX_EDGE, Polycrystal


def read_vtk_image(
    path: str | Path, *, array: str | None = None, grains: str | Path | None = None
) -> Polycrystal:
    """Read an image of grain numbers, one for each cell, or for each point if it has those.

    Args:
        path: File.
        array: Array of grain numbers (default: the only one).
        grains: Table of the grains, see `read_grain_table`. Required.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if the table or the choice of the array is missing, or a file is damaged.
    """
    path = Path(path)
    image = LegacyImage(path)
    name = array if array is not None or len(image.names) != 1 else image.names[0]
    if name is None:
        raise ValueError(
            f"{path}: argument `array` must name one of the arrays "
            f"{listing(image.names) or '(there are none)'}, but is missing."
        )
    if grains is None:
        raise ValueError(
            f"{path}: argument `grains` must name a table of the grains, since an image has no "
            "orientations, but is missing."
        )
    ids = whole_numbers(path, f"array '{name}'", image.voxels(name))
    size = [min(s, MAX_EDGE) * n for s, n in zip(image.spacing, ids.shape, strict=True)]
    return assemble(path, ids, size, read_grain_table(grains))
