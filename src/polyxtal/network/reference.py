"""The reference ensemble: untrained networks for the texture and grain shape of a polycrystal."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import member_seeds
from polyxtal.mechanics.mean_field.self_consistent import grain_extents
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.fit_effort import EFFORT
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble

SHAPE = 0.7
"""Exponent of the grain extents in the rotation of normals towards the short axes of grains. The
normals of grain faces follow an affine stretch with an exponent of 1. [-]"""


def reference_ensemble(
    rve: Polycrystal,
    leaves: int = EFFORT.reference_leaves,
    members: int = EFFORT.reference_members,
    seed: int = 0,
) -> NetworkEnsemble:
    """Return untrained networks whose interfaces favour the short axes of the grains.

        N ∝ N_even / extents^0.7, component by component

    Args:
        rve: Polycrystal.
        leaves: Number of leaves of each network.
        members: Number of networks whose results are averaged.
        seed: Random seed, as of `MaterialNetwork.from_polycrystal(..., ensemble=members)`.
    """
    extents = grain_extents(rve)
    networks = (
        MaterialNetwork.from_polycrystal(rve, leaves, one) for one in member_seeds(seed, members)
    )
    return NetworkEnsemble(
        tuple(replace(net, normals=_stretched(net.normals, extents)) for net in networks)
    )


def _stretched(
    normals: Float[Tensor, "inner 3"], extents: Float[Tensor, "3"]
) -> Float[Tensor, "inner 3"]:
    turned = normals / extents**SHAPE
    return turned / torch.linalg.vector_norm(turned, dim=1, keepdim=True)
