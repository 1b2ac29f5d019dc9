"""Newton's linear system of a periodic cell."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.fullfield.cell_law import CellLaw
from polyxtal.mechanics.fullfield.fourier import FourierGrid


class LinearisedCell:
    """Newton's linear system; the unknowns v̂ and the free components of F̄ form one flat vector.

    Args:
        law: The law of the voxels, with the tangents of the last evaluation.
        grid: Frequencies, single precision.
        green: `green_of_tangent` of the reference medium, single precision. [1/MPa]
        free: Unit tensors along which the mean stress is prescribed.
        damping: Stiffness to add to every tangent, single precision; None for Newton's own system.
            [MPa]
    """

    def __init__(
        self,
        law: CellLaw,
        grid: FourierGrid,
        green: Float[Tensor, "6 nx ny nz_half"],
        free: Float[Tensor, "free 9"],
        damping: Float[Tensor, "9 9"] | None = None,
    ) -> None:
        """Prepare the preconditioner and the weights of inner products."""
        self.law, self.grid, self.green, self.free = law, grid, green, free.float()
        self._touched = (self.free != 0).any(0)  # components of the mean F that may change
        self.damping = damping
        self._shape = grid.k.shape
        self._modes = 2 * math.prod(self._shape)
        tangent = law.mean_tangent()
        if damping is not None:
            tangent = tangent + damping
        tangent = 0.5 * (tangent + tangent.mT)
        kept = free @ tangent @ free.T
        self._compliance = torch.linalg.pinv(kept, hermitian=True).float()
        ones = grid.weight.new_ones(len(free))
        weight = grid.weight[:, None].expand(*self._shape, 2).reshape(-1)
        self._weight = torch.cat([weight, ones])

    def pack(self, modes: Tensor, mean: Tensor) -> Float[Tensor, " n"]:
        """Flatten coefficients and mean components into single precision."""
        return torch.cat([torch.view_as_real(modes).reshape(-1).float(), mean.float()])

    def unpack(self, x: Float[Tensor, " n"]) -> tuple[Tensor, Tensor]:
        """Undo `pack`."""
        modes = x[: self._modes].view(*self._shape, 2)
        return torch.view_as_complex(modes), x[self._modes :]

    def inner(self, x: Float[Tensor, " n"], y: Float[Tensor, " n"]) -> float:
        """Return the work of a force on a displacement, by Parseval's theorem."""
        return float(torch.dot(x * self._weight, y))

    def apply(self, x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the change of force and mean stress for a change of displacement and mean F."""
        displacement, mean = self.unpack(x)
        gradient = self.grid.gradient(displacement)
        gradient[self._touched] += (mean @ self.free)[self._touched, None]
        response = self.law.multiply(gradient)
        if self.damping is not None:
            response.addmm_(self.damping, gradient)
        force, stress = self.grid.force(response)
        return self.pack(force, self.free @ stress)

    def precondition(self, x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Solve the system of the reference medium."""
        force, stress = self.unpack(x)
        xx, yy, zz, yz, xz, xy = self.green
        rows = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
        modes = [a * force[0] + b * force[1] + c * force[2] for a, b, c in rows]
        return self.pack(torch.stack(modes), self._compliance @ stress)
