"""A periodic cell of voxels in equilibrium, taken from one time step to the next.

    F = F̄ + Grad u,   Div P(F) = 0,   <F> = F̄ and <P> prescribed component by component

u is periodic; its coefficients v̂ and the frequencies k are those of `green.py`, so that

    Grad u → v̂ ⊗ k,   Div P → P̂ k

Newton's method linearises the law at every voxel, ∂P/∂F : δF; conjugate gradients solve for the
displacements and the free components of F̄ at once, preconditioned by a reference medium, the
average of the undeformed cell's stiffness. They run in single precision: they only need to give
Newton a good step, and equilibrium itself is always judged in double.

A tangent costs about half as much as solving the law. It serves further steps for as long as it
brings the residual down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from polyxtal.mechanics.elastic.green import Frequencies, invert_acoustic
from polyxtal.mechanics.fullfield.cell_law import CellLaw
from polyxtal.mechanics.fullfield.krylov import conjugate_gradients
from polyxtal.mechanics.fullfield.predictor import Predictor
from polyxtal.mechanics.loading.stepping import StepResult

STRAIN_FLOOR = 1e-7
"""Stresses are compared with no less than that of this elastic strain. [-]"""
MAX_ITERATIONS = 20
MAX_KRYLOV_ITERATIONS = 500
LINEAR_TOLERANCE = 0.05
"""Linear systems are solved to this share of their right-hand side, or as far as the step needs."""
SLOW = 0.1
"""A tangent that reduces the residual by less is made anew. [-]"""
DIVERGED = 1e3
"""A residual that grows by this factor has no chance. [-]"""
DIMENSIONS = (1, 2, 3)
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class Imbalance(NamedTuple):
    """What is missing to equilibrium.

    Attributes:
        force: P̂ k.
        mean_stress: <P>. [MPa]
        error: The largest of: rms of P̂ k / |k|, the stress out of balance; the mean stresses
            out of what is prescribed; both over the rms of P. [-]
    """

    force: Complex[Tensor, "3 nx ny nz_half"]
    mean_stress: Float[Tensor, "9"]
    error: float


class PeriodicCell:
    """A cell that can be taken along a load path (a `Stepper`)."""

    def __init__(
        self,
        law: CellLaw,
        grid: tuple[int, int, int],
        spacing: tuple[float, float, float],
        scheme: str,
        tolerance: float,
    ) -> None:
        """Start undeformed and free of stress."""
        self.law, self.grid, self.tolerance = law, grid, tolerance
        device = law.piola.device
        frequencies = Frequencies.of_grid(grid, spacing, scheme, torch.float64, device)
        self._k, self._weight = frequencies.mesh(), frequencies.weight
        self._k_single, self._weight_single = self._k.float(), self._weight.float()
        squared = (self._k**2).sum(0)
        self._inverse_square = torch.where(squared > 0, 1 / squared.clamp_min(1e-300), 0.0)
        self._shape = (3, *self._k.shape[1:])
        self._mean = torch.eye(3, dtype=torch.float64, device=device).reshape(9)
        self._displacement = torch.zeros(self._shape, dtype=torch.complex128, device=device)
        self._deformation = self._deform()
        self._accepted = self._unknowns()
        self._accepted_stress = torch.zeros(9, dtype=torch.float64, device=device)
        self._accepted_fields = self._deformation, law.piola.clone()
        self._predictor = Predictor()
        self._mean_stress = self._accepted_stress
        self._attempted = (0.0, True)
        self._tangent_is_slow = False
        law.evaluate(self._deformation, 0.0, with_tangent=True)
        stiffness = law.mean_tangent()
        self._green = green_of_tangent(self._k, stiffness).float()
        self._stress_floor = STRAIN_FLOOR * float(stiffness.diagonal().mean())
        self.krylov_iterations = self.evaluations = self.tangents = 0

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted volume averages F [-] and P [MPa], (3, 3) each."""
        mean, stress = self._accepted["mean"], self._accepted_stress
        return mean.reshape(3, 3).cpu().numpy().copy(), stress.reshape(3, 3).cpu().numpy().copy()

    def deformation(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted F of every voxel. [-]"""
        return self._accepted_fields[0].mT.reshape(-1, 3, 3)

    def stress(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted P of every voxel. [MPa]"""
        return self._accepted_fields[1].mT.reshape(-1, 3, 3)

    def orientations(self) -> Float[Tensor, "voxels 4"]:
        """Return the accepted rotation of F_e of every voxel; anything in voids. [-]"""
        return self.law.orientations(self._accepted_fields[0])

    def attempt(
        self, dt: float, goal: np.ndarray, stress_controlled: np.ndarray, new_direction: bool
    ) -> StepResult:
        """Try to reach the goal from the accepted state."""
        target = torch.from_numpy(goal.reshape(9)).to(self._mean)
        free = torch.from_numpy(stress_controlled.reshape(9)).to(self._mean.device)
        elastic_start = new_direction or not self._predictor.ready
        self._attempted = (dt, elastic_start)
        if elastic_start:
            self._take(self._accepted)
            solved = self._evaluate(0.0, with_tangent=True)
        else:
            self._take(self._predictor.predict(self._accepted, dt))
            self._mean = torch.where(free, self._mean, target)
            solved = self._evaluate(dt, with_tangent=self._tangent_is_slow)
        fresh = elastic_start or self._tangent_is_slow
        error = first = float("inf")
        for iteration in range(1, MAX_ITERATIONS + 1):
            if not solved:
                return StepResult(False, iteration, error, crystal_failed=True)
            imbalance = self._imbalance(target, free)
            before, error = error, imbalance.error
            done_elastically = elastic_start and iteration == 1
            if not done_elastically:
                if error <= self.tolerance:
                    self._tangent_is_slow = iteration > 2
                    self._mean_stress = imbalance.mean_stress
                    return StepResult(True, iteration, error)
                first = min(first, error) if math.isfinite(first) else error
                if not error < DIVERGED * first:
                    return self._give_up(iteration, error)
                if not fresh and error > SLOW * before and math.isfinite(before):
                    self._evaluate(dt, with_tangent=True)
            self._correct(imbalance, target, free)
            solved, fresh = self._evaluate(dt, with_tangent=False), False
        return self._give_up(MAX_ITERATIONS, error)

    def _give_up(self, iterations: int, error: float) -> StepResult:
        self._tangent_is_slow = True
        return StepResult(False, iterations, error)

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        dt, elastic_start = self._attempted
        self.law.accept()
        reached = self._unknowns()
        self._predictor.accept(self._accepted, reached, dt, elastic_start)
        self._accepted = reached
        self._accepted_stress = self._mean_stress
        self._accepted_fields = self._deformation, self.law.piola.clone()

    def _unknowns(self) -> dict[str, Tensor]:
        guess = {name: field.clone() for name, field in self.law.guess.items()}
        return {"mean": self._mean, "displacement": self._displacement, **guess}

    def _take(self, unknowns: Mapping[str, Tensor]) -> None:
        self._mean, self._displacement = unknowns["mean"], unknowns["displacement"]
        for name in self.law.guess:
            self.law.guess[name] = unknowns[name].clone()

    def _deform(self) -> Float[Tensor, "9 voxels"]:
        """Find F of every voxel."""
        fluctuation = self._gradient(self._displacement, self._k)
        return fluctuation.add_(self._mean[:, None])

    def _gradient(self, displacement: Tensor, k: Tensor) -> Float[Tensor, "9 voxels"]:
        modes = (displacement[:, None] * k).flatten(0, 1)
        real = torch.fft.irfftn(modes, s=self.grid, dim=DIMENSIONS, norm="forward")
        return real.reshape(9, -1)

    def _force(self, stress: Float[Tensor, "9 voxels"], k: Tensor) -> tuple[Tensor, Tensor]:
        """Return P̂ k and <P>."""
        modes = torch.fft.rfftn(stress.view(9, *self.grid), dim=DIMENSIONS, norm="forward")
        force = (modes.view(3, 3, *self._shape[1:]) * k).sum(1)
        return force, modes[:, 0, 0, 0].real

    def _evaluate(self, dt: float, with_tangent: bool) -> bool:
        self.evaluations += 1
        self.tangents += with_tangent
        self._deformation = self._deform()
        return self.law.evaluate(self._deformation, dt, with_tangent)

    def _imbalance(self, target: Tensor, free: Bool[Tensor, "9"]) -> Imbalance:
        stress = self.law.piola
        force, mean = self._force(stress, self._k)
        rms = max(
            float(torch.linalg.vector_norm(stress)) / stress.shape[1] ** 0.5, self._stress_floor
        )
        out_of_balance = (torch.view_as_real(force) ** 2).sum((0, -1)) * self._inverse_square
        local = float((out_of_balance * self._weight).sum()) ** 0.5
        macroscopic = float(torch.where(free, target - mean, 0.0).abs().max())
        error = max(local, macroscopic) / rms
        return Imbalance(force, mean, error if math.isfinite(error) else float("inf"))

    def _correct(self, imbalance: Imbalance, target: Tensor, free: Bool[Tensor, "9"]) -> None:
        """Add Newton's step to displacement and mean."""
        system = LinearisedCell(self, free)
        gap = torch.where(free, 0.0, target - self._mean)
        right = system.pack(-imbalance.force, (target - imbalance.mean_stress)[free])
        if bool(gap.any()):
            uniform = gap.float()[:, None].expand(9, self.law.piola.shape[1]).contiguous()
            force, mean = self._force(self.law.multiply(uniform), self._k_single)
            right -= system.pack(force, mean[free])
        enough = 0.3 * self.tolerance / max(imbalance.error, 1e-300)
        solution = conjugate_gradients(
            system.apply,
            system.precondition,
            system.inner,
            right,
            min(max(LINEAR_TOLERANCE, enough), 0.3),
            MAX_KRYLOV_ITERATIONS,
        )
        self.krylov_iterations += solution.iterations
        displacement, mean = system.unpack(solution.x)
        self._displacement = self._displacement + displacement.to(torch.complex128)
        change = torch.zeros_like(self._mean)
        change[free] = mean.to(torch.float64)
        self._mean = torch.where(free, self._mean + change, target)

    def state(self) -> dict[str, Tensor]:
        """Return all that a checkpoint must keep of the accepted state."""
        kept = {f"accepted/{name}": field for name, field in self._accepted.items()}
        kept |= {f"law/{name}": field for name, field in self.law.state().items()}
        kept |= {f"predictor/{name}": field for name, field in self._predictor.state().items()}
        kept["mean_stress"], kept["piola"] = self._accepted_stress, self._accepted_fields[1]
        work = (self.evaluations, self.tangents, self.krylov_iterations)
        kept["work"] = torch.tensor(work)
        kept["tangent_is_slow"] = torch.tensor(int(self._tangent_is_slow))
        return kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned."""

        def part(prefix: str) -> dict[str, Tensor]:
            device = self._mean.device
            return {
                name.removeprefix(prefix): field.to(device)
                for name, field in state.items()
                if name.startswith(prefix)
            }

        self.law.restore(part("law/"))
        self._predictor.restore(part("predictor/"))
        self._accepted = part("accepted/")
        self._take(self._accepted)
        self._accepted_stress = state["mean_stress"].to(self._mean.device)
        self._tangent_is_slow = bool(state["tangent_is_slow"])
        self.evaluations, self.tangents, self.krylov_iterations = state["work"].tolist()
        self._deformation = self._deform()
        self._accepted_fields = self._deformation, state["piola"].to(self._mean.device)


class LinearisedCell:
    """Newton's linear system: unknowns are v̂ and the free components of F̄, as one flat vector."""

    def __init__(self, cell: PeriodicCell, free: Bool[Tensor, "9"]) -> None:
        """Prepare the linear system of the tangents that the law holds now."""
        self._cell, self._free = cell, free
        self._modes = 2 * math.prod(cell._shape)
        tangent = cell.law.mean_tangent()
        tangent = 0.5 * (tangent + tangent.mT)
        kept = tangent[free][:, free]
        self._compliance = torch.linalg.pinv(kept, hermitian=True).float()
        ones = cell._weight_single.new_ones(int(free.sum()))
        weight = cell._weight_single[:, None].expand(*cell._shape, 2).reshape(-1)
        self._weight = torch.cat([weight, ones])

    def pack(self, modes: Tensor, mean: Tensor) -> Float[Tensor, "n"]:
        """Flatten coefficients and mean components into single precision."""
        return torch.cat([torch.view_as_real(modes).reshape(-1).float(), mean.float()])

    def unpack(self, x: Float[Tensor, "n"]) -> tuple[Tensor, Tensor]:
        """Undo `pack`."""
        modes = x[: self._modes].view(*self._cell._shape, 2)
        return torch.view_as_complex(modes), x[self._modes :]

    def inner(self, x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> float:
        """Work of a force on a displacement, by Parseval."""
        return float(torch.dot(x * self._weight, y))

    def apply(self, x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Linearised response: force and mean stress of a change of displacement and mean."""
        cell = self._cell
        displacement, mean = self.unpack(x)
        gradient = cell._gradient(displacement, cell._k_single)
        gradient[self._free] += mean[:, None]
        force, stress = cell._force(cell.law.multiply(gradient), cell._k_single)
        return self.pack(force, stress[self._free])

    def precondition(self, x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Solve the system of the reference medium."""
        force, stress = self.unpack(x)
        xx, yy, zz, yz, xz, xy = self._cell._green
        rows = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
        modes = [a * force[0] + b * force[1] + c * force[2] for a, b, c in rows]
        return self.pack(torch.stack(modes), self._compliance @ stress)


def green_of_tangent(
    k: Float[Tensor, "3 nx ny nz_half"], tangent: Float[Tensor, "9 9"]
) -> Float[Tensor, "6 nx ny nz_half"]:
    """Invert K_in = A_ijnm k_j k_m, components as in `green.acoustic_map`.

    Args:
        k: Frequencies.
        tangent: A = ∂P/∂F, symmetric, of a stable medium.
    """
    a = tangent.reshape(3, 3, 3, 3)
    row, column = torch.tensor(_PAIRS, device=a.device).unbind(1)
    i, n, j, m = row[:, None], column[:, None], row, column
    both = a[i, j, n, m] + a[n, j, i, m] + a[i, m, n, j] + a[n, m, i, j]
    return invert_acoustic(k, both * torch.where(j == m, 0.25, 0.5))
