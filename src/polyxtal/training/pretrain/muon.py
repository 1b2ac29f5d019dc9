"""Muon for the matrices of a transformer's blocks, AdamW for everything else, as one optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration; singular values end between about 0.7 and 1.2."""
ITERATIONS = 5
RMS = 0.2
"""Root mean square of an update in units of the rate, as AdamW's usually is."""


def orthogonalize(
    matrix: Float[Tensor, "*batch rows columns"],
) -> Float[Tensor, "*batch rows columns"]:
    """Set all singular values of matrices to about 1, their singular vectors kept.

    X ← a X + (b X Xᵀ + c (X Xᵀ)²) X, from X of Frobenius norm 1, in bfloat16. [Jordan2024]
    """
    wide = matrix.shape[-2] <= matrix.shape[-1]
    x = (matrix if wide else matrix.mT).to(torch.bfloat16)
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).reshape(-1, *x.shape[-2:])
    a, b, c = NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).reshape(matrix.shape).to(matrix.dtype)


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal before each step [Jordan2024].

    Groups with `matrices=True` take Muon's step, scaled so that AdamW's rates and decay fit
    [Liu2025]; the others take AdamW's.

    Args:
        groups: Groups of parameters, each with `matrices` and `weight_decay`.
        lr: Learning rate.
        momentum: Of Muon, Nesterov's.
        betas: AdamW's averages.
        eps: AdamW's.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        """Keep what is asked for."""
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            present = [p for p in group["params"] if p.grad is not None]
            for parameter in present:
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
            if group["matrices"]:
                self._muon(present, group)
            else:
                for parameter in present:
                    self._adam(parameter, group)
        return loss

    def _muon(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Step with all matrices of one shape together: few large products, not many small."""
        shapes: dict[torch.Size, list[Tensor]] = {}
        for parameter in parameters:
            shapes.setdefault(parameter.shape, []).append(parameter)
        for shape, alike in shapes.items():
            ahead = torch.stack([self._momentum(parameter, group) for parameter in alike])
            rate = -group["lr"] * RMS * math.sqrt(max(shape))
            for parameter, update in zip(alike, orthogonalize(ahead), strict=True):
                parameter.add_(update, alpha=rate)

    def _momentum(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        state, grad, momentum = self.state[parameter], parameter.grad, group["momentum"]
        assert grad is not None
        average = state.setdefault("average", torch.zeros_like(parameter))
        average.lerp_(grad, 1 - momentum)
        return grad.lerp(average, momentum)

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, grad, (first, second) = self.state[parameter], parameter.grad, group["betas"]
        assert grad is not None
        if not state:
            state["step"] = torch.zeros(())
            state["average"], state["square"] = (torch.zeros_like(parameter) for _ in range(2))
        state["step"] += 1
        step = int(state["step"])
        state["average"].lerp_(grad, 1 - first)
        state["square"].lerp_(grad.square(), 1 - second)
        size = (state["square"] / (1 - second**step)).sqrt_().add_(group["eps"])
        rate = group["lr"] / (1 - first**step)
        parameter.addcdiv_(state["average"], size, value=-rate)
