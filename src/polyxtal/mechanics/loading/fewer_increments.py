"""A load path in fewer increments, which grow as a load goes on.

Implicit integration errs where the rates of a load change: within the knee, after a reversal, and
while a stress rises. There the increments stay as fine as the path's own. The error of the first
knee, or of a stress that rises, fades later; so those are needed only where times within are
wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

GROWTH, HELD_GROWTH = 1.5, 1.3
"""Ratio of successive increments, and that of steps that prescribe no strain. [-]"""
KNEE = 5e-3
"""Change of a prescribed component of F from the start of a load to the end of its knee. [-]"""
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
    """Return the same load in increments that grow to about the given strain.

    They grow from the path's own first increment of a load: from its start, or from the end of its
    knee if the load follows another one. If times within the knee of the first load or within a
    change of stress are wanted, they grow from the last of these.

    Args:
        path: Load path.
        strain_increment: Largest change of a prescribed component of F within an increment. [-]
        times: Increasing times at which an increment must end. [s]
    """
    steps: list[LoadStep] = []
    least, begin, length, grown = SAME * path.duration, 0.0, 0.0, 0.0
    before: LoadStep | None = None
    for step in path.steps:
        if before is None or not _continues(step, before):
            length = float(step.time_increments()[0])
            until = begin + _changing(step, before)
            within = [t for t in times if begin + least < t <= until + least]
            reversal = before is not None and _strain(step) > 0
            grown = until if reversal else max(within, default=0.0)
        longest = _longest(step, strain_increment)
        growth = GROWTH if _strain(step) > 0 else HELD_GROWTH
        inner = [t - begin for t in times if begin + least < t < begin + step.duration - least]
        ends = [0.0]
        for end in (*inner, step.duration):
            while ends[-1] < end:
                length = min(length, longest)
                left = end - ends[-1]
                # Halves at the end: neither a crumb nor an increment that is too long.
                next_end = ends[-1] + min(length, left / 2)
                ends.append(end if left <= max(length * (1 + SAME), least) else next_end)
                length *= growth if begin + ends[-1] >= grown - least else step.ratio
        given = {f.name: getattr(step, f.name) for f in fields(LoadStep)}
        given |= {"increments": len(ends) - 1, "ratio": 1.0}
        steps.append(TimedStep(**given, lengths=tuple(np.diff(ends).tolist())))
        begin, before = begin + step.duration, step
    return LoadPath(tuple(steps))


def _changing(step: LoadStep, before: LoadStep | None) -> float:
    """Return how long the rates of a load change from its start. [s]"""
    strain = _strain(step)
    if strain > 0:
        return KNEE * step.duration / strain
    return step.duration if _stress_changes(step, before) else 0.0


def _stress_changes(step: LoadStep, before: LoadStep | None) -> bool:
    """Return whether a step prescribes other stresses than those that it starts from."""
    stress = np.asarray(step.stress)
    start = np.where(step.stress_controlled, 0.0, np.nan)
    if step.stress_kind == "dot_P":
        return bool(np.nansum(np.abs(stress)) > 0)
    if before is not None:
        known = (before.stress_kind, before.basis) == ("P", step.basis)
        start = np.asarray(before.stress) if known else np.full((3, 3), np.nan)
    return not np.array_equal(stress, start, equal_nan=True)


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
