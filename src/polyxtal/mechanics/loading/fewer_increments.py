"""A load path in fewer increments, which grow from the start of every load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

GROWTH = 1.5
"""Ratio of successive increments, from the first one of a load. [-]"""
STRESS_SHARE = 5.0
"""Largest increment of a step that prescribes no strain, in mean increments that it has."""
SAME = 1e-9
"""Share of a path's duration within which two times are the same."""


@dataclass(frozen=True)
class TimedStep(LoadStep):
    """A load step whose increments have lengths of their own.

    Attributes:
        lengths: Lengths of the increments. [s]
    """

    lengths: tuple[float, ...] = ()

    def time_increments(self) -> np.ndarray:
        """Return the lengths of the increments, (increments,). [s]"""
        return np.asarray(self.lengths)


def fewer_increments(
    path: LoadPath, strain_increment: float, times: Sequence[float] = ()
) -> LoadPath:
    """Return the same load in increments that grow from its first to about the given strain.

    Args:
        path: Load path.
        strain_increment: Largest change of a prescribed component of F within an increment. [-]
        times: Increasing times at which an increment must end. [s]
    """
    steps: list[LoadStep] = []
    least, begin, length = SAME * path.duration, 0.0, 0.0
    before: LoadStep | None = None
    for step in path.steps:
        if before is None or not _continues(step, before):
            length = float(step.time_increments()[0])
        longest = _longest(step, strain_increment)
        inner = [t - begin for t in times if begin + least < t < begin + step.duration - least]
        ends = [0.0]
        for end in (*inner, step.duration):
            while ends[-1] < end:
                length = min(length, longest)
                left = end - ends[-1]
                # Halves at the end: neither a crumb nor an increment that is too long.
                next_end = ends[-1] + min(length, left / 2)
                ends.append(end if left <= max(length * (1 + SAME), least) else next_end)
                length *= GROWTH
        given = {f.name: getattr(step, f.name) for f in fields(LoadStep)}
        given |= {"increments": len(ends) - 1, "ratio": 1.0}
        steps.append(TimedStep(**given, lengths=tuple(np.diff(ends).tolist())))
        begin, before = begin + step.duration, step
    return LoadPath(tuple(steps))


def _longest(step: LoadStep, strain_increment: float) -> float:
    """Return the length of the largest increment of a step. [s]"""
    strain = _strain(step)
    if strain == 0:
        return STRESS_SHARE * step.duration / step.increments
    return strain_increment * step.duration / strain


def _strain(step: LoadStep) -> float:
    """Return the largest change of a prescribed component of F over a step. [-]"""
    given = np.where(step.stress_controlled, 0.0, np.asarray(step.deformation))
    if step.deformation_kind != "F":
        return step.duration * float(np.abs(given).max())
    undeformed = np.where(step.stress_controlled, 0.0, step.components(np.eye(3)))
    return float(np.abs(given - undeformed).max())


def _continues(step: LoadStep, before: LoadStep) -> bool:
    """Return whether a step prescribes the same rates of F, and the same stresses, as another."""
    kinds = {(one.deformation_kind, one.stress_kind, one.basis) for one in (step, before)}
    pairs = ((step.deformation, before.deformation), (step.stress, before.stress))
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    return same and len(kinds) == 1 and step.deformation_kind != "F"
