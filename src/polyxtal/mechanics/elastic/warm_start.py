"""Initial values for one polycrystal with a sequence of elastic constants, from earlier solutions.

To first order, the displacement is linear in the deviation of the grains from a uniform medium,
whose displacement is zero. The stiffness at hand is therefore fitted by earlier ones and by the
uniform medium:

    C ≈ Σ_b w_b C_b + (1 - Σ_b w_b) C_uniform,   start = Σ_b w_b v̂_b
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from polyxtal.mechanics.elastic.cell_problem import CellProblem

KEPT = 3
"""Number of solutions that are kept; a fourth saves no more iterations."""
SIGNIFICANT = 1e-6
"""Relative differences between stiffnesses below which the fit ignores them. [-]"""


class WarmStarts:
    """The last solutions on one polycrystal."""

    def __init__(self) -> None:
        """Start without solutions."""
        self._known: deque[tuple[CellProblem, Tensor]] = deque(maxlen=KEPT)

    def keep(self, problem: CellProblem, displacement: Tensor) -> None:
        """Keep the displacements of all load cases."""
        self._known.append((problem, displacement))

    def suggest(self, problem: CellProblem) -> Tensor | None:
        """Return initial values from solutions on the problem's grains, None if there are none."""
        known = [(other, v) for other, v in self._known if other.grain_id is problem.grain_id]
        if not known:
            return None
        uniform = problem.voigt.expand_as(problem.table).ravel()
        differences = torch.stack([other.table.ravel() - uniform for other, _ in known], 1)
        wanted = (problem.table.ravel() - uniform)[:, None]
        fit = torch.linalg.lstsq(differences, wanted, rcond=SIGNIFICANT, driver="gelsd")
        start = torch.zeros_like(known[0][1])
        for weight, (_, displacement) in zip(fit.solution[:, 0].tolist(), known, strict=True):
            start.add_(displacement, alpha=weight)
        return start
