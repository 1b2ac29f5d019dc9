"""Pole density of kernels about orientations: the matrix that maps an ODF to its pole figures."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.kernels import RotationKernel
from polyxtal.texture.pole_figure import PoleFigure

DROPPED = 1e-4
"""Share of the kernel's peak below which its tail is left out of a sparse matrix. [-]"""
_PAIRS = 1 << 21
_TABLE = 1 << 16


def pole_axes(
    figure: PoleFigure, laue: LaueGroup
) -> tuple[Float[Tensor, "axes 3"], Float[Tensor, " axes"]]:
    """Return the equivalent axes ±s h of a figure's poles, each once, and their shares."""
    rotations = quaternion_to_matrix(laue.rotations)
    axes = torch.einsum("sij,hj->hsi", rotations, figure.poles).reshape(-1, 3)
    share = (figure.shares[:, None] / laue.order).expand(-1, laue.order).reshape(-1)
    rounded = (axes * 1e8).round()
    first = torch.where(rounded[:, 2] != 0, rounded[:, 2], rounded[:, 1])
    first = torch.where(first != 0, first, rounded[:, 0])
    rounded = torch.where(first[:, None] < 0, -rounded, rounded)
    unique, owner = torch.unique(rounded, dim=0, return_inverse=True)
    total = torch.zeros(len(unique), dtype=torch.float64).index_add_(0, owner, share)
    unique = unique / torch.linalg.vector_norm(unique, dim=1, keepdim=True)
    return unique, total


def pole_density_matrix(
    figure: PoleFigure,
    centres: Float[Tensor, "m 4"],
    kernel: RotationKernel,
    laue: LaueGroup,
    sample: LaueGroup,
) -> csr_matrix:
    """Return the pole density at each direction of each kernel, symmetrised.

    Column m is the pole figure of one kernel and its copies by crystal and sample symmetry; tails
    below `DROPPED` of the peak are left out.

    Args:
        figure: Directions and reflections.
        centres: Centres of the kernels. [-]
        kernel: The kernel.
        laue: Laue group of the crystals.
        sample: Symmetry of the sample.
    Returns:
        (directions, centres), sparse, single precision. [multiples of random]
    """
    axes, share = pole_axes(figure, laue)
    table, low = _table(kernel)
    scale = (_TABLE - 1) / (1 - low)
    directions = figure.directions.to(torch.float32)
    step = max(1, _PAIRS // len(directions))
    parts = []
    for part in centres.split(step):
        copies = quaternion_multiply(sample.rotations[:, None], part[None])
        poles = torch.einsum("pmij,aj->pmai", quaternion_to_matrix(copies), axes)
        columns = torch.zeros(len(part), len(directions))
        for turned in poles.to(torch.float32):  # one copy by sample symmetry
            for axis, weight in zip(turned.unbind(1), share.tolist(), strict=True):
                place = (axis @ directions.T).abs_().sub_(low).mul_(scale).clamp_(0, _TABLE - 1)
                columns += (weight / sample.order) * table[place.round_().to(torch.int32)]
        parts.append(csr_matrix(columns.numpy()))
    return csr_matrix(vstack(parts).T)


def _table(kernel: RotationKernel) -> tuple[Float[Tensor, " entries"], float]:
    """Return the kernel, even in the pole, over a range of |cos η|, and where that begins."""
    cosine = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    value = even_density(kernel, cosine)
    low = float(cosine[int((value > DROPPED * float(value[-1])).nonzero()[0])]) - 1e-9
    table = even_density(kernel, torch.linspace(low, 1, _TABLE, dtype=torch.float64)).float()
    table[0] = 0.0
    return table, low


def even_density(
    kernel: RotationKernel, cosine: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Return the kernel's pole density of ±h. [multiples of random]"""
    return 0.5 * (kernel.pole_density(cosine) + kernel.pole_density(-cosine))


def solid_angles(directions: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    """Return the share of the measured region next to each axis ±r; their sum is 1.

    Each point of a Fibonacci lattice belongs to the nearest axis, unless that is further away than
    most neighbours are: nothing was measured there. Axes given several times divide their share.
    """
    rounded, owner, count = np.unique(
        np.round(directions.numpy(), 6), axis=0, return_inverse=True, return_counts=True
    )
    number = 20 * max(1000, len(rounded))
    step = np.arange(number) + 0.5
    radius, turn = np.sqrt(1 - (1 - step / number) ** 2), step * (math.pi * (3 - math.sqrt(5)))
    points = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), 1 - step / number])
    both = np.concatenate([rounded, -rounded])
    tree = KDTree(both)
    reach = 0.75 * np.quantile(tree.query(both, 2)[0][:, 1], 0.9)
    distance, nearest = map(np.asarray, tree.query(points))
    inside = nearest[distance <= reach] % len(rounded)
    share = np.bincount(inside, minlength=len(rounded)) + 1e-3
    each = torch.from_numpy(np.take(share / count, owner.reshape(-1)))
    return each / each.sum()
