"""Measures of stress and strain, all computed from F and P.

    engineering   F - I,             P
    true          ln V = ½ ln F Fᵀ,  σ = P Fᵀ / det F
    equivalent    √(⅔ e : e),        √(3/2 s : s)

The true ones are the Hencky strain and the Cauchy stress; e and s are their deviators, and the
equivalents those of von Mises.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

AXES = {"x": 0, "y": 1, "z": 2}


def component_index(name: str) -> tuple[int, int]:
    """Return row and column, 0-based, of a component such as "xx" or "xy"."""
    if not isinstance(name, str) or len(name) != 2 or any(letter not in AXES for letter in name):
        raise ValueError(f"A component must be two of x, y, z, such as 'xx', but is {name!r}.")
    return AXES[name[0]], AXES[name[1]]


def cauchy_stress(
    F: Float[Tensor, "*batch 3 3"], P: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """Return the Cauchy stress P Fᵀ / det F, in the unit of P."""
    return P @ F.mT / torch.linalg.det(F)[..., None, None]


def hencky_strain(F: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the spatial Hencky strain ln V = ½ ln F Fᵀ. [-]"""
    squared, axes = torch.linalg.eigh(F @ F.mT)
    return axes @ torch.diag_embed(0.5 * squared.log()) @ axes.mT


def deviator(tensor: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the traceless part of second-order tensors."""
    mean = torch.einsum("...ii->...", tensor) / 3
    return tensor - mean[..., None, None] * torch.eye(3).to(tensor)


def von_mises_stress(cauchy: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """Return the von Mises equivalent stress √(3/2 s : s), in the unit of the stress."""
    return (1.5 * (deviator(cauchy) ** 2).sum((-2, -1))).sqrt()


def equivalent_strain(F: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """Return the von Mises equivalent √(⅔ e : e) of the Hencky strain of F, e its deviator. [-]"""
    return ((deviator(hencky_strain(F)) ** 2).sum((-2, -1)) / 1.5).sqrt()


class Measures:
    """Stress and strain in the usual measures, for a class with attributes F and P."""

    F: Float[Tensor, "*batch 3 3"]
    P: Float[Tensor, "*batch 3 3"]

    def strain(
        self, component: str = "xx", measure: str = "engineering"
    ) -> Float[Tensor, "*batch"]:
        """Return a component of the strain. [-]

        Args:
            component: Two of x, y, z, such as "xx" or "xy".
            measure: "engineering" for F_ij - δ_ij (the amount of shear where i ≠ j), "true" for
                the component of the Hencky strain ln V.
        Raises:
            ValueError: if the component or the measure is unknown.
        """
        i, j = component_index(component)
        return getattr(self, f"{_known(measure)}_strain")[..., i, j]

    def stress(
        self, component: str = "xx", measure: str = "engineering"
    ) -> Float[Tensor, "*batch"]:
        """Return a component of the stress. [MPa]

        Args:
            component: Two of x, y, z, such as "xx" or "xy".
            measure: "engineering" for the first Piola-Kirchhoff stress, "true" for the Cauchy
                stress.
        Raises:
            ValueError: if the component or the measure is unknown.
        """
        i, j = component_index(component)
        return getattr(self, f"{_known(measure)}_stress")[..., i, j]

    def cauchy(self) -> Float[Tensor, "*batch 3 3"]:
        """Return the Cauchy stress of the averages, P Fᵀ / det F. [MPa]"""
        return cauchy_stress(self.F, self.P)

    @property
    def engineering_strain(self) -> Float[Tensor, "*batch 3 3"]:
        """Displacement gradient F - I. [-]"""
        return self.F - torch.eye(3).to(self.F)

    @property
    def engineering_stress(self) -> Float[Tensor, "*batch 3 3"]:
        """First Piola-Kirchhoff stress P: force over undeformed area. [MPa]"""
        return self.P

    @property
    def true_strain(self) -> Float[Tensor, "*batch 3 3"]:
        """Hencky (logarithmic) strain ln V = ½ ln F Fᵀ. [-]"""
        return hencky_strain(self.F)

    @property
    def true_stress(self) -> Float[Tensor, "*batch 3 3"]:
        """Cauchy stress P Fᵀ / det F: force over deformed area. [MPa]"""
        return self.cauchy()

    @property
    def equivalent_strain(self) -> Float[Tensor, "*batch"]:
        """Von Mises equivalent √(⅔ e : e) of the true strain, e its deviator. [-]"""
        return equivalent_strain(self.F)

    @property
    def equivalent_stress(self) -> Float[Tensor, "*batch"]:
        """Von Mises equivalent √(3/2 s : s) of the true stress, s its deviator. [MPa]"""
        return von_mises_stress(self.true_stress)


def _known(measure: str) -> str:
    if measure not in ("engineering", "true"):
        raise ValueError(f"Argument `measure` must be 'engineering' or 'true', but is {measure!r}.")
    return measure


@dataclass(frozen=True, eq=False, repr=False)
class Averages(Measures):
    """Averages over parts of a volume, such as grains or phases, in every measure.

    Attributes:
        F: Average deformation gradients. [-]
        P: Average first Piola-Kirchhoff stresses. [MPa]
    """

    F: Float[Tensor, "*batch 3 3"]
    P: Float[Tensor, "*batch 3 3"]

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return f"Averages(shape={tuple(self.F.shape)})"
