"""Write files whole or not at all: write beside the target, rename at the end."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _sibling(target: Path) -> Path:
    """Name a hidden neighbour on the same file system, with the target's extension."""
    return target.with_name(f".{target.stem}-{secrets.token_hex(6)}{target.suffix}")


def _resolve(path: str | Path) -> Path:
    target = Path(path).resolve()  # a link keeps pointing at the renamed file
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write into must exist, but does not.")
    return target


@contextmanager
def atomic_files(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Write a set of files that belong together.

    Yields one temporary path per target, in order. When the block ends, all are flushed to disk
    and renamed in that order, so name the file that readers open first last. When the block
    raises, the targets are as before and no temporary file is left.

    Raises:
        FileNotFoundError: if a target's folder does not exist, or the block did not write a file.
        IsADirectoryError: if a target is a folder.
    """
    targets = [_resolve(path) for path in paths]
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(f"{target}: must be a file to be written, but is a folder.")
    temporary = tuple(_sibling(target) for target in targets)
    try:
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
    """Write one file: yields a temporary path that replaces `path` when the block ends.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_file(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> [file.name for file in folder.iterdir()]
        ['note.txt']
    """
    with atomic_files(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Write an output folder: yields a temporary folder that becomes `path` when the block ends.

    Raises:
        FileNotFoundError: if the parent folder does not exist.
        FileExistsError: if `path` exists and is not an empty folder; nothing is ever overwritten.
    """
    target = _resolve(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(f"{path}: an output folder must be new or empty, but is not.")
    temporary = _sibling(target)
    temporary.mkdir()
    try:
        yield temporary
        if target.is_dir():
            target.rmdir()  # fails, rightly, if somebody filled it in the meantime
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
