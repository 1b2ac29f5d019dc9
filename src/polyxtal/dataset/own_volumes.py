"""Volumes and maps of one's own, to pretrain on: which files, their split, and random crops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.dataset.features import CRYSTAL_GROUPS, crystal_kinds
from polyxtal.dataset.fields import box_rotations, turn_axes
from polyxtal.dataset.layout import RECIPE
from polyxtal.dataset.recipe_fields import Count, Number, Part
from polyxtal.dataset.store import PolycrystalStore
from polyxtal.dataset.variety import Volume, without_empty
from polyxtal.files.wording import listing
from polyxtal.microstructure.equivalent import equivalent_rve
from polyxtal.microstructure.io import read, read_ebsd
from polyxtal.microstructure.io.registry import extensions, format_of, is_map, listed
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_FILES, MAX_VOXELS = 100_000, 1 << 30
"""Largest number of files, and of their voxels, which are held in memory."""
SPLIT = 14
"""Stream of random numbers for the split."""


class OwnVolumes(Part):
    """Volumes of one's own to pretrain on.

    Attributes:
        folder: Folder with volumes and maps in the formats of `read`, or a data set that
            `polyxtal generate` wrote.
        validation: Share of the files to validate on, at least one; of a single volume, this share
            of its longest axis.
        share: Share of own volumes among those to train on; the others are generated.
        frame: Reference frame of the Euler angles of maps, see `read_ebsd`.
        map_grid: Edge of the equivalent volumes of a map, see `equivalent_rve`. [voxels]
        map_volumes: Number of equivalent volumes of each map.
    """

    folder: Annotated[str, Field(min_length=1, max_length=4096)]
    validation: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.2
    share: Annotated[Number, Field(gt=0.0, le=1.0)] = 1.0
    frame: Annotated[str, Field(max_length=100)] | None = None
    map_grid: Annotated[Count, Field(ge=8, le=256)] = 64
    map_volumes: Annotated[Count, Field(ge=1, le=100)] = 4


class Split(NamedTuple):
    """Volumes to train on and to validate on; sequences that are read when needed, or lists."""

    train: Sequence[Volume]
    validation: Sequence[Volume]
    periodic: bool


def open_volumes(
    own: OwnVolumes,
    edge: int,
    groups: Sequence[str],
    seed: int = 0,
    progress: Progress = no_progress,
) -> Split:
    """Read the volumes of a folder, or open a data set, and split them by file.

    Args:
        own: Folder and split.
        edge: Edge of the crops. [voxels]
        groups: Laue groups that are allowed.
        seed: Random seed of the split.
        progress: Called after every file.
    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no volumes, a file is invalid, of other crystals or of one layer, or
            there are too few files to split.
    """
    folder = Path(own.folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: `folder` must be a folder of volumes, but is none.")
    if (folder / RECIPE).is_file():
        stored = _Stored(PolycrystalStore(folder), groups)
        if len(stored) < 2:
            raise ValueError(f"{folder}: must hold at least two RVEs to split, but holds one.")
        train, aside = _split(len(stored), own.validation, seed)
        return Split(_Part(stored, train), _Part(stored, aside), periodic=True)
    files = _files(folder, own)
    volumes: list[list[Volume]] = []
    voxels = 0
    for number, file in enumerate(files):
        volumes.append(_read(file, own, groups, edge))
        voxels += sum(one.grain_id.numel() for one in volumes[-1])
        if voxels > MAX_VOXELS:
            raise ValueError(
                f"{folder}: must hold at most {MAX_VOXELS} voxels, but holds more; coarsen the "
                "volumes or leave some out."
            )
        progress("volumes read", number + 1, len(files))
    if len(files) == 1:
        train_one, aside_one = _halves(volumes[0][0], own.validation, edge, files[0])
        return Split([train_one], [aside_one], periodic=False)
    train, aside = _split(len(files), own.validation, seed)
    parts = ([one for n in part for one in volumes[n]] for part in (train.tolist(), aside.tolist()))
    return Split(*parts, periodic=False)


def _split(count: int, validation: float, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(count, generator=generator_of(seed, 0, SPLIT))
    aside = min(count - 1, max(1, round(validation * count)))
    return order[aside:].sort().values, order[:aside].sort().values


def _files(folder: Path, own: OwnVolumes) -> list[Path]:
    """Return the volumes and maps of a folder, by name."""
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and (entry := format_of(path)) is not None and entry.reader is not None
    )
    if not found:
        raise ValueError(
            f"{folder}: must hold volumes ({listed(extensions('volume'))}), maps "
            f"({listed(extensions('map'))}) or a data set of `polyxtal generate`, but holds none."
        )
    if len(found) > MAX_FILES:
        raise ValueError(f"{folder}: must hold at most {MAX_FILES} files, but has {len(found)}.")
    maps = [path for path in found if is_map(path)]
    if maps and own.frame is None:
        raise ValueError(
            f"{maps[0]}: `frame` must be given for maps, as for `read_ebsd`, but is not."
        )
    if len(found) == 1 and maps:
        raise ValueError(
            f"{folder}: must hold at least two files to split where there are maps, but has one."
        )
    return found


def _read(file: Path, own: OwnVolumes, groups: Sequence[str], edge: int) -> list[Volume]:
    """Read a volume, or make the equivalent volumes of a map."""
    if is_map(file):
        grains = read_ebsd(file, frame=own.frame).grains()  # type: ignore[arg-type]
        grid = max(own.map_grid, edge)
        rves = [equivalent_rve(grains, grid, seed=seed) for seed in range(own.map_volumes)]
    else:
        rves = [read(file)]
    for rve in rves:
        if min(rve.grid) < 2:
            raise ValueError(
                f"{file}: a volume must have at least two voxels along each axis, but its grid is "
                f"{rve.grid}."
            )
    return [as_volume(rve, groups, file) for rve in rves]


def as_volume(rve: Polycrystal, groups: Sequence[str], path: Path) -> Volume:
    """Return a polycrystal as a volume to crop.

    Raises:
        ValueError: if a phase is of a Laue group that is not allowed.
    """
    for index in rve.phase.unique().tolist():
        if (name := rve.laue_group(index).name) not in groups:
            raise ValueError(
                f"{path}: crystals must be of the Laue group {listing(groups)}, but phase "
                f"{rve.phase_names[index]!r} is of {name}."
            )
    if set(groups) <= set(CRYSTAL_GROUPS):
        group, second = crystal_kinds(rve)
    else:
        group, second = torch.zeros_like(rve.phase), torch.zeros(rve.grains, dtype=torch.bool)
    return Volume(rve.grain_id.to(torch.int32), rve.orientations, group, second)


def _halves(volume: Volume, validation: float, edge: int, path: Path) -> tuple[Volume, Volume]:
    """Cut a single volume across its longest axis."""
    grid = volume.grain_id.shape
    axis = max(range(3), key=lambda a: grid[a])
    aside = max(edge, round(validation * grid[axis]))
    if grid[axis] - aside < edge:
        raise ValueError(
            f"{path}: a single volume must have at least {2 * edge} voxels along one axis, "
            f"{edge} each to train and to validate on, but its grid is {tuple(grid)}; add a "
            "second one."
        )
    ids = volume.grain_id
    return (
        volume._replace(grain_id=ids.narrow(axis, 0, grid[axis] - aside)),
        volume._replace(grain_id=ids.narrow(axis, grid[axis] - aside, aside)),
    )


class _Stored(Sequence[Volume]):
    """The RVEs of a data set, read when needed."""

    def __init__(self, store: PolycrystalStore, groups: Sequence[str]) -> None:
        self.store, self.groups = store, groups
        self[0]  # of the wrong Laue group, or damaged

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> Volume:  # type: ignore[override]
        return as_volume(self.store[index], self.groups, self.store.folder)


class _Part(Sequence[Volume]):
    """Some members of a sequence."""

    def __init__(self, whole: Sequence[Volume], numbers: Int[Tensor, " n"]) -> None:
        self.whole, self.numbers = whole, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Volume:  # type: ignore[override]
        return self.whole[int(self.numbers[index])]


def crop(
    volumes: Sequence[Volume], edge: int, generator: torch.Generator, periodic: bool = False
) -> Volume:
    """Draw a cube from one of several volumes, and turn it by a rotation of the cube.

    Volumes of a list are drawn in proportion to their voxels. A volume that is not periodic is not
    continued beyond its faces, unless it is smaller than the cube along an axis: then it is
    repeated. Crystals turn with the cube, q to p q; copies of a crystal under its own symmetry
    have the same features and need no augmentation.

    Args:
        volumes: Volumes.
        edge: Edge of the cube. [voxels]
        generator: Source of random numbers.
        periodic: Whether all volumes are periodic.
    """
    u = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
    volume = volumes[_chosen(volumes, u[0])]
    places = []
    for n, v in zip(volume.grain_id.shape, u[1:4], strict=True):
        starts = n if periodic or n < edge else n - edge + 1
        places.append((torch.arange(edge) + math.floor(v * starts)) % n)
    x, y, z = places
    ids = volume.grain_id[x[:, None, None], y[None, :, None], z[None, None]]
    turn = math.floor(24 * u[4])
    axes, flipped = (part[turn].tolist() for part in turn_axes())
    ids = ids.permute(*axes).flip([a for a in range(3) if flipped[a]])
    ids, kept = without_empty(ids.long())
    orientations = quaternion_multiply(box_rotations()[turn], volume.orientations[kept])
    return Volume(ids, orientations, volume.group[kept], volume.second[kept])


def _chosen(volumes: Sequence[Volume], u: float) -> int:
    if not isinstance(volumes, list):
        return math.floor(u * len(volumes))
    ends = torch.tensor([one.grain_id.numel() for one in volumes], dtype=torch.float64).cumsum(0)
    return min(len(volumes) - 1, int(torch.searchsorted(ends, u * ends[-1], right=True)))
