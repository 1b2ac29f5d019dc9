"""Output folders of results, written and replaced atomically."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from polyxtal.files.atomic import atomic_folder


@dataclass(frozen=True)
class OutputFolder:
    """Output folder of one kind of results.

    Attributes:
        kind: Name of the results, such as "prediction".
        files: Glob patterns of all files that such results may contain.
    """

    kind: str
    files: tuple[str, ...]

    def default(self, file: str | Path) -> Path:
        """Return the default folder for an input file, `out/<stem>-<kind>`, without wildcards."""
        stem = re.sub(r"[*?\[\]]+", "", Path(file).stem) or "stack"
        return Path("out") / f"{stem}-{self.kind}"

    def check(self, folder: str | Path, force: bool = False) -> Path:
        """Check, before any computation, that results can be written.

        Args:
            folder: Output folder; missing parents are created on writing.
            force: Accept a folder that contains only earlier results of this kind.
        Returns:
            The folder, with links resolved.
        Raises:
            FileExistsError: if it is not empty, or with `force` if it contains other files.
            NotADirectoryError: if one of its parents is a file.
            PermissionError: if it is not writable.
        """
        target = Path(folder).resolve()
        if target.is_dir():
            entries = sorted(entry.name for entry in target.iterdir())
            foreign = [n for n in entries if not any(fnmatchcase(n, own) for own in self.files)]
            if entries and not force:
                raise FileExistsError(
                    f"{folder}: an output folder must be new or empty, but is not; "
                    f"pass --force to replace an earlier {self.kind}."
                )
            if foreign:
                raise FileExistsError(
                    f"{folder}: a folder to replace must hold a {self.kind} and nothing else, "
                    f"but holds '{foreign[0]}'."
                )
        elif target.exists():
            raise FileExistsError(f"{folder}: must be a folder to write into, but is a file.")
        check_parents(target, folder)
        return target

    @contextmanager
    def write(self, folder: str | Path, force: bool = False) -> Iterator[Path]:
        """Write the folder atomically: yields the temporary folder to write into.

        Args:
            folder: Output folder.
            force: Replace earlier results of this kind.
        Raises:
            FileExistsError, NotADirectoryError, PermissionError: see `check`.
        """
        with whole_folder(self.check(folder, force)) as temporary:
            yield temporary


def check_parents(target: Path, folder: str | Path) -> None:
    """Check that a folder can be created or replaced.

    Args:
        target: The folder, with links resolved.
        folder: Folder given by the user, for the error message.
    Raises:
        NotADirectoryError: if one of its parents is a file.
        PermissionError: if the lowest that exists is not writable.
    """
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise NotADirectoryError(f"{folder}: must lie in a folder, but {parent} is a file.")
    check_writable(parent, folder)


def check_writable(place: Path, folder: str | Path) -> None:
    """Check that an existing folder is writable.

    Args:
        place: Existing folder.
        folder: Folder given by the user, for the error message.
    Raises:
        PermissionError: if it is not.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".polyxtal-", dir=place):
            pass
    except OSError as error:
        raise PermissionError(
            f"{folder}: the folder to write into must be writable, but {error.strerror}."
        ) from error


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Write a folder atomically: yields the temporary folder to write into.

    When the block ends, it replaces `target`; if the block raises, `target` is unchanged.

    Args:
        target: Return value of `OutputFolder.check`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    replaces = target.is_dir() and any(target.iterdir())
    token = secrets.token_hex(6)
    new = target.with_name(f".{target.name}-{token}-new") if replaces else target
    with atomic_folder(new) as temporary:
        yield temporary
    if replaces:
        old = target.with_name(f".{target.name}-{token}-old")
        try:
            target.rename(old)
            new.rename(target)
        except OSError:
            if not target.exists():
                old.rename(target)
            shutil.rmtree(new, ignore_errors=True)
            raise
        shutil.rmtree(old)
