"""The registry of heads: each folder beside this file registers one kind in its `file.py`.

A new head is one folder. `FoundationModel` then loads, saves and removes it with the model, a
download from the hub brings its files, and `FoundationModel.head` says how to get one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from polyxtal.model.mae import MaskedAutoencoder


class Head(Protocol):
    """Something that predicts a property with a pretrained model.

    Attributes:
        about: Further content of its description: training, results.
    """

    @property
    def about(self) -> Mapping[str, Any]:
        """Further content of the description: training, results."""
        ...


@dataclass(frozen=True)
class HeadKind:
    """A kind of head and its files.

    Attributes:
        name: Key in `FoundationModel.heads`, and the name of its folder.
        title: Name in messages, such as "stiffness head".
        purpose: What it is for, such as "predict stiffness".
        command: Command that fits one.
        head: Class of the head.
        files: Names of its files in a model's folder.
        save: Writes a head into a model's folder.
        read: Reads the head of a model's folder; None if there is none.
        check: Makes sure that a head belongs to the other heads of its folder (default: nothing
            to check).
    """

    name: str
    title: str
    purpose: str
    command: str
    head: type
    files: tuple[str, ...]
    save: Callable[[Path, Any], None]
    read: Callable[[Path, MaskedAutoencoder], Head | None]
    check: Callable[[Path, Any, Mapping[str, Head]], None] | None = None


_KINDS: dict[type, HeadKind] = {}


def register(kind: HeadKind) -> None:
    """Make a kind of head known."""
    _KINDS[kind.head] = kind


def known_heads() -> list[HeadKind]:
    """Return all kinds of heads; the folders beside this file register theirs on first use."""
    for file in sorted(Path(__file__).parent.glob("*/file.py")):
        import_module(f"{__package__}.{file.parent.name}.file")
    return list(_KINDS.values())


def kind_of(head: type) -> HeadKind:
    """Return the kind of a class of heads.

    Raises:
        ValueError: if it is not registered.
    """
    known_heads()
    if head not in _KINDS:
        names = ", ".join(kind.__name__ for kind in _KINDS)
        raise ValueError(f"A head must be one of {names}, but is a {head.__name__}.")
    return _KINDS[head]


def read_heads(folder: Path, autoencoder: MaskedAutoencoder) -> list[Head]:
    """Read all heads of a model's folder.

    Raises:
        FileNotFoundError: if a head's weights are missing.
        ValueError: if a file is damaged, too large, of another format or version, or a head was
            fitted to another encoder or beside another head.
    """
    found = {kind.name: kind.read(folder, autoencoder) for kind in known_heads()}
    heads = {name: head for name, head in found.items() if head is not None}
    for kind in known_heads():
        if kind.check is not None and kind.name in heads:
            kind.check(folder, heads[kind.name], heads)
    return list(heads.values())


def save_heads(folder: Path, heads: Mapping[str, Head]) -> None:
    """Write heads into a model's folder; files of kinds that are not given are removed."""
    for kind in known_heads():
        if kind.name in heads:
            kind.save(folder, heads[kind.name])
            continue
        for name in kind.files:
            (folder / name).unlink(missing_ok=True)
