"""Maps of orientations, read by their file's extension."""

from __future__ import annotations

from pathlib import Path

from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import Frame
from polyxtal.microstructure.io.ebsd_ang import read_ang
from polyxtal.microstructure.io.ebsd_ctf import read_ctf

_READERS = {".ang": read_ang, ".ctf": read_ctf}
EBSD_SUFFIXES = tuple(_READERS)


def read_ebsd(path: str | Path, *, frame: Frame | None = None) -> EbsdMap:
    """Read a measured map of orientations.

    Args:
        path: EDAX's `.ang` or Oxford's `.ctf`.
        frame: What the Euler angles refer to: a name of `microstructure.ebsd.FRAMES` ("map",
            "edax-1" to "edax-4", "oxford"), or the unit quaternion, scalar first, that turns their
            axes into the map's. It must be given: no file says it.
    Returns:
        The map; its x and y are the file's, z = x × y (into the specimen where y points down).
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the frame is missing or unknown, the extension is unknown, or the file is
            damaged, too large, or on no grid.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise ValueError(
            f"{path}: a map must end in {' or '.join(_READERS)}, but ends in '{suffix}'."
        )
    return _READERS[suffix](path, frame=frame)
