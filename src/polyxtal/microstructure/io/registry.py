"""File formats of polycrystals and maps, chosen by extension.

`FORMATS` is the only list of them: `read`, `read_ebsd`, `write` (in `files.py`), their error
messages, the help of the command line and the table in the documentation follow it. A reader is
imported when a file of its format is first read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from polyxtal.argument_types import require_path


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    Attributes:
        name: Name of the format.
        extension: Extension in lower case, with the dot.
        holds: "volume" if the reader returns a `Polycrystal`, "map" if an `EbsdMap`.
        lattices: Where the lattices of the phases come from.
        module: Module beside this one that reads and writes it.
        reader: Function of the module that reads a path; that of a map takes `frame`. None if there
            is none.
        writer: Function that writes a polycrystal to a path; None if there is none.
        beside: Material file that must lie beside it, whose path the reader takes as a further
            argument; empty if there is none.
        sections: Function of the module that returns the phases stored with properties, see
            `read_sections`; the writer then takes materials. None if it stores none.
        options: Further arguments of `read` that the reader takes by name, see `SourceOptions`.
        tested: Programs whose files, or on which the conventions, were tested.
    """

    name: str
    extension: str
    holds: Literal["volume", "map"]
    lattices: str
    module: str
    reader: str | None
    writer: str | None = None
    beside: str = ""
    sections: str | None = None
    options: tuple[str, ...] = ()
    tested: str = ""

    def function(self, name: str) -> Callable[..., Any]:
        """Import the module, or the one before a colon, and return a function of it."""
        module, _, function = name.rpartition(":")
        return getattr(import_module(f"{__package__}.{module or self.module}"), function)


FORMATS = (
    FileFormat(
        name="DAMASK grid",
        extension=".vti",
        holds="volume",
        lattices="phases of `material.yaml`",
        module="damask",
        reader="read_damask",
        writer="write_damask",
        beside="material.yaml",
        sections="read_damask_sections",
        options=("array", "grains"),
        tested="DAMASK 3, dump of SPPARKS",
    ),
    FileFormat(
        name="DAMASK result",
        extension=".hdf5",
        holds="volume",
        lattices="stored",
        module="damask_increment",
        reader="read_damask_increment",
        options=("increment",),
        tested="damask.Result",
    ),
    FileFormat(
        name="DREAM.3D (SIMPL 7, NX 8)",
        extension=".dream3d",
        holds="volume",
        lattices="`CrystalStructures`",
        module="dream3d",
        reader="read_dream3d",
        writer="dream3d_writer:write_dream3d",
        options=("container",),
        tested="files of both",
    ),
    FileFormat(
        name="VTK image",
        extension=".vtk",
        holds="volume",
        lattices="those of `--grains`",
        module="vtk_image",
        reader="read_vtk_image",
        options=("array", "grains"),
        tested="VTK 9",
    ),
    FileFormat(
        name="Neper raster",
        extension=".tesr",
        holds="volume",
        lattices="`crysym`",
        module="neper_tesr",
        reader="read_tesr",
        writer="neper_writer:write_tesr",
        options=("grains",),
        tested="file of Neper 4",
    ),
    FileFormat(
        name="Neper polyhedra",
        extension=".tess",
        holds="volume",
        lattices="`crysym`",
        module="neper_tess",
        reader="read_tess",
        options=("grid", "grains"),
        tested="file of Neper 4",
    ),
    FileFormat(
        name="kanapy",
        extension=".json",
        holds="volume",
        lattices="none; those of `--grains`",
        module="kanapy",
        reader="read_kanapy",
        options=("grains",),
        tested="file of kanapy 6.3",
    ),
    FileFormat(
        name="polyxtal",
        extension=".npz",
        holds="volume",
        lattices="stored",
        module="npz",
        reader="read_npz",
        writer="write_npz",
        sections="read_npz_sections",
        tested="round trip",
    ),
    FileFormat(
        name="Abaqus voxel mesh",
        extension=".inp",
        holds="volume",
        lattices="not stored",
        module="abaqus_writer",
        reader=None,
        writer="write_inp",
        tested="layout",
    ),
    FileFormat(
        name="EDAX",
        extension=".ang",
        holds="map",
        lattices="header",
        module="ebsd_ang",
        reader="read_ang",
        tested="files of EDAX, MTEX",
    ),
    FileFormat(
        name="Oxford, HKL",
        extension=".ctf",
        holds="map",
        lattices="header",
        module="ebsd_ctf",
        reader="read_ctf",
        tested="files of Oxford, MTEX",
    ),
    FileFormat(
        name="EDAX OIM, orix",
        extension=".h5",
        holds="map",
        lattices="header",
        module="ebsd_hdf5",
        reader="read_hdf5_map",
        options=("container",),
        tested="file of EDAX; layout of orix",
    ),
    FileFormat(
        name="EDAX OIM 8",
        extension=".oh5",
        holds="map",
        lattices="header",
        module="ebsd_hdf5",
        reader="read_hdf5_map",
        options=("container",),
        tested="layout",
    ),
    FileFormat(
        name="Oxford AZtec",
        extension=".h5oina",
        holds="map",
        lattices="header",
        module="ebsd_hdf5",
        reader="read_hdf5_map",
        options=("container",),
        tested="specification",
    ),
    FileFormat(
        name="DREAM.3D slices",
        extension=".h5ebsd",
        holds="map",
        lattices="header",
        module="ebsd_hdf5",
        reader="read_hdf5_map",
        options=("container",),
        tested="layout",
    ),
)


