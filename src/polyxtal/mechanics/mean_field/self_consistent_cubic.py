"""The self-consistent average of grains of one cubic crystal, faster than `self_consistent.py`.

Grains of one cubic crystal respond equally to a dilatation; of the five deviators, two are stiffer
or softer than the other three. In `STRAIN_BASIS`, with η = c11 - c12 - 2 c44 and the 5x2 matrix U_g
of these two, see `cubic_products`:

    C_g = 2 c44 I + η U_g U_gᵀ

So does every grain in a constraint C*, with M = 2 c44 I + C* common to all, and by Woodbury's
formula only 2x2 matrices are inverted for each grain:

    (C_g + C*)⁻¹ = M⁻¹ - η M⁻¹ U_g [I + η U_gᵀ M⁻¹ U_g]⁻¹ U_gᵀ M⁻¹

The medium's P couples deviators to the dilatation, but as C_g - C does not, only its 5x5 part P_d
matters: C* = P_d⁻¹ - C.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_basis
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.elastic.green import DEVIATORS, STRAIN_BASIS, acoustic_map
from polyxtal.mechanics.mean_field.polarization import ORDER, stretched_directions
from polyxtal.mechanics.mean_field.self_consistent_kernel import (
    cubic_products,
    held_products,
    mean_green,
    weighted_sums,
)

_PAIRS = (((0, 0),), ((1, 1),), ((2, 2),), ((1, 2), (2, 1)), ((0, 2), (2, 0)), ((0, 1), (1, 0)))
_ROW, _COLUMN = np.tril_indices(DEVIATORS)
_EYE = np.eye(DEVIATORS)


class CubicGrains(NamedTuple):
    """Grains of one cubic crystal.

    Attributes:
        products: See `cubic_products`. (15, 3, grains)
        fractions: Volume fractions. [-]
        crystal: Their elasticity.
    """

    products: np.ndarray
    fractions: np.ndarray
    crystal: CubicElasticity

    @classmethod
    def of(
        cls,
        orientations: Float[Tensor, "grains 4"],
        fractions: Float[Tensor, " grains"],
        crystal: CubicElasticity,
    ) -> CubicGrains:
        """Return grains of given orientations [-] and volume fractions [-]."""
        return cls(cubic_products(orientations.numpy()), fractions.numpy(), crystal)

    @property
    def contrast(self) -> float:
        """η = c11 - c12 - 2 c44. [MPa]"""
        return self.crystal.c11 - self.crystal.c12 - 2 * self.crystal.c44

    @property
    def dilatation(self) -> float:
        """Stiffness of the sixth component, three bulk moduli. [MPa]"""
        return 3 * self.crystal.bulk_modulus

    def mean_projector(self) -> Float[np.ndarray, "5 5"]:
        """Σ_g f_g U_g U_gᵀ: 2/5 of the unit matrix in a random texture. [-]"""
        squares = self.products[:, 0] + self.products[:, 2]
        return _unpacked(weighted_sums(squares, self.fractions))

    def bounds(self) -> tuple[Float[np.ndarray, "5 5"], Float[np.ndarray, "5 5"]]:
        """Return the deviatoric parts of Voigt's and of Reuss's average. [MPa]"""
        mean, soft = self.mean_projector(), 2 * self.crystal.c44
        voigt = soft * _EYE + self.contrast * mean
        compliance = _EYE / soft + (1 / (soft + self.contrast) - 1 / soft) * mean
        reuss = np.linalg.inv(compliance)
        return voigt, 0.5 * (reuss + reuss.T)

    def held(self, constraint: Float[np.ndarray, "5 5"]) -> tuple[np.ndarray, np.ndarray]:
        """Return M⁻¹, and U_g [I + η U_gᵀ M⁻¹ U_g]⁻¹ U_gᵀ as lower triangles, (15, grains)."""
        inverse = np.linalg.inv(2 * self.crystal.c44 * _EYE + constraint)
        out = np.empty((len(_ROW), len(self.fractions)))
        held_products(self.products, inverse[_ROW, _COLUMN], self.contrast, out)
        return inverse, out

    def average(self, constraint: Float[np.ndarray, "5 5"]) -> Float[np.ndarray, "5 5"]:
        """Return the average of grains under a constraint C*: [Σ f (C_g + C*)⁻¹]⁻¹ - C*. [MPa]"""
        inverse, held = self.held(constraint)
        mean = _unpacked(weighted_sums(held, self.fractions))
        average = np.linalg.inv(inverse - self.contrast * inverse @ mean @ inverse) - constraint
        return 0.5 * (average + average.T)

    def scattering(
        self, medium: Float[np.ndarray, "5 5"], polarization: Float[np.ndarray, "5 5"]
    ) -> Float[np.ndarray, "15 grains"]:
        """Return T_g = P⁻¹ - P⁻¹ (C_g + C*)⁻¹ P⁻¹ minus its mean, as lower triangles. [MPa]"""
        yielding = np.linalg.inv(polarization)
        inverse, held = self.held(yielding - medium)
        b = yielding @ inverse
        outer = b[_ROW][:, _ROW] * b[_COLUMN][:, _COLUMN]
        swapped = b[_ROW][:, _COLUMN] * b[_COLUMN][:, _ROW]
        turn = self.contrast * (outer + np.where(_ROW == _COLUMN, 0.0, swapped))
        held -= weighted_sums(held, self.fractions)[:, None]
        return turn @ held


class CubicMedium:
    """The iteration of `self_consistent_medium` for grains of one cubic crystal and one shape."""

    def __init__(
        self, grains: CubicGrains, extents: Float[Tensor, "3"], order: int = ORDER
    ) -> None:
        """Tabulate the directions of the ellipsoid."""
        self.grains = grains
        points, share = stretched_directions(extents, order)
        self.points, self.share = points.mT.contiguous().numpy(), share.numpy()

    def whole(self, medium: Float[np.ndarray, "5 5"]) -> Float[np.ndarray, "6 6"]:
        """Return the stiffness of five deviators with that of the dilatation. [MPa]"""
        full = np.zeros((6, 6))
        full[:DEVIATORS, :DEVIATORS] = medium
        full[DEVIATORS, DEVIATORS] = self.grains.dilatation
        return full

    def polarization(self, medium: Float[np.ndarray, "5 5"]) -> Float[np.ndarray, "6 6"]:
        """Return P in `STRAIN_BASIS`, see `polarization_tensor`. [1/MPa]"""
        acoustic = acoustic_of(self.whole(medium))
        mean = mean_green(self.points, self.share, acoustic.ravel())
        return (_maps()[1] @ mean.ravel()).reshape(6, 6)

    def settle(self, tolerance: float, iterations: int) -> tuple[Float[np.ndarray, "5 5"], bool]:
        """Iterate from Hill's average; return the medium and whether it converged."""
        voigt, reuss = self.grains.bounds()
        medium = 0.5 * (voigt + reuss)
        for _ in range(iterations):
            yielding = self.polarization(medium)[:DEVIATORS, :DEVIATORS]
            update = self.grains.average(np.linalg.inv(yielding) - medium)
            change = float(np.linalg.norm(update - medium))
            medium = update
            if change <= tolerance * math.hypot(np.linalg.norm(update), self.grains.dilatation):
                return medium, True
        return medium, False

    def softened(
        self,
        medium: Float[np.ndarray, "5 5"],
        polarization: Float[np.ndarray, "6 6"],
        factor: float,
    ) -> Float[np.ndarray, "5 5"]:
        """Return the average for the constraint, of all six components, times a factor. [MPa]"""
        whole = np.linalg.inv(polarization) * factor + self.whole(medium) * (1 - factor)
        yielding = np.linalg.inv(whole)[:DEVIATORS, :DEVIATORS]
        return self.grains.average(np.linalg.inv(yielding) - medium)


