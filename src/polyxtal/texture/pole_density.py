"""Pole density of kernels about orientations: the matrix that maps an ODF to its pole figures."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import KDTree
from scipy.special import i0e, i1e
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.kernel import concentration
from polyxtal.texture.pole_figure import PoleFigure

DROPPED = 1e-4
"""Share of the kernel's peak below which its tail is left out of a sparse matrix. [-]"""
_PAIRS = 1 << 24
_TABLE = 4096


def pole_kernel(cosine: Float[Tensor, "*batch"], halfwidth: float) -> Float[Tensor, "*batch"]:
    """Return the pole density of a von Mises-Fisher kernel, of mean 1 over the sphere.

        P(η) = exp(κ (cos η - 1)) e^-x I₀(x) / (e^-κ (I₀(κ) - I₁(κ))),   x = κ (1 + cos η) / 2

    the mean of exp(κ cos ω) over all rotations that turn the pole by η: on that fibre cos ω =
    ½ (1 + cos η) (1 + cos 2t) - 1 with t uniform.

    Args:
        cosine: cos η, η the angle between direction and the kernel's own pole. [-]
        halfwidth: Half-width of the kernel. [rad]
    """
    kappa = concentration(halfwidth)
    bessel = torch.from_numpy(np.asarray(i0e(0.5 * kappa * (1 + cosine.numpy()))))
    scale = 1 / float(i0e(kappa) - i1e(kappa))
    return torch.exp(kappa * (cosine - 1)) * bessel * scale


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
    halfwidth: float,
    laue: LaueGroup,
    sample: LaueGroup,
) -> csr_matrix:
    """Return the pole density at each direction of each kernel, symmetrised.

    Column m is the pole figure of one kernel and its copies by crystal and sample symmetry; tails
    below `DROPPED` of the peak are left out.

    Args:
        figure: Directions and reflections.
        centres: Centres of the kernels. [-]
        halfwidth: Half-width of the kernels. [rad]
        laue: Laue group of the crystals.
        sample: Symmetry of the sample.
    Returns:
        (directions, centres), sparse, single precision. [multiples of random]
    """
    axes, share = pole_axes(figure, laue)
    table, low = _table(halfwidth)
    directions = figure.directions.to(torch.float32)
    step = max(1, _PAIRS // (len(directions) * len(axes) * sample.order))
    parts = []
    for part in centres.split(step):
        copies = quaternion_multiply(sample.rotations[:, None], part[None])
        poles = torch.einsum("pmij,aj->pmai", quaternion_to_matrix(copies), axes)
        columns = torch.zeros(len(part), len(directions))
        for turned in poles.to(torch.float32):  # one copy by sample symmetry
            for axis, weight in zip(turned.unbind(1), share.tolist(), strict=True):
                cosine = (axis @ directions.T).abs_()
                place = (cosine - low) * ((_TABLE - 1) / (1 - low))
                inside = place > 0
                index = place[inside].clamp_max_(_TABLE - 1.001)
                left = index.to(torch.int64)
                value = torch.lerp(table[left], table[left + 1], index - left)
                columns[inside] += value * (weight / sample.order)
        parts.append(csr_matrix(columns.numpy()))
    return csr_matrix(vstack(parts).T)


def _table(halfwidth: float) -> tuple[Float[Tensor, " entries"], float]:
    """Return the kernel, even in the pole, over a range of |cos η|, and where that begins."""
    cosine = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    even = 0.5 * (pole_kernel(cosine, halfwidth) + pole_kernel(-cosine, halfwidth))
    above = (even > DROPPED * float(even[-1])).nonzero()[0]
    low = float(cosine[int(above)]) - 1e-9
    fine = torch.linspace(low, 1, _TABLE, dtype=torch.float64)
    even = 0.5 * (pole_kernel(fine, halfwidth) + pole_kernel(-fine, halfwidth))
    return even.to(torch.float32), low


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
    distance, nearest = tree.query(points)
    inside = nearest[distance <= reach] % len(rounded)
    share = np.bincount(inside, minlength=len(rounded)) + 1e-3
    each = torch.from_numpy((share / count)[owner.reshape(-1)])
    return each / each.sum()
