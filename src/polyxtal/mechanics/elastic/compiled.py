"""Conjugate gradients for the cell problem with compiled loops on CPU, two load cases at a time.

The map from loads to stresses is linear with real coefficients. Two load cases a and b are
therefore solved as one complex field a + i b, by the same loops: one complex FFT takes less time
than two real ones, and the stiffness is read once for both. Both share one Krylov space (α and β
minimise the sum of their energies) and stop when both have converged. A single case takes real
FFTs.

More than two cases at a time do not fit the caches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.fft_memory import keep_freed_memory
from polyxtal.algebra.threads import few_threads
from polyxtal.mechanics.elastic.cell_problem import CellProblem, CellSolution
from polyxtal.mechanics.elastic.green import acoustic_map
from polyxtal.mechanics.elastic.kernel import advance, constants, descend, energy, pack, unpack
from polyxtal.mechanics.elastic.law_kernel import BLOCK, lay_out, stress_of_strain

DIMENSIONS = (1, 2, 3)


def pairs(coefficients: Tensor) -> np.ndarray:
    """View complex coefficients as pairs of reals along the last axis."""
    return torch.view_as_real(coefficients).flatten(-2).numpy()


def stiffness_field(problem: CellProblem, dtype: torch.dtype) -> np.ndarray:
    """Return the stiffness of the voxels over their number, in the blocks that kernels read."""
    grains = problem.grain_id.reshape(-1).numpy()
    table = (problem.packed_table().mT / len(grains)).to(dtype).contiguous().numpy()
    field = np.zeros((-(-len(grains) // BLOCK), len(table) * BLOCK), table.dtype)
    lay_out(table, grains, field)
    return field


class Medium:
    """Data that all load cases of a problem share."""

    def __init__(self, problem: CellProblem, scheme: str, dtype: torch.dtype) -> None:
        """Tabulate the stiffness, and the frequencies for half and for all of z."""
        self.problem, self.dtype = problem, dtype
        self.complex_type = torch.complex64 if dtype == torch.float32 else torch.complex128
        self.stiffness = stiffness_field(problem, dtype)
        self.scratch = np.zeros_like(self.stiffness[0])
        self.number = self.stiffness.dtype.type
        self.acoustic = acoustic_map(problem.reference).to(dtype).ravel().numpy()
        (sx, sy, sz), (cx, cy, cz), weight = problem.frequencies(scheme, dtype)
        self.half = self._arguments(sx, cx, sy, cy, sz, cz, weight)
        rest = slice(1, (problem.grid[2] + 1) // 2)
        sz, cz = torch.cat([sz, -sz[rest].flip(0)]), torch.cat([cz, cz[rest].flip(0)])
        self.all = self._arguments(sx, cx, sy, cy, sz, cz, torch.ones_like(sz))
        self.cosines = cx.numpy(), cy.numpy(), cz.numpy()

    def _arguments(self, *tables: Tensor) -> tuple[Any, ...]:
        double = [table.repeat_interleave(2) for table in tables[4:]]
        every = tuple(table.numpy() for table in (*tables[:4], *double))
        rows = np.zeros((1, len(every[-1])), every[-1].dtype)
        return every, self.acoustic, constants(rows.dtype), rows

    def modes(self, *components: int, half: bool = True) -> Tensor:
        """Return unset coefficients, for half or all of z."""
        nx, ny, nz = self.problem.grid
        shape = *components, nx, ny, nz // 2 + 1 if half else nz
        return torch.empty(shape, dtype=self.complex_type)


class CaseSolver:
    """The conjugate gradient method for one load case, or for two as one complex field."""

    def __init__(self, medium: Medium, paired: bool) -> None:
        """Allocate the fields that an iteration overwrites."""
        self.medium, self.paired, self.transforms = medium, paired, 0
        self.rest = medium.all if paired else medium.half
        self.strain = medium.modes(medium.problem.components, half=not paired)
        self.direction = medium.modes(3, half=not paired)
        self.displacement = torch.empty_like(self.direction)
        self.residual = torch.empty_like(self.direction)

    def solve(
        self,
        cases: slice,
        displacement: Tensor,
        residual: Tensor,
        tolerance: float,
        max_iterations: int,
        start: Tensor | None,
        on_iteration: Callable[[float], None] | None,
    ) -> tuple[list[np.ndarray], list[float], int]:
        """Solve one or two load cases from `start` into `displacement` and `residual`.

        Returns:
            Mean stress and relative residual of every case, iterations.
        """
        number, bulk = self.medium.number, self.medium.problem.bulk
        norms = self.medium.problem.load_norms()[cases].tolist()
        v, r = pairs(self.displacement.zero_()), pairs(self.residual.zero_())
        stress, _ = self._stress(self._initial_strain(cases.start, start))
        p = pairs(self.direction)
        mean = _mean(stress)
        # The first step is a whole one from v = 0 to the start, and leaves the residual there.
        squared = advance(number(1), number(bulk), pairs(stress), p, r, v, *self.rest)
        beta, iterations = 0.0, 0
        seen: list[float] = []
        errors = self._errors(squared, norms, residual, tolerance)
        while not max(errors) <= tolerance:
            if iterations == max_iterations or not math.isfinite(max(errors)):
                raise not_converged(iterations, max(errors), tolerance)
            dilatation = descend(r, p, number(beta), pairs(self.strain), *self.rest)
            stress, work = self._stress(self._real_strain())
            alpha, last = squared / (work + bulk * dilatation), squared
            mean += alpha * _mean(stress)
            squared = advance(number(alpha), number(bulk), pairs(stress), p, r, v, *self.rest)
            beta, iterations = squared / last, iterations + 1
            errors = self._errors(squared, norms, residual, tolerance)
            seen.append(max(errors))
            if on_iteration is not None:
                on_iteration(errors[0] if seen[-1] <= tolerance else seen[-1])
        if self.paired and seen and on_iteration is not None:
            for error in (*seen[:-1], errors[1]):
                on_iteration(error)
        self._unpack(self.displacement, displacement)
        return [np.real(mean), np.imag(mean)][: len(norms)], errors, iterations

    def _initial_strain(self, first: int, start: Tensor | None) -> Tensor:
        """Set the direction to the start, return its real-space strain and that of the load."""
        if start is None:
            self.direction.zero_()
            kind = self.medium.complex_type if self.paired else self.medium.dtype
            strain = torch.zeros(len(self.strain), *self.medium.problem.grid, dtype=kind)
        else:
            start = start.to(self.medium.complex_type)
            if self.paired:
                one, two, both = start[0].numpy(), start[1].numpy(), self.direction.numpy()
                pack(one, two, both, *self.medium.cosines)
            else:
                self.direction.copy_(start[0])
            arguments = pairs(self.residual), pairs(self.direction), self.medium.number(1)
            descend(*arguments, pairs(self.strain), *self.rest)  # the residual is still zero
            strain = self._real_strain()
        strain[first] += 1
        if self.paired:
            strain[first + 1] += 1j
        return strain

    def _real_strain(self) -> Tensor:
        self.transforms += len(self.strain) * (1 + self.paired)
        if self.paired:
            return torch.fft.ifftn(self.strain, dim=DIMENSIONS, norm="forward")
        grid = self.medium.problem.grid
        return torch.fft.irfftn(self.strain, s=grid, dim=DIMENSIONS, norm="forward")

    def _stress(self, strain: Tensor) -> tuple[Tensor, float]:
        """Turn real-space strain, overwritten, into stress coefficients and twice the energy."""
        real = torch.view_as_real(strain) if self.paired else strain
        flat = real.view(len(strain), -1).numpy()
        work = stress_of_strain(self.medium.stiffness, flat, self.medium.scratch, self.paired)
        self.transforms += len(strain) * (1 + self.paired)
        transform = torch.fft.fftn if self.paired else torch.fft.rfftn
        return transform(strain, dim=DIMENSIONS), work

    def _unpack(self, coefficients: Tensor, out: Tensor) -> None:
        """Write the coefficients of each load case, for half of z."""
        if self.paired:
            one, two = out[0].numpy(), out[1].numpy()
            unpack(coefficients.numpy(), one, two, *self.medium.cosines)
        else:
            out[0] = coefficients

    def _errors(
        self, squared: float, norms: list[float], residual: Tensor, tolerance: float
    ) -> list[float]:
        """Return relative residuals; of two cases far from the solution their weighted mean."""
        error = math.sqrt(squared / sum(norm * norm for norm in norms))
        if not error <= tolerance:  # then that of one case is too large as well
            return [error]
        self._unpack(self.residual, residual)
        halves = self.medium.half
        return [
            math.sqrt(energy(pairs(part), *halves)) / norm
            for part, norm in zip(residual, norms, strict=True)
        ]


def _mean(stress: Tensor) -> np.ndarray:
    return stress[:, 0, 0, 0].numpy().astype(np.complex128)


def not_converged(iterations: int, error: float, tolerance: float) -> ConvergenceError:
    """Return the error of a solver that gives up."""
    return ConvergenceError(
        f"Stress equilibrium must hold to {tolerance:.3g}, but after {iterations} iterations the "
        f"relative residual is {error:.3g}; for voids or a high contrast take scheme='rotated', "
        "in single precision dtype=torch.float64 or a larger `tol`, else raise `max_iterations`.",
        error,
    )


def solve_compiled(
    problem: CellProblem,
    scheme: str,
    tolerance: float,
    max_iterations: int,
    dtype: torch.dtype,
    start: Tensor | None = None,
    on_iteration: Callable[[float], None] | None = None,
) -> CellSolution:
    """Solve the unit load cases of a problem, two at a time.

    Args:
        problem: Cell problem.
        scheme: Discretisation, one of `schemes.SCHEMES`.
        tolerance: Largest relative residual.
        max_iterations: Largest number of iterations of a case.
        dtype: torch.float64 or torch.float32.
        start: Initial v̂ of every case.
        on_iteration: Called with the relative residual after every iteration of every case; for
            the second case of a pair when both are solved.
    Raises:
        ConvergenceError: if a case does not converge.
    """
    keep_freed_memory()
    count = problem.components
    mean: list[np.ndarray] = []
    errors: list[float] = []
    iterations = transforms = 0
    with few_threads(problem.grain_id.numel()):
        medium = Medium(problem, scheme, dtype)
        displacement, residual = medium.modes(count, 3), medium.modes(count, 3)
        solver = CaseSolver(medium, paired=True)
        for first in range(0, count, 2):
            if first + 1 == count:
                transforms, solver = solver.transforms, CaseSolver(medium, paired=False)
            cases = slice(first, first + 2)
            stress, error, steps = solver.solve(
                cases,
                displacement[cases],
                residual[cases],
                tolerance,
                max_iterations,
                None if start is None else start[cases],
                on_iteration,
            )
            mean, errors, iterations = mean + stress, errors + error, max(iterations, steps)
        transforms += solver.transforms
    balance = torch.view_as_real(residual).flatten(-2)
    balance *= torch.from_numpy(medium.half[0][-1])
    flat = torch.view_as_real(displacement).view(count, -1)
    return CellSolution(
        torch.from_numpy(np.stack(mean)),
        (balance.view(count, -1) @ flat.mT).to(torch.float64),
        displacement,
        iterations,
        max(errors),
        transforms,
    )
