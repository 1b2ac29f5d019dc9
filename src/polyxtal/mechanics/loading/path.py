"""Load paths: sequences of load steps, built by name or read from DAMASK's load files."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.loading.damask_file import dump_damask_load, parse_damask_load
from polyxtal.mechanics.loading.step import FREE, MAX_INCREMENTS, LoadStep, load_matrix
from polyxtal.mechanics.loading.usual_sizes import rate_remark, strain_remark, warn_of_steps
from polyxtal.mechanics.measures import AXES
from polyxtal.notebook import notebook_html

ELASTIC_RANGE = 5e-3
"""Strain up to which the default increments are fine. [-]"""
FINE_INCREMENT, COARSE_INCREMENT = 2e-4, 1e-3
"""Strain per increment within and beyond `ELASTIC_RANGE`. [-]"""


@dataclass(frozen=True, repr=False)
class LoadPath:
    """A sequence of load steps.

    Example:
        >>> import polyxtal as px
        >>> path = px.LoadPath.uniaxial(strain=0.05, rate=1e-3, axis="x", unload=True)
        >>> [step.increments for step in path.steps]
        [25, 45, 25]
    """

    steps: tuple[LoadStep, ...]

    _repr_html_ = notebook_html

    def __post_init__(self) -> None:
        """Validate the number of steps and increments."""
        require_type(self.steps, Iterable, "steps")
        object.__setattr__(self, "steps", tuple(self.steps))
        for step in self.steps:
            require_type(step, LoadStep, "steps")
        if not self.steps:
            raise ValueError("A load path must have at least one step, but has none.")
        if self.increments > MAX_INCREMENTS:
            raise ValueError(
                f"A load path must have at most {MAX_INCREMENTS} increments (MAX_INCREMENTS), "
                f"but has {self.increments}."
            )

    def __repr__(self) -> str:
        """Describe without the matrices of the steps."""
        return (
            f"LoadPath(steps={len(self.steps)}, increments={self.increments}, "
            f"duration={self.duration:g} s)"
        )

    @property
    def increments(self) -> int:
        """Number of increments of the whole path."""
        return sum(step.increments for step in self.steps)

    @property
    def duration(self) -> float:
        """Time that the whole path takes. [s]"""
        return sum(step.duration for step in self.steps)

    @classmethod
    def uniaxial(
        cls,
        strain: float = 0.05,
        rate: float = 1e-3,
        axis: str = "x",
        unload: bool = False,
        increments: int | None = None,
    ) -> LoadPath:
        """Return uniaxial tension or compression: lateral stresses and the shears of F are zero.

        Args:
            strain: Engineering strain to reach; negative compresses. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            unload: Whether to unload to zero stress afterwards, under stress control.
            increments: Number of equal increments of loading; None for fine ones up to
                `ELASTIC_RANGE` and coarse ones beyond.
        """
        loading = _stretch(_axis(axis), (0.0, _strain(strain)), _rate(rate), increments)
        if unload:
            loading.append(_release(_axis(axis), rate))
        return cls(tuple(loading))

    @classmethod
    def cyclic(
        cls,
        strain: float = 0.02,
        rate: float = 1e-3,
        axis: str = "x",
        cycles: int = 1,
        increments: int | None = None,
    ) -> LoadPath:
        """Return cycles of tension and compression between ±strain, ending at zero strain.

        Args:
            strain: Engineering strain amplitude; its sign is the first direction. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            cycles: Number of full cycles 0, +strain, -strain, 0.
            increments: Number of equal increments per quarter cycle; None for automatic.
        """
        if cycles < 1:
            raise ValueError(f"Argument `cycles` must be at least 1, but is {cycles}.")
        require_number(strain, "strain")
        if not abs(strain) < 1:
            raise ValueError(
                f"Argument `strain` must lie between -1 and 1 in a cycle, but is {strain}."
            )
        _strain(strain)
        peaks = [0.0]
        for _ in range(cycles):
            peaks += [strain, -strain]
        peaks.append(0.0)
        steps: list[LoadStep] = []
        for start, end in pairwise(peaks):
            quarters = round(abs(end - start) / abs(strain))
            count = None if increments is None else quarters * increments
            steps += _stretch(_axis(axis), (start, end), _rate(rate), count)
        return cls(tuple(steps))

    @classmethod
    def shear(
        cls,
        strain: float = 0.05,
        rate: float = 1e-3,
        plane: str = "xy",
        increments: int | None = None,
    ) -> LoadPath:
        """Return simple shear F = I + γ e_i ⊗ e_j, all components of F prescribed.

        Args:
            strain: Amount of shear γ to reach. [-]
            rate: Rate of γ, positive. [1/s]
            plane: Two axes: shear direction i and plane normal j, such as "xy".
            increments: Number of equal increments; None for automatic.
        """
        if len(plane) != 2 or plane[0] == plane[1] or any(a not in AXES for a in plane):
            raise ValueError(
                f"Argument `plane` must name two different axes, such as 'xy', but is {plane!r}."
            )
        _strain(strain)
        direction = np.zeros((3, 3))
        direction[AXES[plane[0]], AXES[plane[1]]] = math.copysign(_rate(rate), strain)
        pieces = _pieces((0.0, strain), increments)
        return cls(
            tuple(LoadStep(length / rate, n, load_matrix(direction)) for length, n in pieces)
        )

    @classmethod
    def plane_strain(
        cls,
        strain: float = -0.05,
        rate: float = 1e-3,
        axis: str = "z",
        fixed: str = "y",
        increments: int | None = None,
    ) -> LoadPath:
        """Return plane strain: load along `axis`, none along `fixed`, a stress-free third axis.

        Args:
            strain: Engineering strain along `axis`; negative compresses (rolling). [-]
            rate: Engineering strain rate, positive. [1/s]
            axis, fixed: Two different axes.
            increments: Number of equal increments; None for automatic.
        """
        i, k = _axis(axis), _axis(fixed)
        if i == k:
            raise ValueError(f"Arguments `axis` and `fixed` must differ, but both are {axis!r}.")
        _strain(strain)
        load, stress = np.zeros((3, 3)), np.full((3, 3), FREE)
        free = 3 - i - k
        load[i, i] = math.copysign(_rate(rate), strain)
        load[free, free], stress[free, free] = FREE, 0.0
        return cls(
            tuple(
                LoadStep(length / rate, n, load_matrix(load), stress=load_matrix(stress))
                for length, n in _pieces((0.0, strain), increments)
            )
        )

    @classmethod
    def from_damask(cls, loadstep: str | Path | Mapping[str, Any] | Sequence[Any]) -> LoadPath:
        """Read a load path in DAMASK's format.

        Args:
            loadstep: A load YAML file, its parsed content, or the parsed `loadstep` list;
                stresses in Pa, `x` where free.
        Warns:
            UserWarning: of strains, rates, stresses and times in a file that are unusual.
        Raises:
            ValueError: naming the load step and the key that is missing, unknown or invalid.
        """
        path = cls(parse_damask_load(loadstep))
        if isinstance(loadstep, str | Path):
            warn_of_steps(path.steps, f"{loadstep}: the load")
        return path

    def to_damask(self) -> dict[str, Any]:
        """Return the load in DAMASK's format (stresses in Pa), to be dumped as YAML."""
        return dump_damask_load(self.steps)

    def __iter__(self) -> Iterator[LoadStep]:
        """Iterate over the steps."""
        return iter(self.steps)


