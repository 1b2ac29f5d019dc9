"""The full stiffness tensor: physics, weighed by a small learned network.

    C = clamp[ C_Hill + g (C_sc + Σ_k w_k B_k - C_Hill) ]   between Reuss and Voigt

C_sc is the self-consistent average with the grains' extents, B_k what may be added to it
(`heads.basis`). The weights w are learned functions of invariants and, if asked for, of the latent
vector; untrained, w = (1, 0). The gate g is 1 for crystals and polycrystals like those of the
training and falls to 0 beyond them, where the answer is Hill's average.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.mechanics.bounds.clamp import clamp_between
from polyxtal.model.heads.stiffness.basis import (
    INVARIANTS,
    TERMS,
    StiffnessBasis,
    shear_over_bulk,
)
from polyxtal.model.heads.stiffness.out_of_distribution import COMPONENTS, Familiarity, fade

PLAIN = (1.0, 0.0)
"""Weights of the terms without learning."""


class TensorHeadSizes(BaseModel):
    """All that the shape of a tensor head depends on.

    Attributes:
        width: Of the encoder's token.
        components: Principal components of latent vectors.
        hidden: Width of the network's hidden layer.
        latent: Whether the weights depend on the latent vector, too. Then the answer turns with the
            polycrystal only as well as the encoder does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=1, le=4096)]
    components: Annotated[int, Field(ge=1, le=256)] = COMPONENTS
    hidden: Annotated[int, Field(ge=1, le=1024)] = 16
    latent: bool = False

    @property
    def inputs(self) -> int:
        """Numbers that the network sees."""
        return len(INVARIANTS) + (self.components if self.latent else 0)


class TensorHead(nn.Module):
    """From latent vectors and what is known to stiffness.

    Args:
        sizes: Sizes.
        seed: Of the hidden layer; the last one starts at zero.
    """

    input_mean: Tensor
    input_scale: Tensor
    crystal_low: Tensor
    crystal_high: Tensor

    def __init__(self, sizes: TensorHeadSizes, seed: int = 0) -> None:
        """Make the layers: untrained, they leave the plain weights."""
        super().__init__()
        self.sizes = sizes
        self.familiarity = Familiarity(sizes.width, sizes.components)
        real = torch.float64
        self.register_buffer("input_mean", torch.zeros(sizes.inputs, dtype=real))
        self.register_buffer("input_scale", torch.ones(sizes.inputs, dtype=real))
        self.register_buffer("crystal_low", torch.zeros(2, dtype=real))
        self.register_buffer("crystal_high", torch.zeros(2, dtype=real))
        self.linear = nn.Linear(sizes.inputs, len(TERMS), dtype=real)
        self.hidden = nn.Linear(sizes.inputs, sizes.hidden, dtype=real)
        self.out = nn.Linear(sizes.hidden, len(TERMS), dtype=real)
        generator = torch.Generator().manual_seed(seed)
        nn.init.xavier_uniform_(self.hidden.weight, generator=generator)
        for parameter in (*self.linear.parameters(), self.hidden.bias, *self.out.parameters()):
            nn.init.zeros_(parameter)

    def inputs(
        self, invariants: Float[Tensor, "n invariants"], latent: Float[Tensor, "n width"]
    ) -> Float[Tensor, "n inputs"]:
        """Gather what the network sees, of mean 0 and deviation 1 in the training."""
        parts = [invariants]
        if self.sizes.latent:
            parts.append(self.familiarity.components(latent))
        return (torch.cat(parts, -1) - self.input_mean) / self.input_scale

    def forward(
        self, invariants: Float[Tensor, "n invariants"], latent: Float[Tensor, "n width"]
    ) -> Float[Tensor, "n terms"]:
        """Weigh the terms. [-]"""
        seen = self.inputs(invariants, latent)
        plain = seen.new_tensor(PLAIN)
        return plain + self.linear(seen) + self.out(torch.tanh(self.hidden(seen)))

    def crystal_gate(self, crystal: Elasticity) -> Float[Tensor, ""]:
        """Return 1 for crystals within the training's ranges, falling over a factor of two.

        Training is with cubic crystals: 0 for all others.
        """
        if not isinstance(crystal, CubicElasticity):
            return self.crystal_low.new_zeros(())
        at = self.crystal_low.new_tensor(
            [math.log(crystal.zener), math.log(shear_over_bulk(crystal))]
        )
        outside = torch.maximum(self.crystal_low - at, at - self.crystal_high).clamp_min(0)
        return fade(1 + outside.max() / math.log(2))

    def gate(self, crystal: Elasticity, latent: Float[Tensor, "n width"]) -> Float[Tensor, "n"]:
        """Return g, between 0 and 1. [-]"""
        return self.crystal_gate(crystal) * fade(self.familiarity(latent))

    def stiffness(
        self,
        basis: StiffnessBasis,
        latent: Float[Tensor, "n width"],
        gate: Float[Tensor, "n"] | None = None,
    ) -> Float[Tensor, "n 6 6"]:
        """Answer for polycrystals with a leading axis; gate None is 1. [MPa]"""
        weights = self(basis.invariants, latent)
        estimate = basis.consistent + torch.einsum("nk,nkij->nij", weights, basis.terms)
        hill = basis.hill
        if gate is not None:
            estimate = hill + gate[:, None, None] * (estimate - hill)
        return clamp_between(estimate, basis.reuss, basis.voigt)
