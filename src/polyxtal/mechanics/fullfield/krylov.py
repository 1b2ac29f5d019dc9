"""Conjugate gradients on flat vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Linear = Callable[[Tensor], Tensor]


class KrylovSolution(NamedTuple):
    """What conjugate gradients found.

    Attributes:
        x: Solution.
        iterations: Applications of the operator.
        reduction: Norm of the residual over that of the right-hand side, both in the norm of the
            preconditioner. [-]
    """

    x: Float[Tensor, "n"]
    iterations: int
    reduction: float


def conjugate_gradients(
    operator: Linear,
    precondition: Linear,
    inner: Callable[[Tensor, Tensor], float],
    right: Float[Tensor, "n"],
    tolerance: float,
    max_iterations: int,
) -> KrylovSolution:
    """Solve A x = b for a positive operator, at least roughly [Hestenes1952].

    Made for the linear systems inside Newton's method, which need no more than a good step: where
    the operator turns out not to be positive, the steps before are kept; nothing is raised.

    Args:
        operator: A, self-adjoint in `inner` up to a small part.
        precondition: An approximation of its inverse, positive and self-adjoint.
        inner: Inner product.
        right: b.
        tolerance: Reduction of the residual to reach, in the norm of the preconditioner. [-]
        max_iterations: Most applications of the operator.
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
