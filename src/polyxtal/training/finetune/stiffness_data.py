"""Labelled polycrystals for fine-tuning, and their stiffness bases, computed once and cached.

basis/000000-000050.safetensors ...   tensors and invariants of RVEs, see `StiffnessBasis`
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import expand, random_moves
from polyxtal.dataset.store import PolycrystalStore
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.stiffness.basis import StiffnessBasis, stiffness_basis

PART = 50
"""Number of RVEs per file of the basis."""
AT_ONCE = 64
COPIES = 5
"""Random stream of the augmentations of copies."""


class StiffnessData(NamedTuple):
    """Labelled polycrystals in memory.

    Attributes:
        grain_id: Grain index of each voxel. (n, nx, ny, nz)
        orientations: Unit quaternions. (n, grains, 4) [-]
        stiffness: Labels, Mandel. (n, crystals, 6, 6) [MPa]
        basis: Stiffness basis, with leading axes (n, crystals).
        given: Number of crystals that are the same for all RVEs, the first ones.
    """

    grain_id: Integer[Tensor, "n nx ny nz"]
    orientations: Float[Tensor, "n grains 4"]
    stiffness: Float[Tensor, "n crystals 6 6"]
    basis: StiffnessBasis
    given: int

    def fields(
        self,
        numbers: Integer[Tensor, " batch"],
        features: str,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "batch channels nx ny nz"], Integer[Tensor, " batch"]]:
        """Return fields, augmented at random if there is a generator, and the rotations."""
        ids, orientations = self.grain_id[numbers], self.orientations[numbers]
        turns = torch.zeros(len(numbers), dtype=torch.int64)
        shifts = None
        if generator is not None:
            x, y, z = ids.shape[1:]
            turns, shifts = random_moves((x, y, z), len(numbers), generator)
        return expand(ids, orientations, feature(features), turns, shifts), turns


def load_stiffness_data(
    store: PolycrystalStore,
    folder: Path,
    count: int | None = None,
    progress: Progress = no_progress,
    known: bool = True,
) -> StiffnessData:
    """Read labels, and compute the stiffness basis or read it from the cache.

    Args:
        store: Labelled data set.
        folder: Cache of the basis, for this data set only.
        count: Number of RVEs to read, the first ones; None for all.
        progress: Called as RVEs are prepared.
        known: Compute the basis; else it stays empty.
    Raises:
        ValueError: if the data set has no stiffness labels or too few RVEs.
    """
    if store.recipe.labels is None:
        raise ValueError(f"{store.folder}: a data set must have stiffness labels, but has none.")
    stop = len(store) if count is None else count
    if stop > len(store):
        raise ValueError(
            f"{store.folder}: must have as many RVEs as `labels` says, but has {len(store)} "
            f"and not {stop}."
        )
    data = read_labels(store, stop)
    if not known:
        return data
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, stop, PART):
        end = min(stop, start + PART)
        parts.append(_part(store, folder, start, end))
        progress("basis of RVEs", end, stop)
    basis = StiffnessBasis(*(torch.cat(values) for values in zip(*parts, strict=True)))
    return data._replace(basis=basis)


def read_labels(store: PolycrystalStore, count: int) -> StiffnessData:
    """Read labels of the first RVEs, with an empty basis."""
    nothing = torch.zeros(count, 0)
    constants = () if store.recipe.labels is None else store.recipe.labels.constants
    return StiffnessData(
        torch.from_numpy(store.read("grain_id", 0, count)),
        torch.from_numpy(store.read("orientations", 0, count)),
        torch.from_numpy(store.read("stiffness", 0, count)).to(torch.float64),
        StiffnessBasis(nothing, nothing, nothing, nothing, nothing),
        len(constants),
    )


def _part(store: PolycrystalStore, folder: Path, start: int, end: int) -> StiffnessBasis:
    path = folder / f"{start:06d}-{end:06d}.npz"
    if path.is_file():
        try:
            with open_arrays(path) as file:
                kept = {name: torch.from_numpy(file.read(name)) for name in file.names}
            return StiffnessBasis(**kept)
        except (ValueError, TypeError):
            path.unlink()  # damaged: recomputed
    constants = store.read("constants", start, end).tolist()
    rows = [
        stiffness_basis(store[start + i], CubicElasticity(*crystal))
        for i, crystals in enumerate(constants)
        for crystal in crystals
    ]
    shape = (end - start, len(constants[0]))
    basis = StiffnessBasis(
        *(torch.stack(values).unflatten(0, shape) for values in zip(*rows, strict=True))
    )
    with atomic_file(path) as temporary:
        write_arrays(temporary, basis._asdict())
    return basis


def encode_copies(
    model: FoundationModel,
    data: StiffnessData,
    numbers: Integer[Tensor, " n"] | Sequence[int],
    copies: int = 0,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Float[Tensor, "n copies_and_one width"], Integer[Tensor, "n copies_and_one"]]:
    """Encode RVEs, and rotated and shifted copies of them.

    Args:
        model: Model with the encoder.
        data: Labelled polycrystals.
        numbers: Indices of the RVEs.
        copies: Number of copies of each RVE.
        seed: Random seed of the augmentations.
        progress: Called as RVEs and copies are encoded.
    Returns:
        Latent vectors of [CLS], the RVEs' own first, and the rotation of each, 0 for none.
    """
    numbers = torch.as_tensor(numbers, dtype=torch.int64)
    latent: list[list[Tensor]] = []
    turned: list[list[Tensor]] = []
    done = 0
    for copy in range(copies + 1):
        generator = generator_of(seed, copy, COPIES) if copy else None
        latent.append([])
        turned.append([])
        for part in numbers.split(AT_ONCE):
            fields, turns = data.fields(part, model.config.features, generator)
            latent[-1].append(model.encode_fields(fields))
            turned[-1].append(turns)
            done += len(part)
            progress("RVEs encoded", done, (copies + 1) * len(numbers))
    return (
        torch.stack([torch.cat(parts) for parts in latent], 1),
        torch.stack([torch.cat(parts) for parts in turned], 1),
    )
