"""The paper's network head: a linear map from [CLS] to all 6·2^N - 2 parameters of a network."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.algebra.rotation import normalize_quaternion, quaternion_to_matrix, random_quaternions
from polyxtal.network.offline import homogenize_tree
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork

MAX_DEPTH = 12


class ParameterHeadSizes(BaseModel):
    """All that the shape of a parameter head depends on.

    Attributes:
        width: Of the encoder's token.
        depth: N, for 2^N leaves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=1, le=4096)]
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)]


class NetworkParameters(NamedTuple):
    """Perfect trees with the same number of leaves.

    Attributes:
        weights: Volume fractions of the leaves; they sum to 1. [-]
        orientations: Unit quaternions of the leaves. [-]
        normals: Unit normals of the inner nodes. [-]
    """

    weights: Float[Tensor, "*batch leaves"]
    orientations: Float[Tensor, "*batch leaves 4"]
    normals: Float[Tensor, "*batch inner 3"]

    def stiffness(
        self, constants: Float[Tensor, "*batch crystals 3"], tree: BinaryTree
    ) -> Float[Tensor, "*batch crystals 6 6"]:
        """Homogenise for cubic crystals c11, c12, c44; differentiable. [MPa]

        C_leaf = c12 1⊗1 + 2 c44 I + (c11 - c12 - 2 c44) Σ_k r_k⊗r_k⊗r_k⊗r_k,   r_k = R(q) e_k
        """
        axes = quaternion_to_matrix(self.orientations).mT  # (…, leaves, k, 3)
        squares = matrix_to_mandel(axes[..., :, None] * axes[..., None, :])
        cubes = squares.mT @ squares
        c11, c12, c44 = (c[..., None, None, None] for c in constants.unbind(-1))
        one = torch.tensor([1.0, 1, 1, 0, 0, 0]).to(cubes)
        identity = torch.eye(6).to(cubes)
        leaf = (
            c12 * torch.outer(one, one)
            + 2 * c44 * identity
            + (c11 - c12 - 2 * c44) * cubes[..., None, :, :, :]
        )
        return homogenize_tree(
            tree, leaf, self.weights[..., None, :], self.normals[..., None, :, :]
        )

    def network(self) -> MaterialNetwork:
        """Make the network, of one polycrystal."""
        leaves = len(self.weights)
        weights = self.weights.to(torch.float64)
        normals = self.normals.to(torch.float64)
        return MaterialNetwork(
            BinaryTree.balanced(leaves),
            normalize_quaternion(self.orientations.to(torch.float64)),
            weights / weights.sum(),
            normals / torch.linalg.vector_norm(normals, dim=-1, keepdim=True),
            torch.zeros(leaves, dtype=torch.int64),
        )


class ParameterHead(nn.Module):
    """Weight z and rotation vector of each leaf, angles φ and θ of each normal.

        W = softplus(z),   N = (cos 2πφ sin πθ, sin 2πφ sin πθ, cos πθ)

    Args:
        width: Of the latent vectors.
        depth: N, for 2^N leaves.
        seed: Of the parameters that all networks begin with.
    """

    input_mean: Tensor
    input_scale: Tensor

    def __init__(self, width: int, depth: int, seed: int = 0) -> None:
        """Begin with one random network for all polycrystals."""
        super().__init__()
        self.width, self.depth, self.leaves = width, depth, 2**depth
        self.register_buffer("input_mean", torch.zeros(width))
        self.register_buffer("input_scale", torch.ones(width))
        self.linear = nn.Linear(width, 6 * self.leaves - 2)
        nn.init.zeros_(self.linear.weight)
        generator = torch.Generator().manual_seed(seed)
        turns = _rotation_vector(random_quaternions(self.leaves, generator))
        height = 1 - 2 * torch.rand(self.leaves - 1, generator=generator)
        angles = torch.stack(
            [torch.rand(self.leaves - 1, generator=generator), height.arccos() / math.pi]
        )
        with torch.no_grad():
            self.linear.bias.copy_(
                torch.cat([torch.zeros(self.leaves), turns.flatten(), angles.flatten()])
            )

    def forward(self, latent: Float[Tensor, "n width"]) -> NetworkParameters:
        """Return a network for each latent vector."""
        told = self.linear((latent - self.input_mean) / self.input_scale)
        z, turns, angles = told.split([self.leaves, 3 * self.leaves, 2 * (self.leaves - 1)], -1)
        volume = nn.functional.softplus(z)
        phi, theta = angles.unflatten(-1, (2, -1)).unbind(-2)
        phi, theta = 2 * math.pi * phi, math.pi * theta
        normals = torch.stack(
            [phi.cos() * theta.sin(), phi.sin() * theta.sin(), theta.cos()], dim=-1
        )
        return NetworkParameters(
            volume / volume.sum(-1, keepdim=True),
            _quaternion(turns.unflatten(-1, (-1, 3))),
            normals,
        )


def _quaternion(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Turn by |v| about v; smooth at zero."""
    half = (0.25 * vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return torch.cat([half.cos(), 0.5 * vector * half.sin() / half], -1)


def _rotation_vector(q: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3"]:
    angle = 2 * torch.atan2(torch.linalg.vector_norm(q[:, 1:], dim=-1), q[:, 0])
    axis = q[:, 1:] / torch.linalg.vector_norm(q[:, 1:], dim=-1, keepdim=True).clamp_min(1e-12)
    return angle[:, None] * axis
