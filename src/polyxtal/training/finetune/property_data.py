"""Labels of one's own polycrystals: their table, their split, and what is read from each volume.

features/000000-000016.npz ...   latent vectors and mean harmonics of the volumes
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.dataset.features import feature
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.io import read
from polyxtal.microstructure.io.registry import is_map, readable_format
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.property.head import MAX_LABELS, Label

FILE, SPLIT = "file", "split"
"""Columns that are no labels."""
PARTS = ("train", "validation", "test")
FEWEST = (4, 2, 2)
"""Smallest number of volumes of each part."""
MAX_TABLE, MAX_VALUE = 1 << 26, 1e30
"""Largest table [bytes], and largest label, which single precision can hold."""
PART = 16
"""Number of volumes per file of features."""
STREAM = 12
"""Stream of random numbers for the split."""
HARMONICS = "harmonics"
_HEADER = re.compile(r"(?P<name>.*?)\s*(?:\[(?P<unit>[^\[\]]*)\])?")


class LabelTable(NamedTuple):
    """Volumes and their labels.

    Attributes:
        path: File of the table.
        files: Files of the volumes, as the table names them.
        labels: Columns of labels.
        values: Labels. (volumes, labels)
        given: Index into `PARTS` of each volume; None if the table does not split them.
    """

    path: Path
    files: list[str]
    labels: tuple[Label, ...]
    values: Float[Tensor, "volumes labels"]
    given: list[int] | None

    def places(self) -> list[Path]:
        """Return the paths of the volumes."""
        return [self.path.parent / file for file in self.files]

    def digest(self) -> str:
        """Return the SHA-256 of labels, split and volumes, whatever the files are called."""
        found = hashlib.sha256(repr((self.labels, self.values.tolist(), self.given)).encode())
        for place in self.places():
            beside = readable_format(place).beside
            for file in (place, *([place.with_name(beside)] if beside else [])):
                with file.open("rb") as stream:
                    found.update(hashlib.file_digest(stream, "sha256").digest())
        return found.hexdigest()


def read_label_table(path: str | Path) -> LabelTable:
    """Read a table of labels.

    Args:
        path: CSV file with a column `file`, paths of volumes relative to the table; columns of
            numbers, "name [unit]" or "name"; and, if wanted, a column `split` of train, validation
            and test.
    Raises:
        FileNotFoundError: if the table or a volume is missing.
        ValueError: if a column is missing or named twice, an entry is no number or no split, a
            volume is named twice or of a format that holds none.
    """
    path = Path(path)
    try:
        reader = csv.reader(io.StringIO(read_bounded(path, MAX_TABLE).decode("utf-8-sig")))
        lines = [(reader.line_num, [entry.strip() for entry in row]) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: must be a table (CSV, UTF-8), but is not.") from error
    header = lines[0][1] if lines else []
    labels = _labels(path, header)
    files: list[str] = []
    values, given = [], []
    for number, row in lines[1:]:
        where = f"{path}, line {number}"
        if len(row) != len(header):
            raise ValueError(f"{where}: must have {len(header)} entries, but has {len(row)}.")
        entries = dict(zip(header, row, strict=True))
        files.append(entries.pop(FILE))
        given.append(_part(where, entries.pop(SPLIT)) if SPLIT in entries else -1)
        values.append([_number(where, name, text) for name, text in entries.items()])
        _check_volume(where, path.parent / files[-1])
    often, times = Counter(files).most_common(1)[0] if files else ("", 0)
    if times > 1:  # a volume in training and test at once would flatter every estimate
        raise ValueError(f"{path}: must name each volume once, but {shorten(often)} {times} times.")
    rows = torch.tensor(values, dtype=torch.float64).reshape(len(files), len(labels))
    return LabelTable(path, files, labels, rows, given if SPLIT in header else None)


def _labels(path: Path, header: Sequence[str]) -> tuple[Label, ...]:
    """Return the columns of labels."""
    if FILE not in header:
        raise ValueError(f"{path}: must have a column `{FILE}`, but has {listing(header)}.")
    columns = [name for name in header if name not in (FILE, SPLIT)]
    parts = [match.groupdict("") for name in columns if (match := _HEADER.fullmatch(name))]
    names = [part["name"] for part in parts]
    if not 1 <= len(columns) <= MAX_LABELS:
        raise ValueError(f"{path}: must have 1 to {MAX_LABELS} labels, but has {len(columns)}.")
    if len({*header}) < len(header) or len({*names}) < len(columns):
        raise ValueError(f"{path}: must name each column once, but has {listing(header)}.")
    if not all(0 < len(name) <= 100 for name in columns):
        raise ValueError(f"{path}: names of labels must have 1 to 100 characters, but do not.")
    return tuple(Label(**part) for part in parts)


def _part(where: str, text: str) -> int:
    if text not in PARTS:
        raise ValueError(f"{where}: `split` must be {', '.join(PARTS)}, but is {shorten(text)}.")
    return PARTS.index(text)


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_VALUE:
        raise ValueError(
            f"{where}: '{name}' must be a number of at most {MAX_VALUE:g}, but is {shorten(text)}."
        )
    return value


def _check_volume(where: str, file: Path) -> None:
    readable_format(file)
    if is_map(file):
        raise ValueError(
            f"{where}: must name a volume, but {file.name} is a map; `polyxtal convert --volume` "
            "writes a volume of the same statistics."
        )
    if not file.is_file():
        raise FileNotFoundError(f"{where}: must name a volume that exists, but {file} does not.")


def split_volumes(
    table: LabelTable, validation: float, test: float, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the numbers of the volumes to train on, to validate on and to test on.

    Args:
        table: Volumes; their own split comes first.
        validation: Fraction of volumes for early stopping, drawn by the seed.
        test: Fraction of volumes that no fit sees, drawn by the seed.
        seed: Random seed.
    Raises:
        ValueError: if a part has too few volumes, or a label does not vary in training.
    """
    count = len(table.files)
    if table.given is None:
        order = torch.randperm(count, generator=generator_of(seed, 0, STREAM))
        shares = (max(FEWEST[1], round(validation * count)), max(FEWEST[2], round(test * count)))
        aside, unseen = order[: shares[0]], order[shares[0] : sum(shares)]
        parts = order[sum(shares) :], aside, unseen
    else:
        given = torch.tensor(table.given)
        train, aside, unseen = (torch.nonzero(given == k).flatten() for k in range(len(PARTS)))
        parts = train, aside, unseen
    counts = [len(part) for part in parts]
    if any(have < need for have, need in zip(counts, FEWEST, strict=True)):
        raise ValueError(
            f"{table.path}: must have at least {', '.join(map(str, FEWEST))} volumes for "
            f"{', '.join(PARTS)}, but has {', '.join(map(str, counts))}."
        )
    known = table.values[parts[0]]
    for label, low, high in zip(table.labels, known.amin(0), known.amax(0), strict=True):
        if not high - low > 1e-6 * max(abs(low), abs(high)):
            raise ValueError(
                f"{table.path}: '{label}' must differ between training volumes by more than a "
                f"millionth, but is {float(low):g} to {float(high):g}."
            )
    return parts


