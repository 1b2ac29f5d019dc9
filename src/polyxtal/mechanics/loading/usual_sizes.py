"""Sizes of loads that betray another unit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np

from polyxtal.mechanics.loading.step import LoadStep

USUAL_STRAIN, USUAL_RATES = 0.5, (1e-8, 1e4)
"""Largest strain [-], and slowest and fastest rate [1/s], beyond which the unit is in doubt."""

USUAL_STRESSES = 1e-2, 2e4
"""Smallest and largest prescribed stress, if not zero. [MPa]"""

USUAL_TIMES = 1e-8, 1e8
"""Shortest and longest step: strains of 1e-4 and 0.5 at the fastest and slowest rate. [s]"""


def strain_remark(strain: float) -> str | None:
    """Return the end of a sentence about a strain [-] that is unusual, None about others."""
    if abs(strain) <= USUAL_STRAIN:
        return None
    return (
        f"strain should be at most {USUAL_STRAIN:g}, but is {strain:g}, which is {100 * strain:g} %"
    )


def rate_remark(rate: float) -> str | None:
    """Return the end of a sentence about a strain rate [1/s] that is unusual, None about others."""
    slow, fast = USUAL_RATES
    if slow <= rate <= fast:
        return None
    return (
        f"strain rate should be {slow:g} to {fast:g} 1/s, where the plasticity laws hold, "
        f"but is {rate:g} 1/s"
    )


def warn_of_steps(steps: Iterable[LoadStep], where: str) -> None:
    """Warn of strains, rates, stresses and times of a load path that are unusual.

    Only what is prescribed is judged: free components are unknown.

    Args:
        steps: Load steps, from the undeformed state.
        where: What they come from, such as "load.yaml: the load".
    """
    deformation, stress, said = np.eye(3), np.zeros((3, 3)), set()
    for number, step in enumerate(steps, start=1):
        goal = step.goal(deformation, stress, step.duration, step.duration)
        free = step.stress_controlled
        known = step.components(deformation)
        moved = np.where(free, 0.0, goal - known)
        strain = np.where(free, 0.0, goal - step.components(np.eye(3))).reshape(9)
        deformation = step.tensor(np.where(free, known, goal))
        stress = step.tensor(np.where(free, goal, 0.0))
        remarks = {
            "strain": strain_remark(float(strain[np.abs(strain).argmax()])),
            "rate": rate_remark(float(np.abs(moved).max()) / step.duration)
            if moved.any()
            else None,  # a hold
            "stress": _stress_remark(float(np.abs(stress).max())),
            "time": _time_remark(step.duration),
        }
        if number == 1 and not (strain.any() or stress.any()):
            remarks["rate"] = "strain rate or a stress should be prescribed, but all are zero"
        for kind, remark in remarks.items():
            if remark is not None and kind not in said:
                said.add(kind)
                warnings.warn(f"{where}, step {number}: a {remark}.", stacklevel=3)


def _stress_remark(stress: float) -> str | None:
    low, high = USUAL_STRESSES
    if stress == 0 or low <= stress <= high:
        return None
    return (
        f"stress should be {low:g} to {high:g} MPa, but is {stress:g} MPa: in DAMASK's files "
        "stresses are in Pa"
    )


def _time_remark(duration: float) -> str | None:
    short, long = USUAL_TIMES
    if short <= duration <= long:
        return None
    return f"load step should last {short:g} to {long:g} s, but lasts {duration:g} s"