def _axis(name: str) -> int:
    if name not in AXES:
        raise ValueError(f"An axis must be 'x', 'y' or 'z', but is {name!r}.")
    return AXES[name]


def _strain(strain: float) -> float:
    require_number(strain, "strain")
    if not (math.isfinite(strain) and strain != 0 and strain > -1):
        raise ValueError(
            f"Argument `strain` must be finite, not zero and above -1, but is {strain}."
        )
    if remark := strain_remark(strain):
        warnings.warn(f"A {remark}.", stacklevel=4)
    return strain


def _rate(rate: float) -> float:
    require_number(rate, "rate")
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"Argument `rate` must be positive and finite, but is {rate} 1/s.")
    if remark := rate_remark(rate):
        warnings.warn(f"A {remark}.", stacklevel=4)
    return rate


def _pieces(ends: tuple[float, float], increments: int | None) -> list[tuple[float, int]]:
    """Split a strain range into pieces (length, increments): fine first, then coarse."""
    length = abs(ends[1] - ends[0])
    if increments is not None:
        return [(length, increments)]
    fine = min(length, ELASTIC_RANGE)
    pieces = [(fine, max(1, math.ceil(fine / FINE_INCREMENT - 1e-9)))]
    if length > fine * (1 + 1e-9):
        pieces.append((length - fine, math.ceil((length - fine) / COARSE_INCREMENT - 1e-9)))
    return pieces


def _stretch(
    axis: int, ends: tuple[float, float], rate: float, increments: int | None
) -> list[LoadStep]:
    load, stress = np.zeros((3, 3)), np.full((3, 3), FREE)
    for k in range(3):
        if k == axis:
            load[k, k] = math.copysign(rate, ends[1] - ends[0])
        else:
            load[k, k], stress[k, k] = FREE, 0.0
    return [
        LoadStep(length / rate, n, load_matrix(load), stress=load_matrix(stress))
        for length, n in _pieces(ends, increments)
    ]


def _release(axis: int, rate: float) -> LoadStep:
    """Return the step that unloads all normal stresses, as long as `ELASTIC_RANGE` takes."""
    load = np.zeros((3, 3)) + np.diag([FREE] * 3)
    stress = np.where(np.eye(3) > 0, 0.0, FREE)
    count = math.ceil(ELASTIC_RANGE / FINE_INCREMENT - 1e-9)
    return LoadStep(ELASTIC_RANGE / rate, count, load_matrix(load), stress=load_matrix(stress))
