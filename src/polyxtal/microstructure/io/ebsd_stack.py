"""Serial sections, one orientation map a file, read as a stack."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.argument_types import require_number
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame
from polyxtal.microstructure.io import read_ebsd
from polyxtal.microstructure.io.sections import section_files, section_layers
from polyxtal.microstructure.stack import EbsdStack
from polyxtal.microstructure.stacking import MAX_POINTS, stack_sections


def read_ebsd_stack(
    files: str | Path | Sequence[str | Path],
    spacing: float,
    *,
    frame: Frame | None = None,
    align: bool = True,
    progress: Progress = no_progress,
) -> EbsdStack:
    """Read serial sections, one map a file, as a stack of orientations in three dimensions.

    The first section lies at z = 0 and the next ones follow along z = x × y of the maps: into the
    specimen where y points down. Where the files are numbered and numbers are missing, their layers
    are left free and take the grains of their neighbours.

    Args:
        files: Maps in their order along z, or a pattern such as "S*.ang", whose files are taken in
            the order of their numbers.
        spacing: Distance between neighbouring sections, which no file states. [µm]
        frame: Frame of the Euler angles, see `read_ebsd`; required.
        align: Shift the sections by whole steps, so that the orientations of neighbours correlate
            best; otherwise their first points lie above one another.
        progress: Callback after each file.
    Returns:
        The stack: the region that all sections cover. `grains` finds its grains.
    Raises:
        FileNotFoundError: if a file does not exist, or none matches the pattern.
        ValueError: if there are fewer than two files, their numbers are out of order, their steps
            or lattices differ, they have too little in common, or one is no map.

    Example:
        >>> import polyxtal as px
        >>> stack = px.read_ebsd_stack("S*.ang", 0.2, frame="map")  # doctest: +SKIP
        >>> rve = stack.grains().polycrystal  # doctest: +SKIP
    """
    require_number(spacing, "spacing")
    paths = section_files(files) if isinstance(files, str | Path) else [Path(f) for f in files]
    name = Path(files) if isinstance(files, str | Path) else None
    if len(paths) < 2:
        raise ValueError(
            f"{files}: a stack must have at least two sections, but there "
            f"{'are none' if not paths else 'is one'}."
        )
    layers = section_layers(paths)
    sections = _read_all(paths, frame, progress)
    return stack_sections(sections, float(spacing), align_sections=align, layers=layers, path=name)


def _read_all(paths: Sequence[Path], frame: Frame | None, progress: Progress) -> list[EbsdMap]:
    """Read maps; what is told of several in the same words is told once."""
    sections: list[EbsdMap] = []
    points, told, first = 0, Counter[str](), dict[str, Path]()
    for k, path in enumerate(paths):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            sections.append(read_ebsd(path, frame=frame))
        for one in caught:
            words = str(one.message).removeprefix(f"{path}: ")
            told[words] += 1
            first.setdefault(words, path)
        points += sections[-1].phase.numel()
        if points > 2 * MAX_POINTS:
            raise ValueError(
                f"{path}: sections must have at most {2 * MAX_POINTS} points in all "
                "(MAX_POINTS), but have more up to this one."
            )
        progress("read", k + 1, len(paths))
    for words, count in told.items():
        more = f" and {count - 1} more section{'s' if count > 2 else ''}" if count > 1 else ""
        warnings.warn(f"{first[words]}{more}: {words}", stacklevel=3)
    return sections
