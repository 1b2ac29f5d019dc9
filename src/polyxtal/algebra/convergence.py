"""The error that solvers raise instead of returning an unconverged field."""

from __future__ import annotations


class ConvergenceError(RuntimeError):
    """No converged solution was found; `residual` is the last relative residual."""

    def __init__(self, message: str, residual: float = float("nan")) -> None:
        """Keep the residual for the caller."""
        super().__init__(message)
        self.residual = residual
