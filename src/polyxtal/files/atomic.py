"""Write files and folders atomically: to a temporary sibling, renamed at the end."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Errors of a disk that is full, defective or not writable."""


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """Name the target in errors of its disk, which do not say where they occurred."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        sentence = f"must be written, but: {os.strerror(error.errno)}; nothing was replaced"
        raise OSError(error.errno, sentence, str(target)) from error


def _sibling(target: Path) -> Path:
    """Return a hidden sibling path on the same file system, with the target's extension."""
    return target.with_name(f".{target.stem}-{secrets.token_hex(6)}{target.suffix}")


def _resolve(path: str | Path) -> Path:
    target = Path(path).resolve()  # links keep pointing to the renamed file
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write into must exist, but does not.")
    return target


@contextmanager
def atomic_files(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Write a set of files atomically.

    Yields one temporary path per target, in order. When the block ends, all are flushed to disk
    and renamed in that order, so pass last the file that readers open first. If the block
    raises, the targets are unchanged and no temporary file remains.

    Raises:
        FileNotFoundError: if a target's folder does not exist, or a file was not written.
        IsADirectoryError: if a target is a folder.
        OSError: if the disk is full or not writable; its `filename` is the first target.
    """
    targets = [_resolve(path) for path in paths]
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(f"{target}: must be a file to be written, but is a folder.")
    temporary = tuple(_sibling(target) for target in targets)
    try:
        with _named(targets[0]):
            yield temporary
            for path in temporary:
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            for path, target in zip(temporary, targets, strict=True):
                path.replace(target)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Write one file atomically: yields a temporary path that replaces `path` at the end.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_file(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("complete")
        >>> [file.name for file in folder.iterdir()]
        ['note.txt']
    """
    with atomic_files(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Write a folder atomically: yields a temporary folder that is renamed to `path` at the end.

    Raises:
        FileNotFoundError: if the parent folder does not exist.
        FileExistsError: if `path` exists and is not an empty folder; nothing is ever overwritten.
        OSError: if the disk is full or not writable; its `filename` is the folder.
    """
    target = _resolve(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(f"{path}: an output folder must be new or empty, but is not.")
    temporary = _sibling(target)
    temporary.mkdir()
    try:
        with _named(target):
            yield temporary
            if target.is_dir():
                target.rmdir()  # raises if another process has filled it meanwhile
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
