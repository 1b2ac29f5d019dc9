"""Orientation density functions: weighted kernels and a uniform part, of any Laue group."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.randomness import as_generator
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, Texture, unit_quaternions
from polyxtal.texture.kernel_density import kernel_density
from polyxtal.texture.kernels import DE_LA_VALLEE_POUSSIN, RotationKernel
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.zone import as_group

SAMPLE_SYMMETRIES = {
    "triclinic": LaueGroup("-1"),
    "monoclinic": LaueGroup("2/m"),
    "orthorhombic": LaueGroup("mmm"),
}
"""Rotations of the sample by the name of its symmetry; the monoclinic two-fold axis is y."""


class ODF(Texture):
    """An orientation density: a weighted sum of kernels, and a uniform part.

        f(q) = u + (1 - u) Σ_c w_c mean_p,s K(ω(p q s, q_c)),   Σ_c w_c = 1

    with the mean over the rotations p of the sample and s of the crystal.

    Attributes:
        centres: Unit quaternions q_c. [-]
        weights: Share w_c of each; they sum to 1. [-]
        kernel: Kernel K, with its half-width.
        uniform: Share u of random orientations. [-]
        laue: Laue group of the crystals.
        sample_symmetry: triclinic, monoclinic (two-fold axis y) or orthorhombic.

    Args:
        centres: Unit quaternions, v_sample = R(q) v_crystal. [-]
        weights: Volume of each in any unit (default: equal).
        halfwidth: Angle at which the kernel has dropped to half, 0.1° to 90°. [rad]
        laue: Laue group of the crystals, or its name.
        sample_symmetry: Symmetry of the sample, by which the density is symmetrised.
        uniform: Share of random orientations, 0 to 1. [-]
        kernel: "de la Vallee Poussin" or "von Mises-Fisher".
    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import polyxtal as px
        >>> odf = px.ODF([[1, 0, 0, 0]], [1.0], halfwidth=0.2, uniform=0.5)
        >>> [round(float(f), 2) for f in odf.density(odf.centres)]
        [22.1]
    """

    def __init__(
        self,
        centres: ArrayLike | Tensor,
        weights: ArrayLike | Tensor | None = None,
        halfwidth: float = DEFAULT_HALFWIDTH,
        laue: str | LaueGroup = CUBIC,
        sample_symmetry: str = "triclinic",
        uniform: float = 0.0,
        kernel: str = DE_LA_VALLEE_POUSSIN,
    ) -> None:
        """Check the arguments and scale the weights."""
        self.laue = as_group(laue)
        self.centres = normalize_quaternion(unit_quaternions("centres", centres))
        given = None if weights is None else number_tensor(weights, "weights")
        self.weights = volume_shares(self.centres, given)
        self.kernel = RotationKernel(float_of(halfwidth, "halfwidth"), kernel)
        require_type(sample_symmetry, str, "sample_symmetry")
        if sample_symmetry not in SAMPLE_SYMMETRIES:
            raise ValueError(
                f"Argument `sample_symmetry` must be one of {', '.join(SAMPLE_SYMMETRIES)}, "
                f"but is {sample_symmetry!r}."
            )
        self.sample_symmetry = sample_symmetry
        self.uniform = float_of(uniform, "uniform")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"Argument `uniform` must be a share of 0 to 1, but is {uniform:g}.")

    @property
    def halfwidth(self) -> float:
        """Half-width of the kernel. [rad]"""
        return self.kernel.halfwidth

    @property
    def sample_rotations(self) -> Float[Tensor, "order 4"]:
        """Rotations of the sample's symmetry; the identity comes first."""
        return SAMPLE_SYMMETRIES[self.sample_symmetry].rotations

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the density f(q). [multiples of random]"""
        centres, weights = self._copies()
        kernels = kernel_density(
            orientations, centres, weights, self.halfwidth, self.laue, self.kernel.density
        )
        return self.uniform + (1 - self.uniform) * kernels

    def pole_density(
        self, crystal: Float[Tensor, "*grid 3"] | Sequence[float], sample: Float[Tensor, "*grid 3"]
    ) -> Float[Tensor, "*grid"]:
        """Return the density of crystal directions ±h along sample directions r.

        Args:
            crystal: Unit direction h in Cartesian crystal axes, or one for each r. [-]
            sample: Unit directions r, or one for all h. [-]
        Returns:
            Mean of f over all q that take h or -h to r, of mean 1. [multiples of random]
        """
        h, r = number_tensor(crystal, "crystal"), number_tensor(sample, "sample")
        h, r = (v / v.norm(dim=-1, keepdim=True) for v in torch.broadcast_tensors(h, r))
        centres, weights = self._copies()
        turned = quaternion_to_matrix(centres)
        rotations = quaternion_to_matrix(self.laue.rotations)
        total = torch.zeros(h.shape[:-1].numel(), dtype=torch.float64)
        flat_h, flat_r = h.reshape(-1, 3), r.reshape(-1, 3)
        for s in rotations:
            # h . s^T R(c)^T r for all pairs of direction and centre
            moved = flat_h @ s.T
            seen = torch.einsum("cij,ni->ncj", turned, flat_r)
            cosine = torch.einsum("ncj,nj->nc", seen, moved)
            both = self.kernel.pole_density(cosine) + self.kernel.pole_density(-cosine)
            total += 0.5 * both @ weights / len(rotations)
        return self.uniform + (1 - self.uniform) * total.reshape(h.shape[:-1])

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw from the component whose interval of [0, 1) holds the place."""
        ends = torch.cat([(1 - self.uniform) * self.weights.cumsum(0), torch.ones(1).double()])
        index = torch.searchsorted(ends, place, right=True)
        q = random_quaternions(len(place), generator)
        kernel = index < len(self.centres)
        count = int(kernel.sum())
        about = self.centres[index[kernel]]
        turn = torch.randint(len(self.sample_rotations), (count,), generator=generator)
        about = quaternion_multiply(self.sample_rotations[turn], about)
        q[kernel] = quaternion_multiply(about, self.kernel.draw(count, as_generator(generator)))
        return q

    def _copies(self) -> tuple[Tensor, Tensor]:
        """Return the centres and their copies by sample symmetry, with weights."""
        rotations = self.sample_rotations
        copies = quaternion_multiply(rotations[:, None], self.centres[None]).reshape(-1, 4)
        return copies, self.weights.repeat(len(rotations)) / len(rotations)


def float_of(value: float, argument: str) -> float:
    """Return a number of any type as a float.

    Raises:
        ValueError: if it is no number, or not finite.
    """
    require_number(value, argument)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"Argument `{argument}` must be finite, but is {number}.")
    return number
