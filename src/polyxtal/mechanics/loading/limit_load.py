"""The load that a material cannot exceed: how a step beyond it differs from one too large."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EXHAUSTED = 0.5
"""Relative growth of a stress over the strain that goes with it, below which no more is carried.

A bar's nominal stress σ/λ has its maximum where dσ/dε = σ [Considere1885]; dP/dF is zero there, P
or more in compression, and many times P while the material hardens. [-]
"""
FINEST = 1e-3
"""Share of the stress reached by which the smallest pieces of an increment may raise it. [-]"""
MAX_CUTS_OF_STRESS = 40


class Averages(NamedTuple):
    """Volume averages F [-] and P [MPa], (3, 3) each."""

    deformation: np.ndarray
    stress: np.ndarray


def exhausted_component(
    before: Averages, at: Averages, goal: np.ndarray, stress_controlled: np.ndarray
) -> tuple[int, int] | None:
    """Return the stress component of which the material carries no more, None if it may.

    It is the one farthest below its goal, if in the last step it hardly grew for its strain.

    Args:
        before, at: Averages at the start and end of the last step that converged.
        goal: P [MPa] where `stress_controlled`, F elsewhere.
        stress_controlled: Mask of the components of which P is prescribed.
    """
    missing = np.where(stress_controlled, (goal - at.stress) * np.sign(at.stress), 0.0)
    row, column = divmod(int(missing.argmax()), 3)
    stress = at.stress[row, column]
    grown = (stress - before.stress[row, column]) / stress if missing.max() > 0 else 0.0
    strain = (at.deformation - before.deformation)[row, column] * np.sign(stress)
    return (row, column) if grown < EXHAUSTED * strain else None


def smallest_piece(
    least: float, start: np.ndarray, goal: np.ndarray, stress_controlled: np.ndarray, at: Averages
) -> float:
    """Return the smallest share of an increment: `least`, or less where the stress jumps. [-]"""
    jump = np.abs(goal - start)[stress_controlled].max(initial=0.0)
    share = FINEST * np.abs(at.stress).max() / jump if jump > 0 else least
    return min(least, max(share, 0.5**MAX_CUTS_OF_STRESS))
