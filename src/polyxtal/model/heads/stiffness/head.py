"""The stiffness head: self-consistent average and pair correlation, with fitted weights.

    C = clamp[ C_Hill + g (C_sc + Σ_k w_k B_k - C_Hill) ]   between Reuss and Voigt

C_sc is the self-consistent average with the grains' extents, B_k the terms that are added to it
(`heads.stiffness.basis`). The weights w are fitted functions of invariants; untrained, w = (1, 0).
The gate g is 1 for crystals within the ranges of the training data and falls to 0 beyond them,
where the prediction is Hill's average. The encoder takes no part: its latent vector only gives the
out-of-distribution score.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from polyxtal.crystal.elastic_constants import elastic_symmetry
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.mechanics.bounds.averages import hill_average
from polyxtal.mechanics.bounds.clamp import clamp_between
from polyxtal.microstructure.phases import per_phase
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.stiffness.basis import (
    INVARIANTS,
    TERMS,
    StiffnessBasis,
    shear_over_bulk,
    stiffness_basis,
)
from polyxtal.model.heads.stiffness.out_of_distribution import COMPONENTS, OutOfDistributionScore

PLAIN = (1.0, 0.0)
"""Weights of the terms without training."""
DECAY = 4.0


def fade(distance: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return 1 up to a distance of 1, then exp(-4 (d - 1)²), and 0 where that is below 1e-3."""
    value = torch.exp(-DECAY * (distance - 1).clamp_min(0).square())
    return torch.where(value < 1e-3, 0.0, value)


class TensorHeadSizes(BaseModel):
    """Sizes of a tensor head.

    Attributes:
        width: Width of the encoder's tokens.
        components: Principal components of the out-of-distribution score.
        hidden: Width of the hidden layer.
        latent: False; up to version 0.1, weights could depend on the latent vector, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=1, le=4096)]
    components: Annotated[int, Field(ge=1, le=256)] = COMPONENTS
    hidden: Annotated[int, Field(ge=1, le=1024)] = 16
    latent: Literal[False] = False


class TensorHead(nn.Module):
    """Map from what is known of a polycrystal to its stiffness.

    Args:
        sizes: Sizes.
        seed: Random seed of the hidden layer; the last one starts at zero.
    """

    input_mean: Tensor
    input_scale: Tensor
    crystal_low: Tensor
    crystal_high: Tensor

    def __init__(self, sizes: TensorHeadSizes, seed: int = 0) -> None:
        """Make the layers, which give the plain weights until they are trained."""
        super().__init__()
        self.sizes = sizes
        self.out_of_distribution = OutOfDistributionScore(sizes.width, sizes.components)
        inputs, terms, real = len(INVARIANTS), len(TERMS), torch.float64
        self.register_buffer("input_mean", torch.zeros(inputs, dtype=real))
        self.register_buffer("input_scale", torch.ones(inputs, dtype=real))
        self.register_buffer("crystal_low", torch.zeros(2, dtype=real))
        self.register_buffer("crystal_high", torch.zeros(2, dtype=real))
        self.linear = nn.Linear(inputs, terms, dtype=real)
        self.hidden = nn.Linear(inputs, sizes.hidden, dtype=real)
        self.out = nn.Linear(sizes.hidden, terms, dtype=real)
        generator = torch.Generator().manual_seed(seed)
        nn.init.xavier_uniform_(self.hidden.weight, generator=generator)
        for parameter in (*self.linear.parameters(), self.hidden.bias, *self.out.parameters()):
            nn.init.zeros_(parameter)

    def inputs(self, invariants: Float[Tensor, "n invariants"]) -> Float[Tensor, "n invariants"]:
        """Standardise the invariants. [-]"""
        return (invariants - self.input_mean) / self.input_scale

    def forward(self, invariants: Float[Tensor, "n invariants"]) -> Float[Tensor, "n terms"]:
        """Return the weights of the terms. [-]"""
        inputs = self.inputs(invariants)
        plain = inputs.new_tensor(PLAIN)
        return plain + self.linear(inputs) + self.out(torch.tanh(self.hidden(inputs)))

    def crystal_gate(self, crystal: Elasticity) -> Float[Tensor, ""]:
        """Return 1 for crystals within the ranges of the training, falling over a factor of two.

        The training data hold cubic crystals only: 0 for all others.
        """
        if not isinstance(crystal, CubicElasticity):
            return self.crystal_low.new_zeros(())
        at = self.crystal_low.new_tensor(
            [math.log(crystal.zener), math.log(shear_over_bulk(crystal))]
        )
        outside = torch.maximum(self.crystal_low - at, at - self.crystal_high).clamp_min(0)
        return fade(1 + outside.max() / math.log(2))

    def stiffness(
        self, basis: StiffnessBasis, gate: Float[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n 6 6"]:
        """Predict the stiffness of polycrystals with a leading axis; gate None is 1. [MPa]"""
        weights = self(basis.invariants)
        estimate = basis.consistent + torch.einsum("nk,nkij->nij", weights, basis.terms)
        hill = basis.hill
        if gate is not None:
            estimate = hill + gate[:, None, None] * (estimate - hill)
        return clamp_between(estimate, basis.reuss, basis.voigt)


@dataclass(frozen=True, eq=False)
class StiffnessHead:
    """A fitted head that predicts the stiffness of polycrystals of one cubic crystal.

    Attributes:
        tensor: Tensor head.
        encoder: Fingerprint of the encoder whose latent vectors give the out-of-distribution score.
        about: Further content of `stiffness.json`: training, results.
    """

    tensor: TensorHead
    encoder: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def predict(
        self, rve: Polycrystal, elasticity: Elasticity | Mapping[str, Elasticity]
    ) -> Float[Tensor, "6 6"]:
        """Predict the Mandel stiffness of a polycrystal; see `FoundationModel.predict_stiffness`.

        Raises:
            ConvergenceError: if the self-consistent average does not converge.
            ValueError: if a phase has no crystal.
        """
        crystals = per_phase(elasticity, Elasticity, rve.phase, rve.phase_names, "elasticity")
        crystal, *others = dict.fromkeys(crystals.values())
        if others or not isinstance(crystal, CubicElasticity):
            _warn_of_hill(crystal, len(others) + 1)
            return hill_average(rve, elasticity)
        gate = self.tensor.crystal_gate(crystal)
        if float(gate) < 1:
            warnings.warn(
                f"The crystal's Zener ratio {crystal.zener:.3g} or its ratio of shear to bulk "
                "modulus is beyond those that the stiffness head was fitted to: the prediction "
                "tends to Hill's average.",
                stacklevel=3,
            )
        if not float(gate) > 0:
            return hill_average(rve, crystal)
        basis = StiffnessBasis(*(part[None] for part in stiffness_basis(rve, crystal)))
        return self.tensor.stiffness(basis, gate[None])[0]


def _warn_of_hill(crystal: Elasticity, count: int) -> None:
    """Say why the prediction is Hill's average: several crystals, or one that is not cubic."""
    if count > 1:
        reason = f"one crystal, but the polycrystal has {count}"
    else:
        reason = f"cubic crystals, but these are {elastic_symmetry(crystal)}"
    warnings.warn(
        f"The stiffness head was fitted to {reason}: the prediction is Hill's average; "
        "`self_consistent_average` takes any crystals.",
        stacklevel=4,
    )