def _unpacked(entries: np.ndarray) -> np.ndarray:
    full = np.empty((DEVIATORS, DEVIATORS))
    full[_ROW, _COLUMN] = entries
    full[_COLUMN, _ROW] = entries
    return full


def acoustic_of(whole: Float[np.ndarray, "6 6"]) -> Float[np.ndarray, "6 6"]:
    """Return `acoustic_map` of a stiffness in `STRAIN_BASIS`."""
    return (_maps()[0] @ whole.ravel()).reshape(6, 6)


@lru_cache(maxsize=1)
def _maps() -> tuple[np.ndarray, np.ndarray]:
    """Return two 36x36 matrices: from C to its `acoustic_map`, and from `mean_green` to P."""
    units = torch.eye(36, dtype=torch.float64).view(36, 6, 6)
    stiffness = STRAIN_BASIS.mT @ (0.5 * (units + units.mT)) @ STRAIN_BASIS
    to_acoustic = torch.stack([acoustic_map(c).ravel() for c in stiffness], 1).numpy()
    basis = torch.einsum("mn,nij->mij", STRAIN_BASIS, mandel_basis(torch.float64)).numpy()
    to_polarization = np.zeros((6, 6, 6, 6))
    for p, green in enumerate(_PAIRS):
        for d, dyad in enumerate(_PAIRS):
            for i, j in green:
                for a, b in dyad:
                    to_polarization[:, :, p, d] += np.outer(basis[:, i, a], basis[:, j, b])
    return np.ascontiguousarray(to_acoustic), to_polarization.reshape(36, 36)
