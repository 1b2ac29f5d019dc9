"""What is simulated for a measurement: the load, and the curve along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.repeats import Reduced
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

Array = NDArray[np.float64]

STAGES = ((0.006, 3e-4), (0.02, 1e-3), (math.inf, 3e-3))
"""End of each stage of a branch, and strain per increment of the network within it. [-]"""
FINER = 2
"""Increments of the full field in one of the network, so that time steps are corrected, too."""
MARGIN = 0.02
"""Strain beyond the last point, over its own, that unknown origins may need. [-]"""
WIDENING = 0.5
"""Final share of the strain over which the r-value is measured. [-]"""


@dataclass(frozen=True)
class Condition:
    """A load along an axis in branches between reversals.

    Attributes:
        axis: Unit vector of the axis. [-]
        rate: Strain rate. [1/s]
        turns: Strain at the end of every branch; the first begins at 0. [-]
    """

    axis: tuple[float, float, float]
    rate: float
    turns: tuple[float, ...]

    @classmethod
    def of(cls, test: Measurement, reduced: Reduced) -> Condition:
        """Return what a measurement is compared with."""
        turns = reduced.turns[1:].tolist()
        if not test.cyclic:
            turns[0] += test.sign * (MARGIN * abs(turns[0]) + 1e-4)
        axis = tuple(float(round(v, 12)) for v in test.axis)
        return cls(axis, float(test.rate), tuple(float(t) for t in turns))  # type: ignore[arg-type]

    def path(self, finer: int = 1) -> LoadPath:
        """Return the load: strain along the axis, without any other stress.

        Args:
            finer: Number of increments in one of the network's.
        """
        stress = np.outer(self.axis, self.axis)
        steps: list[LoadStep] = []
        for start, end in pairwise((0.0, *self.turns)):
            done, length = 0.0, abs(end - start)
            for last, increment in STAGES:
                piece = min(last, length) - done
                if piece <= 1e-12:
                    break
                count = finer * max(1, math.ceil(piece / increment - 1e-9))
                signed = math.copysign(piece, end - start)
                steps += LoadPath.proportional(stress, signed, self.rate, increments=count).steps
                done += piece
        return LoadPath(tuple(steps))

    def branches(self) -> list[tuple[int, int]]:
        """Return first and last row of every branch in the response to `path`."""
        ends, row = [], 0
        for start, end in pairwise((0.0, *self.turns)):
            done, first, length = 0.0, row, abs(end - start)
            for last, increment in STAGES:
                piece = min(last, length) - done
                if piece <= 1e-12:
                    break
                row += max(1, math.ceil(piece / increment - 1e-9))
                done += piece
            ends.append((first, row))
        return ends

    def frame(self) -> Array:
        """Return the unit vectors along the axis, the width and the thickness, (3, 3)."""
        along = np.array(self.axis)
        thickness = np.array([0.0, 0.0, 1.0])
        if abs(along[2]) > 0.5:
            return np.array([along, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        return np.array([along, np.cross(thickness, along), thickness])


class Curve(NamedTuple):
    """Histories along the axis of a load; row 0 is the start.

    Attributes:
        strain: Engineering strain. [-]
        stress: Engineering stress. [MPa]
        stretches: ln of the stretch along width and thickness, (rows, 2). [-]
    """

    strain: Array
    stress: Array
    stretches: Array

    @classmethod
    def of(cls, condition: Condition, F: Array, P: Array) -> Curve:
        """Return the curve of averages F [-] and P [MPa], (rows, 3, 3)."""
        along, *across = condition.frame()
        strain = np.einsum("i,nij,j->n", along, F - np.eye(3), along)
        stress = np.einsum("i,nij,j->n", along, P, along)
        pairs = [np.log(np.einsum("i,nij,j->n", axis, F, axis)) for axis in across]
        return cls(strain, stress, np.stack(pairs, 1))

    @classmethod
    def derivative(cls, condition: Condition, F: Array, by_F: Array, by_P: Array) -> Curve:
        """Return the derivative of a curve from those of the averages, (rows, 3, 3)."""
        along, *across = condition.frame()
        strain = np.einsum("i,nij,j->n", along, by_F, along)
        stress = np.einsum("i,nij,j->n", along, by_P, along)
        pairs = [
            np.einsum("i,nij,j->n", axis, by_F, axis) / np.einsum("i,nij,j->n", axis, F, axis)
            for axis in across
        ]
        return cls(strain, stress, np.stack(pairs, 1))

    def moved(self, slope: Curve, step: float) -> Curve:
        """Return the curve moved by a step along a derivative."""
        return Curve(*(a + step * b for a, b in zip(self, slope, strict=True)))

    def r_value(self, rows: int) -> float:
        """Return Δ ln stretch of the width over that of the thickness, in the last half. [-]

        Args:
            rows: Rows of the first branch.
        """
        strain = np.abs(self.strain[:rows])
        end = strain[-1] / (1.0 + MARGIN)
        change = [
            np.interp(end, strain, s) - np.interp((1 - WIDENING) * end, strain, s)
            for s in self.stretches[:rows].T
        ]
        return float(change[0] / change[1])
