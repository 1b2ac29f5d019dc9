"""The error that solvers raise instead of returning an unconverged field."""

from __future__ import annotations

import numpy as np


class ConvergenceError(RuntimeError):
    """No converged solution was found.

    Attributes:
        residual: The last relative residual. [-]
        stress: The last P that converged along a load path, (3, 3); None elsewhere. [MPa]
    """

    def __init__(
        self, message: str, residual: float = float("nan"), stress: np.ndarray | None = None
    ) -> None:
        """Keep residual and stress for the caller."""
        super().__init__(message)
        self.residual, self.stress = residual, stress
