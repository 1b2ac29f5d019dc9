"""A load path in fewer increments, some of which end at chosen times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

STRESS_SHARE = 5
"""Increments of a step without strain that become one."""
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
    """Return the same load in increments of about the given strain; never in more than it has.

    Args:
        path: Load path.
        strain_increment: Largest change of a prescribed component of F within an increment; a step
            that prescribes none gets a fifth of its increments. [-]
        times: Times at which an increment must end. [s]
    """
    steps, begin = [], 0.0
    least = SAME * path.duration
    for step in path.steps:
        end = begin + step.duration
        inner = [t - begin for t in times if begin + least < t < end - least]
        whole = min(step.increments, _count(step, strain_increment))
        marks = np.array([0.0, *inner, step.duration])
        counts = [max(1, math.ceil(whole * d / step.duration - 1e-9)) for d in np.diff(marks)]
        parts = zip(np.diff(marks), counts, strict=True)
        lengths = [float(d) / n for d, n in parts for _ in range(n)]
        given = {f.name: getattr(step, f.name) for f in fields(LoadStep)}
        given |= {"increments": len(lengths), "ratio": 1.0}
        steps.append(TimedStep(**given, lengths=tuple(lengths)))
        begin = end
    return LoadPath(tuple(steps))


def _count(step: LoadStep, strain_increment: float) -> int:
    """Return the number of increments of a step by the strain that it prescribes."""
    rates = np.where(step.stress_controlled, 0.0, np.asarray(step.deformation))
    if step.deformation_kind == "F":
        prescribed = np.where(step.stress_controlled, 0.0, step.components(np.eye(3)))
        strain = float(np.abs(rates - prescribed).max())
    else:
        strain = step.duration * float(np.abs(rates).max())
    if strain == 0:
        return math.ceil(step.increments / STRESS_SHARE)
    return math.ceil(strain / strain_increment - 1e-9)
