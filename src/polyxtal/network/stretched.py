"""What polycrystals of a texture and of a shape of grains typically do, without a full field."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.randomness import member_seeds
from polyxtal.mechanics.mean_field.self_consistent import grain_extents
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble

LEAVES, MEMBERS = 128, 8
SHAPE = 0.7
"""Power of the extents by which normals turn towards the short axes of grains. Under a stretch of
space that makes grains long, the normals of their faces turn by a power of 1 [-]."""


def typical_networks(
    rve: Polycrystal, leaves: int = LEAVES, members: int = MEMBERS, seed: int = 0
) -> NetworkEnsemble:
    """Build untrained networks whose interfaces lie more often across the grains' short axes.

        N ∝ N_even / extents^0.7, component by component

    Args:
        rve: Polycrystal.
        leaves: Leaves of each network.
        members: Networks whose answers are averaged.
        seed: Same seed, same networks; they are drawn as those of
            `MaterialNetwork.from_polycrystal(..., ensemble=members)`.
    """
    extents = grain_extents(rve)
    seeds = member_seeds(seed, members)
    networks = (MaterialNetwork.from_polycrystal(rve, leaves, one) for one in seeds)
    return NetworkEnsemble(
        tuple(replace(net, normals=_stretched(net.normals, extents)) for net in networks)
    )


def _stretched(
    normals: Float[Tensor, "inner 3"], extents: Float[Tensor, "3"]
) -> Float[Tensor, "inner 3"]:
    turned = normals / extents**SHAPE
    return turned / torch.linalg.vector_norm(turned, dim=1, keepdim=True)