def read_features(
    table: LabelTable, encoders: Mapping[str, FoundationModel], folder: Path, progress: Progress
) -> dict[str, Float[Tensor, "volumes d"]]:
    """Compute latent vectors by each encoder and mean harmonics, or read them from the cache.

    Args:
        table: Volumes.
        encoders: Models by name, for crystals of one Laue group.
        folder: Cache, for these volumes and encoders only.
        progress: Called after every volume.
    Raises:
        ValueError: if a volume is damaged, or of other crystals or too large for the encoders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places, found = table.places(), []
    for start in range(0, len(places), PART):
        stop = min(start + PART, len(places))
        path = folder / f"{start:06d}-{stop:06d}.npz"
        known = _read_part(path)
        if known is None:
            rows = []
            for number in range(start, stop):
                rows.append(_describe(places[number], encoders))
                progress("volumes encoded", number + 1, len(places))
            known = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
            with atomic_file(path) as temporary:
                write_arrays(temporary, known)
        found.append(known)
    return {name: torch.cat([part[name] for part in found]) for name in found[0]}


def _read_part(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        with open_arrays(path) as file:
            return {name: torch.from_numpy(file.read(name)) for name in file.names}
    except (ValueError, TypeError):
        path.unlink()  # damaged: computed again
        return None


def _describe(place: Path, encoders: Mapping[str, FoundationModel]) -> dict[str, Tensor]:
    rve = read(place)
    try:
        found = {name: model.encode(rve) for name, model in encoders.items()}
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    laue = next(iter(encoders.values())).config.laue_group
    table = feature("harmonic", laue).compute(rve.orientations).to(torch.float64)
    return {**found, HARMONICS: rve.volume_fractions.to(torch.float64) @ table}
