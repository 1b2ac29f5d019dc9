"""What the linear comparison polycrystal says of a network, in closed form, on the nine paths."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.mean_field.self_consistent import self_consistent_medium
from polyxtal.model.heads.curves.head import COMPARISON, load_directions
from polyxtal.model.predicted_network import elastic_crystals
from polyxtal.network.sensitivity import stiffness_sensitivity
from polyxtal.network.topology import BinaryTree

CRYSTALS = (*elastic_crystals()[::2], COMPARISON)
TOLERANCE = 1e-5
"""Tolerance of the self-consistent average. [-]"""


class LinearComparison(NamedTuple):
    """A network of linear crystals on the nine paths.

    Attributes:
        missed: By path, stiffness over the self-consistent average's and Voigt's average over it,
            less 1, for all `CRYSTALS`. [-]
        gradient: Relative derivative of the stiffness of `COMPARISON` crystals by the normals,
            perpendicular to these. [-]
    """

    missed: Float[Tensor, "9 terms"]
    gradient: Float[Tensor, "9 inner 3"]


def linear_comparison(
    tree: BinaryTree,
    orientations: Float[Tensor, "leaves 4"],
    weights: Float[Tensor, " leaves"],
    normals: Float[Tensor, "inner 3"],
    extents: Float[Tensor, "3"],
) -> LinearComparison:
    """Compare a network of linear crystals with the self-consistent average of its leaves.

    Args:
        tree: Tree of the network.
        orientations, weights, normals: Its leaves and its normals, float64. [-]
        extents: Relative grain extents. [-]
    """
    leaf = torch.stack([crystal.stiffness(orientations) for crystal in CRYSTALS])
    found = stiffness_sensitivity(tree, leaf, weights, normals)
    shares = weights.expand(len(CRYSTALS), -1)
    medium, _ = self_consistent_medium(
        leaf, shares, extents.expand(len(CRYSTALS), 3), tolerance=TOLERANCE
    )
    voigt = torch.einsum("cl,clmn->cmn", shares, leaf)
    along = load_directions()
    network, average, upper = (
        torch.einsum("km,cmn,kn->kc", along, one, along) for one in (found.stiffness, medium, voigt)
    )
    by_normal = torch.einsum("km,mnij,kn->kij", along, found.by_normal[-1], along)
    by_normal = by_normal - (by_normal * normals).sum(-1, keepdim=True) * normals
    return LinearComparison(
        torch.cat([network / average - 1, upper / average - 1], 1).float(),
        (by_normal / network[:, -1, None, None]).float(),
    )
