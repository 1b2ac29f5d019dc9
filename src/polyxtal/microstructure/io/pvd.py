"""ParaView's index of a series of files (.pvd): their names and times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import shorten_text

MAX_BYTES = 2**26
"""Largest index that is read."""


def format_pvd(named: Sequence[tuple[str, float]]) -> str:
    """Return the index of files, by name and time [s]."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">',
        "  <Collection>",
        *(
            f'    <DataSet timestep="{time!r}" group="" part="0" file={quoteattr(name)}/>'
            for name, time in named
        ),
        "  </Collection>",
        "</VTKFile>",
    ]
    return "\n".join([*lines, ""])


def parse_pvd(path: Path) -> list[tuple[str, float]]:
    """Return the names and times [s] that an index lists, whatever they are.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not such an index, or too large.
    """
    content = read_bounded(path, MAX_BYTES)
    try:
        return _parse(content)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise ValueError(
            f"{path}: must be an index of ParaView, but is not ({shorten_text(error)})."
        ) from error


def _parse(content: bytes) -> list[tuple[str, float]]:
    root = fromstring(content, forbid_dtd=True)
    collection = root.find("Collection")
    if root.tag != "VTKFile" or root.get("type") != "Collection" or collection is None:
        raise ValueError("it is no VTKFile of type Collection")
    return [
        (element.get("file", ""), float(element.get("timestep", "nan")))
        for element in collection.iterfind("DataSet")
    ]
