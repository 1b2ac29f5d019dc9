"""Conjugate gradients on flat vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Linear = Callable[[Tensor], Tensor]


class KrylovSolution(NamedTuple):
    """Solution of the conjugate gradient method.

    Attributes:
        x: Solution.
        iterations: Number of applications of the operator.
        reduction: Norm of the residual over that of the right-hand side, both in the norm of the
            preconditioner. [-]
    """

    x: Float[Tensor, " n"]
    iterations: int
    reduction: float


def conjugate_gradients(
    operator: Linear,
    precondition: Linear,
    inner: Callable[[Tensor, Tensor], float],
    right: Float[Tensor, " n"],
    tolerance: float,
    max_iterations: int,
) -> KrylovSolution:
    """Solve A x = b for a positive definite operator, at least approximately [Hestenes1952].

    Newton's linear systems need no exact solution: where the operator turns out to be indefinite,
    the last iterate is returned, without an error.

    Args:
        operator: Operator A, nearly self-adjoint in `inner`.
        precondition: Approximate inverse of A, positive definite and self-adjoint.
        inner: Inner product.
        right: Right-hand side b.
        tolerance: Relative residual at convergence, in the norm of the preconditioner. [-]
        max_iterations: Largest number of applications of the operator.
    """
    x, residual = torch.zeros_like(right), right.clone()
    direction = precondition(residual)
    squared = first = inner(residual, direction)
    iterations = 0
    while squared > tolerance**2 * first and iterations < max_iterations:
        image = operator(direction)
        iterations += 1
        curvature = inner(direction, image)
        if not curvature > 0:
            break
        step = squared / curvature
        x.add_(direction, alpha=step)
        residual.add_(image, alpha=-step)
        preconditioned = precondition(residual)
        last, squared = squared, inner(residual, preconditioned)
        direction = preconditioned.add_(direction, alpha=squared / last)
    return KrylovSolution(x, iterations, max(squared / first, 0.0) ** 0.5 if first > 0 else 0.0)
