"""The folder of results: new or empty, or replaced as a whole, never half."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_folder


def default_folder(file: str | Path, kind: str) -> Path:
    """Name the output folder of an input file: `out/<stem>-<kind>`."""
    return Path("out") / f"{Path(file).stem}-{kind}"


def check_folder(
    folder: str | Path, kind: str, is_ours: Callable[[str], bool], force: bool = False
) -> Path:
    """Make sure, before anything is computed, that results can be written.

    Args:
        folder: Output folder; what is missing above it is created when writing.
        kind: What the results are called, for the errors.
        is_ours: Says of a file's name whether such results have it.
        force: Allow a folder that holds earlier results of this kind and nothing else.
    Returns:
        The folder with links resolved.
    Raises:
        FileExistsError: if it exists, or with `force` holds files that are no such results.
        NotADirectoryError: if a file is in its way.
        PermissionError: if nothing may be written there.
    """
    target = Path(folder).resolve()
    if target.is_dir():
        entries = sorted(entry.name for entry in target.iterdir())
        foreign = [name for name in entries if not is_ours(name)]
        if entries and not force:
            raise FileExistsError(
                f"{folder}: an output folder must be new or empty, but is not; "
                f"pass --force to replace an earlier {kind}."
            )
        if foreign:
            raise FileExistsError(
                f"{folder}: a folder to replace must hold a {kind} and nothing else, "
                f"but holds '{foreign[0]}'."
            )
    elif target.exists():
        raise FileExistsError(f"{folder}: must be a folder to write into, but is a file.")
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise NotADirectoryError(f"{folder}: must lie in a folder, but {parent} is a file.")
    try:
        with tempfile.TemporaryDirectory(prefix=".polyxtal-", dir=parent):
            pass
    except OSError as error:
        raise PermissionError(
            f"{folder}: the folder to write into must be writable, but {error.strerror}."
        ) from error
    return target


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Write all files of a folder, or none: yields where to write them.

    When the block ends, they become `target`, in place of what it held; when it raises, `target`
    is as before.

    Args:
        target: What `check_folder` returned.
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


def write_json(path: Path, content: Any) -> None:
    """Write plain numbers, lists and strings; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[float | str]]) -> None:
    """Write rows of numbers, each with all its digits, and of words without commas."""
    lines = [",".join(header)]
    lines += [",".join(v if isinstance(v, str) else repr(v) for v in row) for row in rows]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
