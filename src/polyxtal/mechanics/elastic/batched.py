"""Conjugate gradients for many cell problems and all load cases at once, on any device.

The readable form of the method [Zeman2010, Brisard2010, with displacements as unknowns]:

    find v̂ with  Dᵀ σ(E + D v̂) = 0,   preconditioned by (k · C₀ · k)⁻¹
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from polyxtal.mechanics.elastic.cell_problem import CellProblem, CellSolution
from polyxtal.mechanics.elastic.compiled import not_converged
from polyxtal.mechanics.elastic.green import apply_green, divergence, green_operator, strain

DIMENSIONS = (-3, -2, -1)


class BatchedOperator:
    """Stress, force and preconditioner of problems with the same grid and components."""

    def __init__(
        self,
        problems: Sequence[CellProblem],
        scheme: str,
        dtype: torch.dtype,
        device: torch.device | str | None,
    ) -> None:
        """Tabulate the stiffness and Green's operator."""
        first = problems[0]
        self.grid, self.components = first.grid, first.components
        self.index = torch.zeros(self.components, self.components, dtype=torch.int64)
        column, row = torch.tril_indices(self.components, self.components)
        self.index[row, column] = self.index[column, row] = torch.arange(len(row))
        self.stiffness = torch.stack(
            [
                problem.packed_table().to(dtype).to(device).mT[:, problem.grain_id.to(device)]
                for problem in problems
            ]
        )  # (problems, entries, nx, ny, nz)
        frequencies = first.frequencies(scheme, dtype, device)
        self.k, self.weight = frequencies.mesh(), frequencies.weight
        green = [green_operator(self.k, problem.reference) for problem in problems]
        self.green = torch.stack(green)[:, None]
        bulk = torch.tensor([problem.bulk for problem in problems], dtype=dtype, device=device)
        self.bulk = bulk[:, None, None, None, None]

    def stress(
        self, real_strain: Float[Tensor, "problems cases components nx ny nz"]
    ) -> Float[Tensor, "problems cases components nx ny nz"]:
        """Return the stress of a strain field, σ_m = Σ_n C_mn ε_n."""
        out = torch.empty_like(real_strain)
        for m in range(self.components):
            torch.mul(real_strain[:, :, 0], self._entry(m, 0), out=out[:, :, m])
            for n in range(1, self.components):
                out[:, :, m].addcmul_(real_strain[:, :, n], self._entry(m, n))
        return out

    def _entry(self, m: int, n: int) -> Float[Tensor, "problems 1 nx ny nz"]:
        return self.stiffness[:, self.index[m, n], None]

    def respond(
        self, displacement: Complex[Tensor, "problems cases 3 nx ny nz_half"], unit: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the force Dᵀ σ and the mean stress of displacements; `unit` adds the loads."""
        shape = (*displacement.shape[:2], self.components, *self.grid)
        modes = strain(self.k, displacement, self.components)
        real = torch.fft.irfftn(modes, s=shape[-3:], dim=DIMENSIONS, norm="forward")
        if unit:
            case = torch.arange(self.components)
            real[:, case, case] += 1
        stress = torch.fft.rfftn(self.stress(real), dim=DIMENSIONS, norm="forward")
        mean = stress[..., 0, 0, 0].real.to(torch.float64)
        dilatation = self.bulk * (self.k * displacement).sum(-4)
        return divergence(self.k, stress) + self.k * dilatation[:, :, None], mean

    def inner(self, first: Tensor, second: Tensor) -> Float[Tensor, "problems cases"]:
        """Return the mean of the product of two fields, from their coefficients."""
        a, b = torch.view_as_real(first), torch.view_as_real(second)
        return ((a * b).sum(-1) * self.weight).sum((-4, -3, -2, -1), dtype=torch.float64)

    def gram(self, first: Tensor, second: Tensor) -> Float[Tensor, "problems cases cases"]:
        """Return the inner products of every case of one with every case of the other."""
        a = torch.view_as_real(first * self.weight).flatten(2)
        return (a @ torch.view_as_real(second).flatten(2).mT).to(torch.float64)


def solve_batched(
    problems: Sequence[CellProblem],
    scheme: str,
    tolerance: float,
    max_iterations: int,
    dtype: torch.dtype,
    device: torch.device | str | None = None,
    start: Sequence[Tensor] | None = None,
    on_iteration: Callable[[float], None] | None = None,
) -> list[CellSolution]:
    """Solve the unit load cases of problems on one grid simultaneously.

    Args:
        problems: Cell problems with the same grid, spacing and number of components.
        scheme: Discretisation, one of `schemes.SCHEMES`.
        tolerance: Largest relative residual.
        max_iterations: Largest number of iterations.
        dtype: torch.float64 or torch.float32.
        device: Device of the computation; None is the CPU.
        start: Initial v̂ of every case of every problem.
        on_iteration: Called with the largest relative residual after every iteration.
    Raises:
        ConvergenceError: if a case does not converge.
    """
    operator = BatchedOperator(problems, scheme, dtype, device)
    cases, (nx, ny, half) = operator.components, operator.k.shape[1:]
    kind = torch.complex64 if dtype == torch.float32 else torch.complex128
    v = torch.zeros(len(problems), cases, 3, nx, ny, half, dtype=kind, device=device)
    if start is not None:
        v.copy_(torch.stack(list(start)))
    force, mean = operator.respond(v, unit=True)
    r, p = -force, torch.zeros_like(v)
    norm = torch.stack([problem.load_norms() for problem in problems]).to(device)
    iterations, beta = 0, torch.zeros_like(norm)
    transforms = 2 * cases * operator.components
    z = apply_green(operator.green, r)
    squared = operator.inner(r, z)
    while True:
        error = squared.sqrt() / norm
        worst = float(error.max())
        if iterations and on_iteration is not None:
            on_iteration(worst)
        if worst <= tolerance:
            break
        if iterations == max_iterations or not torch.isfinite(error).all():
            raise not_converged(iterations, worst, tolerance)
        active = error > tolerance
        p = z + _spread(beta, p) * p
        force, change = operator.respond(p)
        work = operator.inner(p, force)
        alpha = torch.where(active, squared / torch.where(active, work, 1.0), 0.0)
        mean += alpha[..., None] * change
        v += _spread(alpha, v) * p
        r -= _spread(alpha, r) * force
        z = apply_green(operator.green, r)
        last, squared = squared, operator.inner(r, z)
        beta = torch.where(active, squared / torch.where(active, last, 1.0), 0.0)
        iterations += 1
        transforms += 2 * cases * operator.components
    mean, correction = mean.cpu(), operator.gram(r, v).cpu()
    return [
        CellSolution(
            mean[b], correction[b], v[b].cpu(), iterations, float(error[b].max()), transforms
        )
        for b in range(len(problems))
    ]


def _spread(factor: Float[Tensor, "problems cases"], like: Tensor) -> Tensor:
    real = like.real.dtype
    return factor.to(real)[:, :, None, None, None, None]
