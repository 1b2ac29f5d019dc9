"""The parameter head: the paper's linear map from [CLS] to all 6·2^N - 2 network parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

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
    """Sizes of a parameter head.

    Attributes:
        width: Width of the encoder's tokens.
        depth: Depth N of the network, for 2^N leaves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=1, le=4096)]
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)]

    @property
    def parameters(self) -> int:
        """Number of parameters of the linear map."""
        return (self.width + 1) * (6 * 2**self.depth - 2)


class NetworkParameters(NamedTuple):
    """Parameters of balanced binary trees with the same number of leaves.

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
        """Return the homogenised stiffness for cubic crystals c11, c12, c44; differentiable. [MPa]

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
        """Return the network; there must be no batch axis."""
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
    """Linear map to weight z and rotation vector of each leaf, angles φ and θ of each normal.

        W = softplus(z),   N = (cos 2πφ sin πθ, sin 2πφ sin πθ, cos πθ)

    Args:
        width: Width of the latent vectors.
        depth: Depth N of the networks, for 2^N leaves.
        seed: Random seed of the initial network.
    """

    input_mean: Tensor
    input_scale: Tensor

    def __init__(self, width: int, depth: int, seed: int = 0) -> None:
        """Start from one random network for all polycrystals."""
        super().__init__()
        single = torch.float32
        self.width, self.depth, self.leaves = width, depth, 2**depth
        self.register_buffer("input_mean", torch.zeros(width, dtype=single))
        self.register_buffer("input_scale", torch.ones(width, dtype=single))
        self.linear = nn.Linear(width, 6 * self.leaves - 2, dtype=single)
        nn.init.zeros_(self.linear.weight)
        generator = torch.Generator().manual_seed(seed)
        turns = _rotation_vector(random_quaternions(self.leaves, generator))
        height, azimuth = (
            torch.rand(self.leaves - 1, generator=generator, dtype=single) for _ in range(2)
        )
        angles = torch.stack([azimuth, (1 - 2 * height).arccos() / math.pi])
        with torch.no_grad():
            self.linear.bias.copy_(
                torch.cat([torch.zeros(self.leaves), turns.flatten(), angles.flatten()])
            )

    def forward(self, latent: Float[Tensor, "n width"]) -> NetworkParameters:
        """Return a network for each latent vector."""
        values = self.linear((latent - self.input_mean) / self.input_scale)
        z, turns, angles = values.split([self.leaves, 3 * self.leaves, 2 * (self.leaves - 1)], -1)
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


@dataclass(frozen=True, eq=False)
class FittedParameters:
    """A fitted head that predicts all parameters of a network.

    Attributes:
        head: Parameter head, in single precision.
        encoder: Fingerprint of the encoder that it was fitted to.
        about: Further content of `parameters.json`: training, results.
    """

    head: ParameterHead
    encoder: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def network(self, latent: Float[Tensor, " width"]) -> MaterialNetwork:
        """Predict the network of one latent vector, with 2^N leaves and one phase.

        Raises:
            ValueError: if the predicted parameters are too large to form a network.
        """
        parameters = self.head(latent[None])
        return NetworkParameters(*(part[0] for part in parameters)).network()


def _quaternion(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Return the rotation by |v| about v; differentiable at zero."""
    half = (0.25 * vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return torch.cat([half.cos(), 0.5 * vector * half.sin() / half], -1)


def _rotation_vector(q: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3"]:
    angle = 2 * torch.atan2(torch.linalg.vector_norm(q[:, 1:], dim=-1), q[:, 0])
    axis = q[:, 1:] / torch.linalg.vector_norm(q[:, 1:], dim=-1, keepdim=True).clamp_min(1e-12)
    return angle[:, None] * axis
