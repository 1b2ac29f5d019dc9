"""Checkpoints: archives that are verified before they replace the one before, which is kept.

    last.ckpt            the newest checkpoint
    last.previous.ckpt   the one before it

Checkpoints are zip archives, as NumPy and torch write them, with a checksum of each member.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polyxtal.files.arrays import DAMAGE
from polyxtal.files.atomic import atomic_file


def previous_checkpoint(path: Path) -> Path:
    """Return the path of the checkpoint before the newest one."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


@contextmanager
def checkpoint_file(path: Path) -> Iterator[Path]:
    """Write a checkpoint: yields a temporary path beside it.

    When the block ends, the archive is read back and its checksums are verified; only then does it
    replace the newest checkpoint, which becomes the previous one. At any moment, there is an intact
    one under its name.

    Raises:
        OSError: if the disk is full or not writable; both checkpoints are as before.
        ValueError: if the archive is damaged; both checkpoints are as before.
    """
    with atomic_file(path) as temporary:
        yield temporary
        verify(temporary)
        if path.exists():
            _keep(path)


def verify(path: Path) -> None:
    """Compare the content of a zip archive with its checksums.

    Raises:
        ValueError: if it is damaged.
    """
    if (reason := _damage(path)) is not None:
        raise ValueError(f"{path}: must be an intact checkpoint, but {reason}.")


def verify_to_resume(path: Path) -> None:
    """Verify a checkpoint that a run would resume from.

    Raises:
        ValueError: if it is damaged; the message offers the one before, if that is intact.
    """
    if (reason := _damage(path)) is None:
        return
    older = previous_checkpoint(path)
    advice = "delete it to start again"
    if older.is_file() and _damage(older) is None:
        advice = f"to resume from the one before it, rename {older.name} to {path.name}"
    raise ValueError(f"{path}: must be an intact checkpoint, but {reason}; {advice}.")


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint and the one before it."""
    previous_checkpoint(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _damage(path: Path) -> str | None:
    """Return what is wrong with an archive; None if it is intact."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except DAMAGE as error:
        return " ".join(str(error).split()).rstrip(".") or "it ends too early"
    return None if damaged is None else f"the checksum of its part '{damaged}' does not match"


def _keep(path: Path) -> None:
    """Make the newest checkpoint the previous one as well, without removing it."""
    older = previous_checkpoint(path)
    with atomic_file(older) as temporary:
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            with suppress(FileNotFoundError):
                temporary.unlink()
            shutil.copyfile(path, temporary)
