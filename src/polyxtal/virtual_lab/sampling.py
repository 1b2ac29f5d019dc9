"""What single grains contribute to a test: the error of a material known by few grains.

Another grain in the place of one with the share v changes the mean strain of a polycrystal under a
prescribed stress by its own excess over the mean, and by what the others strain when they take over
its excess stress, to first order in v:

    δε = v [(ε_g - ε) - M : (σ_g - σ)],   M = ∂ε/∂σ of the polycrystal

The polycrystal is the medium, so neither a shape nor an interaction law is assumed. In the r-value,
only the difference of the stresses across counts, as pressure does nothing; M is measured there by
tests with a little stress across, s = -∂ ln r / ∂(σ_w/σ_l):

    δ ln r = v [ε_g,w/ε_w - ε_g,t/ε_t + s (σ_g,w - σ_w - σ_g,t + σ_t) / σ_l]

At a given strain the same grain changes the stress along the load by

    δσ = v [(σ_g - σ) : N - E (ε_g - ε)]

with N the direction of flow, whose work the excess stress changes, and E the tangent modulus. Both
terms are correlated: a grain that yields late has more stress and less strain.

Grains drawn independently add up to the variance Σ v² times that between grains.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.ladder.error import Rung, deviation, grain_histories
from polyxtal.mechanics.response import loaded_component
from polyxtal.virtual_lab.programme import VirtualTest, in_plane_axes

TINY = 1e-9
"""Smallest strain that others are related to. [-]"""
SMALLEST = 1e-6
"""Smallest stress that others are related to. [MPa]"""


class GrainInfluence(NamedTuple):
    """Deviations between grains of what they contribute, at every increment.

    Attributes:
        stress: That of the contribution to the stress along the load. [MPa]
        ratio: Covariance of both parts of ln r, the strain's and the stress's. [-]
    """

    stress: Float[Tensor, " increments"]
    ratio: Float[Tensor, "increments 2 2"]


def grain_influence(
    test: VirtualTest,
    rung: Rung,
    along: FullFieldResponse,
    plastic: Float[Tensor, "increments 3 3"],
    compliance: Float[Tensor, "6 6"],
) -> GrainInfluence:
    """Return what single grains contribute to the numbers of a test.

    Args:
        test: The test.
        rung: Its full field.
        along: The same by components along the load.
        plastic: Mean plastic strain. [-]
        compliance: Mandel compliance of the polycrystal. [1/MPa]
    """
    response, weights = rung.response, rung.coarse.volume_fractions
    assert response.grain_P is not None
    assert response.grain_F is not None
    excess = _symmetric(response.grain_P - response.P[:, None])
    _, _, cost, _ = grain_histories(along)
    i, j = loaded_component(along)
    flow = _symmetric(response.F.diff(dim=0))
    flow = torch.cat([flow[:1], flow])
    power = (response.P * flow).sum((1, 2)).clamp_min(SMALLEST * TINY)
    size = response.P.norm(dim=(1, 2))
    rates = (excess * flow[:, None]).sum((2, 3)) * (size / power)[:, None]
    stress = deviation(rates - cost[:, :, i, j], rung.coarse)
    if in_plane_axes(test) is None:
        return GrainInfluence(stress, torch.zeros(len(stress), 2, 2, dtype=torch.float64))
    strain = _symmetric(response.grain_F - response.F[:, None])
    strain = strain - strain[:1] - mandel_to_matrix(matrix_to_mandel(excess) @ compliance)
    parts = torch.stack(
        [_excess_strain(test, strain, plastic), _excess_stress(test, excess, response.P)]
    )
    return GrainInfluence(stress, torch.einsum("atg,btg,g->tab", parts, parts, weights))


def _excess_strain(test: VirtualTest, strain: Tensor, plastic: Tensor) -> Tensor:
    """Return ε_g,w/ε_w - ε_g,t/ε_t of every grain."""
    _, width, thickness = _along_axes(test, strain)
    _, mean_width, mean_thickness = _along_axes(test, plastic)
    return (
        width / _away_from_zero(mean_width)[:, None]
        - thickness / (_away_from_zero(mean_thickness)[:, None])
    )


def _excess_stress(test: VirtualTest, excess: Tensor, stress: Tensor) -> Tensor:
    """Return (σ_g,w - σ_w - σ_g,t + σ_t) / σ_l of every grain."""
    _, width, thickness = _along_axes(test, excess)
    loaded, _, _ = _along_axes(test, stress)
    return (width - thickness) / loaded.clamp_min(SMALLEST)[:, None]


def _along_axes(test: VirtualTest, history: Tensor) -> tuple[Tensor, ...]:
    axes = in_plane_axes(test)
    assert axes is not None
    return tuple(torch.einsum("i,...ij,j->...", axis, history, axis) for axis in axes)


def _away_from_zero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < TINY, TINY, values)


def _symmetric(tensor: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    return 0.5 * (tensor + tensor.mT)
