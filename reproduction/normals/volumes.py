"""Training data: random polycrystals, small untrained networks of them, and how these miss.

The residuals r of a network's nine curves and their Jacobian J by the normals are computed once.
Training then minimises |r + J Δn|² without another simulation.

volumes-<seed>/<number>.npz   arrays of one polycrystal, see `VolumeSamples`
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import quaternion_multiply, random_quaternions
from polyxtal.crystal.material import Material
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.mean_field.self_consistent import grain_extents
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import tessellate
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import TOLERANCE, softened
from polyxtal.network.fit_goals import Goals
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork
from polyxtal.texture.components import TEXTURE_TYPES, texture_type
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.texture.hull import sample_texture_hull
from reproduction.normals.linear import linear_comparison
from reproduction.normals.targets import expected_curves

STREAM = 31
"""Stream of random numbers for the polycrystals."""
GRID, GRAINS, STRETCH, ORIENTATIONS = 25, (70, 210), 2.0, (3, 30)
"""Voxels along an edge; ranges of grains, of aspect ratios up to their inverse, and of few
orientations."""
TURN = (0.5, 0.5, 0.5, 0.5)
"""Quaternion that turns x to y, y to z, z to x. [-]"""
TURNS = 3
MAX_BYTES = 1 << 24


@dataclass(frozen=True)
class VolumeSettings:
    """What training data depend on.

    Attributes:
        volumes: Number of polycrystals.
        networks: Untrained networks of each.
        leaves: Leaves of each network.
        reference_leaves: Leaves of the network whose curves are expected.
        seed: Random seed.
    """

    volumes: int = 128
    networks: int = 6
    leaves: int = 32
    reference_leaves: int = 256
    seed: int = 11


class VolumeSamples(NamedTuple):
    """Networks of one polycrystal and what encoders say of it, float32.

    Attributes:
        orientations: Leaves' orientations. [-]
        weights: Leaves' weights. [-]
        normals: Interface normals. [-]
        residual: Residuals of the nine curves, row by row. [-]
        jacobian: Their derivative by the normals. [-]
        extents: Relative grain extents. [-]
        latent: By encoder and turn of the polycrystal: [CLS] and mean of the patch tokens. [-]
    """

    orientations: Float[Tensor, "networks leaves 4"]
    weights: Float[Tensor, "networks leaves"]
    normals: Float[Tensor, "networks inner 3"]
    residual: Float[Tensor, "networks rows"]
    jacobian: Float[Tensor, "networks rows inner 3"]
    extents: Float[Tensor, " 3"]
    latent: Float[Tensor, "encoders turns width"]


class VolumeInputs(NamedTuple):
    """The samples of a polycrystal, and what is computed from them when they are read.

    Attributes:
        samples: The samples.
        missed, gradient: Of every network, see `LinearComparison`.
    """

    samples: VolumeSamples
    missed: Float[Tensor, "networks 9 terms"]
    gradient: Float[Tensor, "networks 9 inner 3"]


def random_polycrystal(seed: int, number: int) -> Polycrystal:
    """Make a polycrystal of random texture, number of grains and grain shape.

    Textures are those of the convex hull (half of them), the paper's types, few orientations, and
    random ones.
    """
    generator = generator_of(seed, number, STREAM)
    kind, one, stretched = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    texture: Texture | None = None
    if kind < 0.5:
        texture = sample_texture_hull(1, seed=seed * 100_000 + number)[0]
    elif kind < 0.7:
        texture = texture_type(list(TEXTURE_TYPES)[int(one * len(TEXTURE_TYPES))], generator)
    elif kind < 0.85:
        count = int(_log_uniform(ORIENTATIONS, one))
        few = random_quaternions(count, generator)
        texture = DiscreteTexture(few, torch.full((count,), 1 / count))
    grains = int(_log_uniform(GRAINS, float(torch.rand(1, generator=generator))))
    aspect = (1.0, 1.0, 1.0)
    if stretched < 0.4:
        x, y, z = (STRETCH ** (2 * torch.rand(3, generator=generator) - 1)).tolist()
        aspect = (x, y, z)
    return tessellate(GRID, grains, texture, aspect=aspect, seed=generator)


def _log_uniform(bounds: tuple[int, int], share: float) -> float:
    low, high = bounds
    return low * math.exp(share * math.log(high / low))


def turned(rve: Polycrystal) -> Polycrystal:
    """Return the polycrystal turned by `TURN`: its x axis becomes the y axis, and so on."""
    turn = torch.tensor(TURN, dtype=torch.float64)
    return Polycrystal(
        rve.grain_id.permute(2, 0, 1).contiguous(), quaternion_multiply(turn, rve.orientations)
    )


def sample_volume(
    rve: Polycrystal,
    settings: VolumeSettings,
    material: Material,
    model: FoundationModel,
    encoders: tuple[FoundationModel, ...],
    seed: int,
) -> VolumeSamples:
    """Simulate untrained networks of a polycrystal and encode it.

    Args:
        rve: Polycrystal.
        settings: Numbers of networks and leaves.
        material: Material of the crystals.
        model: Model with heads for stiffness and curves.
        encoders: Encoders.
        seed: Random seed of the networks; networks that do not converge are replaced.
    """
    curves = tuple(expected_curves(rve, model, material, settings.reference_leaves, seed))
    goals = Goals(softened(material), curves, (), 1.0, TOLERANCE)
    rows: list[tuple[Tensor, ...]] = []
    attempt = 0
    while len(rows) < settings.networks:
        network = MaterialNetwork.from_polycrystal(rve, settings.leaves, seed + attempt)
        attempt += 1
        try:
            residual, jacobian = goals.linearise(network, goals.follower(network))
        except ConvergenceError:
            if attempt > 2 * settings.networks:
                raise
            continue
        rows.append((network.orientations, network.weights, network.normals, residual, jacobian))
    columns = [torch.stack(column).float() for column in zip(*rows, strict=True)]
    images = [rve]
    while len(images) < TURNS:
        images.append(turned(images[-1]))
    latent = torch.stack([encoder.encode(images, "both") for encoder in encoders])
    return VolumeSamples._make([*columns, grain_extents(rve).float(), latent])


def volume_samples(
    settings: VolumeSettings,
    folder: Path,
    material: Material,
    model: FoundationModel,
    encoders: tuple[FoundationModel, ...],
    progress: Progress = no_progress,
) -> Iterator[VolumeInputs]:
    """Yield the training data, computed or read again.

    Args:
        settings: What they depend on.
        folder: Where they are kept.
        material, model, encoders: As for `sample_volume`.
        progress: Called after every polycrystal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(settings.volumes):
        file = folder / f"{number:05d}.npz"
        if not file.is_file():
            rve = random_polycrystal(settings.seed, number)
            found = sample_volume(rve, settings, material, model, encoders, 1000 * number)
            with atomic_file(file) as temporary:
                write_arrays(temporary, {k: v.numpy() for k, v in found._asdict().items()})
        with open_arrays(file, MAX_BYTES) as stored:
            arrays = [torch.from_numpy(stored.read(name)) for name in VolumeSamples._fields]
        progress("polycrystals", number + 1, settings.volumes)
        yield with_comparison(VolumeSamples(*arrays))


def with_comparison(samples: VolumeSamples) -> VolumeInputs:
    """Add the linear comparison of every network."""
    tree = BinaryTree.balanced(samples.weights.shape[1])
    extents = samples.extents.double()
    found = []
    for part in zip(samples.orientations, samples.weights, samples.normals, strict=True):
        orientations, weights, normals = (tensor.double() for tensor in part)
        found.append(linear_comparison(tree, orientations, weights, normals, extents))
    missed, gradient = (torch.stack(column) for column in zip(*found, strict=True))
    return VolumeInputs(samples, missed, gradient)
