"""Conjugate gradients for the cell problem on CPU: one load case at a time, loops compiled.

Solving case by case keeps what an iteration touches small enough for the caches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.mechanics.cell_problem import CellProblem, CellSolution
from polyxtal.mechanics.green import Frequencies, acoustic_map
from polyxtal.mechanics.spectral_kernel import (
    BLOCK,
    advance,
    constants,
    descend,
    stress_of_deviators,
    stress_of_strain,
)

DIMENSIONS = (1, 2, 3)
SMALL = 1 << 16
"""Up to this many voxels an FFT takes less time than waking threads on a busy machine."""


def pairs(coefficients: Tensor) -> np.ndarray:
    """View complex coefficients as pairs of reals along the last axis."""
    return torch.view_as_real(coefficients).flatten(-2).numpy()


def stiffness_field(problem: CellProblem, dtype: torch.dtype) -> np.ndarray:
    """Lay every voxel's stiffness out in blocks, as the kernels read it. [scale]"""
    grains = problem.grain_id.reshape(-1)
    table = problem.packed_table().to(dtype)
    blocks = -(-len(grains) // BLOCK)
    field = torch.zeros(blocks * BLOCK, table.shape[1], dtype=dtype)
    torch.index_select(table, 0, grains, out=field[: len(grains)])
    return field.view(blocks, BLOCK, -1).transpose(1, 2).contiguous().numpy()


@cache
def _keep_freed_memory() -> None:
    """Make glibc keep what FFTs allocate and free, instead of returning it to the system.

    Its threshold follows the largest mapping freed so far, up to 32 MiB. Without this, the pages
    of every FFT's output are fetched anew, which costs more than the FFT.
    """
    torch.empty((32 << 20) - (64 << 10), dtype=torch.uint8)


@contextmanager
def _few_threads(voxels: int) -> Iterator[None]:
    """Run small FFTs on one thread."""
    threads = torch.get_num_threads()
    if voxels > SMALL or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class CaseSolver:
    """The conjugate gradient method for the load cases of one problem."""

    def __init__(self, problem: CellProblem, scheme: str, dtype: torch.dtype) -> None:
        """Set up what all load cases share."""
        _keep_freed_memory()
        self.problem, self.dtype, self.transforms = problem, dtype, 0
        self.stiffness = stiffness_field(problem, dtype)
        frequencies = problem.frequencies(scheme, dtype, None)
        self.tables = self._tables(frequencies)
        nx, ny, _ = problem.grid
        half = problem.grid[2] // 2 + 1
        complex_type = torch.complex64 if dtype == torch.float32 else torch.complex128
        self.strain = torch.zeros(problem.components, nx, ny, half, dtype=complex_type)
        self.direction = torch.zeros(3, nx, ny, half, dtype=complex_type)
        numpy_type = pairs(self.strain).dtype
        self.one = numpy_type.type
        acoustic = acoustic_map(problem.reference).to(dtype).numpy()
        self.rest = (
            self.tables,
            acoustic,
            constants(numpy_type),
            np.zeros((1, 2 * half), numpy_type),
        )
        self.norms = problem.load_norms().tolist()
        self.act = stress_of_deviators if problem.components == 5 else stress_of_strain

    @staticmethod
    def _tables(frequencies: Frequencies) -> tuple[np.ndarray, ...]:
        (sx, sy, sz), (cx, cy, cz) = frequencies.sine, frequencies.cosine
        double = [t.repeat_interleave(2) for t in (sz, cz, frequencies.weight)]
        return tuple(t.numpy() for t in (sx, cx, sy, cy, *double))

    def _real_strain(self) -> Tensor:
        self.transforms += len(self.strain)
        return torch.fft.irfftn(self.strain, s=self.problem.grid, dim=DIMENSIONS, norm="forward")

    def _stress(self, strain: Tensor) -> tuple[Tensor, float]:
        """Turn real-space strain, overwritten, into stress coefficients and twice the energy."""
        work = self.act(self.stiffness, strain.view(len(strain), -1).numpy())
        self.transforms += len(strain)
        coefficients = torch.fft.rfftn(strain, dim=DIMENSIONS, norm="forward")
        return coefficients, work / strain[0].numel()

    def solve(
        self,
        case: int,
        tolerance: float,
        max_iterations: int,
        start: Tensor | None,
        on_iteration: Callable[[float], None] | None,
    ) -> tuple[Tensor, Tensor, Tensor, int, float]:
        """Solve one load case; return mean stress, v̂, r̂, iterations and residual."""
        one, bulk, p = self.one, self.problem.bulk, pairs(self.direction)
        displacement, residual = torch.zeros_like(self.direction), torch.zeros_like(self.direction)
        v, r = pairs(displacement), pairs(residual)
        p[:] = 0 if start is None else pairs(start)
        if start is None:
            strain = torch.zeros(len(self.strain), *self.problem.grid, dtype=self.dtype)
        else:
            descend(r, p, one(1), pairs(self.strain), *self.rest)
            strain = self._real_strain()
        strain[case] += 1
        stress, _ = self._stress(strain)
        mean = stress[:, 0, 0, 0].real.to(torch.float64)
        # The first step is a whole one from v = 0 to the start, and leaves the residual there.
        squared = advance(one(1), one(bulk), pairs(stress), p, r, v, *self.rest)
        norm, beta = self.norms[case], 0.0
        error, iterations = math.sqrt(squared) / norm, 0
        while not error <= tolerance:
            if iterations == max_iterations or not math.isfinite(error):
                raise not_converged(iterations, error, tolerance)
            dilatation = descend(r, p, one(beta), pairs(self.strain), *self.rest)
            stress, work = self._stress(self._real_strain())
            alpha = squared / (work + bulk * dilatation)
            mean += alpha * stress[:, 0, 0, 0].real
            last, squared = (
                squared,
                advance(one(alpha), one(bulk), pairs(stress), p, r, v, *self.rest),
            )
            beta, error, iterations = squared / last, math.sqrt(squared) / norm, iterations + 1
            if on_iteration is not None:
                on_iteration(error)
        return mean, displacement, residual, iterations, error


def not_converged(iterations: int, error: float, tolerance: float) -> ConvergenceError:
    """Build the error of a solver that gives up."""
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
    """Solve the unit load cases of a problem, one after the other.

    Args:
        problem: Cell problem.
        scheme: Discretisation, one of `green.SCHEMES`.
        tolerance: Largest relative residual.
        max_iterations: Most iterations of a case.
        dtype: torch.float64 or torch.float32.
        start: v̂ of every case to start from.
        on_iteration: Called with the relative residual after every iteration of every case.
    Raises:
        ConvergenceError: if a case does not converge.
    """
    solver = CaseSolver(problem, scheme, dtype)
    cases: list[tuple[Any, ...]] = []
    with _few_threads(problem.grain_id.numel()):
        for case in range(problem.components):
            first = None if start is None else start[case].to(solver.direction.dtype)
            cases.append(solver.solve(case, tolerance, max_iterations, first, on_iteration))
    mean, displacement, residual, iterations, errors = zip(*cases, strict=True)
    weight = torch.from_numpy(solver.tables[-1])
    residual = torch.stack(
        [torch.view_as_real(r).flatten(-2).mul_(weight).ravel() for r in residual]
    )
    displacement = torch.stack(displacement)
    flat = torch.view_as_real(displacement).view(len(cases), -1)
    return CellSolution(
        torch.stack(mean),
        (residual @ flat.mT).to(torch.float64),
        displacement,
        max(iterations),
        max(errors),
        solver.transforms,
    )
