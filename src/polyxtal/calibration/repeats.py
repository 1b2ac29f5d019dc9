"""Noise, reversals and repeats of measured curves."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.calibration.measurement import BACKWARD, FEWEST, Measurement

Array = NDArray[np.float64]

POINTS = 80
"""Most points of a curve that a fit compares; more are averaged."""
FALLEN = 0.005
"""Fall of the stress at the end, over its maximum, that is necking. [-]"""
LEAST_NOISE = 1e-3
"""Smallest noise, over the largest stress. [-]"""
ELASTIC = (0.15, 0.5)
"""Stresses of the elastic lines of repeats, over the largest one. [-]"""


class Reduced(NamedTuple):
    """A curve of few points, in monotonic branches.

    Attributes:
        branch: Branch of every point, from 0.
        strain: Engineering strain, averaged over neighbours. [-]
        stress: Engineering stress. [MPa]
        deviation: Standard deviation of the stress by noise. [MPa]
        turns: Strain at the start, at every reversal and at the end, (branches + 1,). [-]
    """

    branch: NDArray[np.int64]
    strain: Array
    stress: Array
    deviation: Array
    turns: Array


def noise_of(strain: Array, stress: Array) -> float:
    """Return the standard deviation of the noise from the scatter between neighbours. [MPa]

        e_i = y_i - (1 - w) y_(i-1) - w y_(i+1),   Var e = (1 + (1 - w)² + w²) σ²

    with the linear interpolation's w; σ is 1.4826 times the median of |e| / √Var.
    """
    left, here, right = strain[:-2], strain[1:-1], strain[2:]
    gap = right - left
    inside = np.abs(gap) > 0
    w = np.where(inside, (here - left) / np.where(inside, gap, 1.0), 0.5)
    w = np.clip(w, 0.0, 1.0)
    rest = stress[1:-1] - (1 - w) * stress[:-2] - w * stress[2:]
    scaled = np.abs(rest) / np.sqrt(1 + (1 - w) ** 2 + w**2)
    least = LEAST_NOISE * float(np.abs(stress).max())
    return max(1.4826 * float(np.median(scaled)), least)


def reversals(strain: Array, cyclic: bool) -> NDArray[np.int64]:
    """Return the points where the strain reverses, with the first and the last one."""
    ends = [0]
    if cyclic:
        threshold = BACKWARD * float(np.ptp(strain))
        low = high = 0
        direction = 0
        for k in range(1, len(strain)):
            high = k if strain[k] > strain[high] else high
            low = k if strain[k] < strain[low] else low
            if direction >= 0 and strain[high] - strain[k] > threshold:
                if direction > 0 or strain[high] - strain[0] > threshold:
                    ends.append(high)
                direction, low = -1, k
                high = k
            elif direction <= 0 and strain[k] - strain[low] > threshold:
                if direction < 0 or strain[0] - strain[low] > threshold:
                    ends.append(low)
                direction, high = 1, k
                low = k
    ends.append(len(strain) - 1)
    return np.unique(np.array(ends))


def reduce_curve(test: Measurement, points: int = POINTS) -> Reduced:
    """Return a curve of at most about so many points, averages of neighbours, dense at the knee.

    Bins have equal lengths of the curve, each branch of its own, in units of the whole path of
    strain and of stress.
    """
    at = reversals(test.strain, test.cyclic)
    given = test.deviation
    noise = noise_of(test.strain, test.stress)
    deviation = np.full(len(test.strain), noise) if given is None else np.asarray(given)
    window = max(1, len(test.strain) // 60)
    smooth = _running_mean(test.stress, window)
    steps = 0.5 * np.abs(np.diff(test.strain)) / max(np.abs(np.diff(test.strain)).sum(), 1e-300)
    steps += 0.5 * np.abs(np.diff(smooth)) / max(np.abs(np.diff(smooth)).sum(), 1e-300)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    parts: list[tuple[Array, ...]] = []
    turns = [test.strain[at[0]]]
    for branch, (first, last) in enumerate(pairwise(at)):
        own = np.arange(first if branch == 0 else first + 1, last + 1)
        bins = np.minimum((length[own] * points).astype(int), points - 1)
        _, where = np.unique(bins, return_inverse=True)
        count = np.bincount(where)
        mean = [np.bincount(where, v[own]) / count for v in (test.strain, test.stress)]
        spread = np.sqrt(np.bincount(where, deviation[own] ** 2)) / count
        if given is not None:  # scatter between repeats is no noise of single points
            spread = np.sqrt(np.bincount(where, deviation[own] ** 2) / count)
        parts.append((np.full(len(count), branch), *mean, spread))
        turns.append(test.strain[last])
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Reduced(joined[0].astype(np.int64), joined[1], joined[2], joined[3], np.array(turns))


def uniform_part(test: Measurement) -> Measurement:
    """Return a test up to its maximum load, from where it necks; warn of what is left out."""
    if test.cyclic or test.sign < 0:
        return test
    smooth = _running_mean(test.stress, max(1, len(test.stress) // 60))
    peak = int(smooth.argmax())
    if peak < FEWEST or smooth[-1] > (1 - FALLEN) * smooth[peak]:
        return test
    warnings.warn(
        f"'{test.name}' is used up to its maximum load at a strain of {test.strain[peak]:.3g}; "
        f"{len(test.strain) - peak - 1} points beyond, where it necks, are left out.",
        stacklevel=3,
    )
    given = None if test.deviation is None else np.asarray(test.deviation)[: peak + 1]
    strain, stress = test.strain[: peak + 1], test.stress[: peak + 1]
    return replace(test, strain=strain, stress=stress, deviation=given)


def mean_of_repeats(repeats: Sequence[Measurement]) -> Measurement:
    """Return the mean of repeats over their common strains, with the deviation of the mean.

    Where the origin of the strain is to be fitted (toe), the curves are first moved so that their
    elastic lines coincide. The deviation is that of the scatter, or the given one of single curves
    over the square root of their number.

    Raises:
        ValueError: if repeats reverse, differ in direction, rate or temperature, or have no common
            strains.
    """
    first_one = repeats[0]
    if any(one.cyclic for one in repeats):
        raise ValueError(
            f"Repeats must not reverse, but '{first_one.name}' is cyclic; pass each of them as a "
            "measurement of its own."
        )
    for name in ("direction", "rate", "temperature", "toe", "frame"):
        different = [one for one in repeats if getattr(one, name) != getattr(first_one, name)]
        if different:
            raise ValueError(
                f"Repeats must have one {name}, but '{first_one.name}' has "
                f"{getattr(first_one, name)} and '{different[0].name}' has "
                f"{getattr(different[0], name)}; pass them as measurements of their own."
            )
    sign = first_one.sign
    ordered = [_ascending(sign * one.strain, sign * one.stress) for one in repeats]
    if first_one.toe:
        ordered = _aligned(ordered)
    first = max(e[0] for e, _ in ordered)
    last = min(e[-1] for e, _ in ordered)
    grid = max(ordered, key=lambda pair: len(pair[0]))[0]
    grid = grid[(grid >= first) & (grid <= last)]
    if len(grid) < 8:
        raise ValueError(
            f"Repeats must have strains in common, but those of '{first_one.name}' end at "
            f"{last:.3g} where another begins at {first:.3g}."
        )
    curves = np.stack([np.interp(grid, e, s) for e, s in ordered])
    mean = curves.mean(0)
    given = [np.sqrt(np.mean(np.square(o.deviation))) for o in repeats if o.deviation is not None]
    if given:
        variance = np.full(len(grid), np.mean(np.square(given)))
    else:
        variance = _running_mean(curves.var(0, ddof=1), max(1, len(grid) // 5))
    least = LEAST_NOISE * np.abs(mean).max()
    deviation = np.maximum(np.sqrt(variance / len(repeats)), least)
    return replace(first_one, strain=sign * grid, stress=sign * mean, deviation=deviation)


def _aligned(curves: Sequence[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """Return curves whose elastic lines coincide, at the mean of their origins.

    Each is moved by the median distance of its strains from their mean at equal stresses.
    """
    levels = np.linspace(*ELASTIC, 20) * min(float(stress.max()) for _, stress in curves)
    strains = np.stack(
        [np.interp(levels, np.maximum.accumulate(stress), strain) for strain, stress in curves]
    )
    shifts = np.median(strains - strains.mean(0), axis=1)
    return [
        (strain - shift, stress) for (strain, stress), shift in zip(curves, shifts, strict=True)
    ]


def _ascending(strain: Array, stress: Array) -> tuple[Array, Array]:
    kept = strain >= np.maximum.accumulate(strain)
    e, where = np.unique(strain[kept], return_index=True)
    return e, stress[kept][where]


def _running_mean(values: Array, window: int) -> Array:
    """Return the mean over neighbours, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - window // 2, 0), np.minimum(index + window // 2 + 1, len(values))
    return (total[high] - total[low]) / (high - low)