def extensions(
    holds: str | None = None, written: bool = False, beside: bool = False, option: str = ""
) -> tuple[str, ...]:
    """List extensions of formats read: of volumes or maps, with a file beside, or an option; or
    written."""
    return tuple(
        entry.extension
        for entry in FORMATS
        if holds in (None, entry.holds)
        and (entry.writer if written else entry.reader) is not None
        and (entry.beside or not beside)
        and (option in entry.options or not option)
    )


def is_map(path: str | Path) -> bool:
    """Return whether the extension is that of a map of orientations."""
    entry = format_of(path)
    return entry is not None and entry.holds == "map"


def describe_formats() -> str:
    """Return the readable extensions in a phrase, as help texts need them."""
    volumes = [
        entry.extension + (f" (with {entry.beside})" if entry.beside else "")
        for entry in FORMATS
        if entry.holds == "volume" and entry.reader
    ]
    return f"{', '.join(volumes)}, or an EBSD map, {listed(extensions('map'))}"


def written_formats() -> str:
    """Return the extensions that are written in a phrase, as help texts need them."""
    return listed([f"{e.extension} ({e.name})" for e in FORMATS if e.writer])


def format_table() -> str:
    """Return the table of formats in Markdown, as in `docs/stages/convert.md`."""
    rows = [
        "| format | file | holds | lattices | reads | writes | tested against |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in FORMATS:
        beside = f" with `{entry.beside}`" if entry.beside else ""
        options = (("frame",) if entry.holds == "map" else ()) + entry.options
        reads = ", ".join(["yes" if entry.reader else "no", *(f"`--{name}`" for name in options)])
        writes = "yes" if entry.writer else "no"
        rows.append(
            f"| {entry.name} | `{entry.extension}`{beside} | {entry.holds} | {entry.lattices} "
            f"| {reads} | {writes} | {entry.tested} |"
        )
    return "\n".join(rows)


def readable_format(path: str | Path) -> FileFormat:
    """Return the format of a file that `read` reads, by its extension.

    Raises:
        ValueError: if the extension is unknown.
    """
    entry = format_of(path)
    if entry is None or entry.reader is None:
        raise ValueError(
            f"{path}: a polycrystal file must end in {listed(extensions('volume'))}, or as a map "
            f"in {listed(extensions('map'))}, but ends in '{Path(path).suffix.lower()}'."
        )
    return entry


def format_of(path: str | Path) -> FileFormat | None:
    """Return the format of an extension; None if it is unknown."""
    require_path(path, "path")
    suffix = Path(path).suffix.lower()
    return next((entry for entry in FORMATS if entry.extension == suffix), None)


def listed(words: Sequence[str], last_word: str = "or") -> str:
    """Return words joined by commas and a last "or" or another word."""
    *others, last = words
    return f"{', '.join(others)} {last_word} {last}" if others else last
