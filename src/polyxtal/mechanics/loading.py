"""Load paths: what is prescribed, component by component, over time.

A load step prescribes each component of the deformation gradient F or of the first
Piola-Kirchhoff stress P, never both; NaN marks what is left free. Rates are constant within a
step; stress targets are approached linearly in time from the stress at the step's start, as
DAMASK does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from polyxtal.files.yaml import read_yaml
from polyxtal.mechanics.response import AXES

ELASTIC_RANGE = 5e-3
"""Strain up to which paths built here take fine increments. [-]"""
FINE_INCREMENT, COARSE_INCREMENT = 2e-4, 1e-3
"""Strain per increment within and beyond `ELASTIC_RANGE`. [-]"""
MAX_INCREMENTS = 1_000_000

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
FREE = math.nan


def _matrix(rows: Any) -> Matrix:
    a = np.asarray(rows, dtype=np.float64)
    if a.shape != (3, 3):
        raise ValueError(f"A load must be a 3x3 matrix, but has shape {a.shape}.")
    return tuple(tuple(float(v) for v in row) for row in a)  # type: ignore[return-value]


@dataclass(frozen=True)
class LoadStep:
    """One stretch of constant loading.

    Attributes:
        duration: Time of the step. [s]
        increments: Number of time increments.
        deformation: (3, 3) prescribed deformation, NaN where free.
        deformation_kind: "dot_F" rate of F [1/s], "F" value of F at the end [-],
            "L" velocity gradient [1/s] (whole rows only).
        stress: (3, 3) prescribed stress, NaN where free.
        stress_kind: "P" value at the end [MPa], "dot_P" rate [MPa/s].
        ratio: Length of an increment over that of the one before it.

    Raises:
        ValueError: if a component is prescribed twice or not at all, or a number is invalid.
    """

    duration: float
    increments: int
    deformation: Matrix
    deformation_kind: Literal["dot_F", "F", "L"] = "dot_F"
    stress: Matrix = ((FREE,) * 3,) * 3  # type: ignore[assignment]
    stress_kind: Literal["P", "dot_P"] = "P"
    ratio: float = 1.0

    def __post_init__(self) -> None:
        """Validate that every component has exactly one prescription."""
        object.__setattr__(self, "deformation", _matrix(self.deformation))
        object.__setattr__(self, "stress", _matrix(self.stress))
        if not (math.isfinite(self.duration) and self.duration > 0):
            raise ValueError(f"A load step must last a positive time, but lasts {self.duration} s.")
        if not 1 <= self.increments <= MAX_INCREMENTS:
            raise ValueError(
                f"A load step must have 1 to {MAX_INCREMENTS} increments, "
                f"but has {self.increments}."
            )
        if not (math.isfinite(self.ratio) and self.ratio > 0):
            raise ValueError(f"A load step's ratio must be positive, but is {self.ratio}.")
        if self.deformation_kind not in ("dot_F", "F", "L"):
            raise ValueError(
                f"A deformation must be 'dot_F', 'F' or 'L', but is {self.deformation_kind!r}."
            )
        if self.stress_kind not in ("P", "dot_P"):
            raise ValueError(f"A stress must be 'P' or 'dot_P', but is {self.stress_kind!r}.")
        free_f, free_p = np.isnan(self.deformation), np.isnan(self.stress)
        if not np.array_equal(free_f, ~free_p):
            i, j = np.argwhere(free_f == free_p)[0]
            both = "neither" if free_f[i, j] else "both"
            raise ValueError(
                "Each component must be prescribed in either the deformation or the stress, "
                f"but {'xyz'[i]}{'xyz'[j]} is in {both}."
            )
        if np.isinf(self.deformation).any() or np.isinf(self.stress).any():
            raise ValueError("A load must be finite, but holds an infinite component.")
        rows = free_f.sum(1)
        if self.deformation_kind == "L" and not np.isin(rows, (0, 3)).all():
            raise ValueError("A velocity gradient 'L' must be prescribed in whole rows.")

    @property
    def stress_controlled(self) -> np.ndarray:
        """(3, 3) bool: where P is prescribed."""
        return np.isnan(self.deformation)

    def time_increments(self) -> np.ndarray:
        """(increments,) lengths of the increments; they sum to the duration. [s]"""
        weights = self.ratio ** np.arange(self.increments, dtype=np.float64)
        return self.duration * weights / weights.sum()

    def goal(
        self, deformation: np.ndarray, stress: np.ndarray, dt: float, remaining: float
    ) -> np.ndarray:
        """Find the values at the end of an increment.

        Args:
            deformation, stress: (3, 3) averages F [-] and P [MPa] at its start.
            dt: Length of the increment. [s]
            remaining: Time to the end of the step, this increment included. [s]
        Returns:
            (3, 3): P [MPa] where `stress_controlled`, F [-] elsewhere.
        """
        load_f, load_p = np.asarray(self.deformation), np.asarray(self.stress)
        share = min(1.0, dt / remaining)
        if self.deformation_kind == "F":
            goal_f = deformation + share * (load_f - deformation)
        elif self.deformation_kind == "L":
            goal_f = deformation + dt * np.nan_to_num(load_f) @ deformation
        else:
            goal_f = deformation + dt * load_f
        if self.stress_kind == "P":
            goal_p = stress + share * (load_p - stress)
        else:
            goal_p = stress + dt * load_p
        return np.where(self.stress_controlled, goal_p, goal_f)


@dataclass(frozen=True)
class LoadPath:
    """A sequence of load steps.

    Example:
        >>> import polyxtal as px
        >>> path = px.LoadPath.uniaxial(strain=0.05, rate=1e-3, axis="x", unload=True)
        >>> [step.increments for step in path.steps]
        [25, 45, 25]
    """

    steps: tuple[LoadStep, ...]

    def __post_init__(self) -> None:
        """Validate that there is at least one step."""
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise ValueError("A load path must have at least one step, but has none.")

    @property
    def increments(self) -> int:
        """Number of increments of the whole path."""
        return sum(step.increments for step in self.steps)

    @classmethod
    def uniaxial(
        cls,
        strain: float = 0.05,
        rate: float = 1e-3,
        axis: str = "x",
        unload: bool = False,
        increments: int | None = None,
    ) -> LoadPath:
        """Stretch along an axis, lateral normal stresses zero, all shears of F held at zero.

        Args:
            strain: Engineering strain to reach; negative compresses. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            unload: Then take the axial stress back to zero under stress control.
            increments: Equal increments of loading; None for fine ones up to `ELASTIC_RANGE`
                and coarse ones beyond.
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
        """Stretch and compress in turn between ±strain, ending at zero strain.

        Args:
            strain: Engineering strain amplitude; its sign is the first direction. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            cycles: Number of full cycles 0, +strain, -strain, 0.
            increments: Equal increments of each quarter cycle; None for automatic.
        """
        if cycles < 1:
            raise ValueError(f"Argument `cycles` must be at least 1, but is {cycles}.")
        turns = [0.0]
        for _ in range(cycles):
            turns += [_strain(strain), -strain]
        turns.append(0.0)
        steps: list[LoadStep] = []
        for start, end in pairwise(turns):
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
        """Simple shear F = I + γ e_i ⊗ e_j, all of F prescribed.

        Args:
            strain: Amount of shear γ to reach. [-]
            rate: Rate of γ, positive. [1/s]
            plane: Two axes: shear direction i and plane normal j, such as "xy".
            increments: Equal increments; None for automatic.
        """
        if len(plane) != 2 or plane[0] == plane[1] or any(a not in AXES for a in plane):
            raise ValueError(
                f"Argument `plane` must name two different axes, such as 'xy', but is {plane!r}."
            )
        _strain(strain)
        direction = np.zeros((3, 3))
        direction[AXES[plane[0]], AXES[plane[1]]] = math.copysign(_rate(rate), strain)
        pieces = _pieces((0.0, strain), increments)
        return cls(tuple(LoadStep(length / rate, n, _matrix(direction)) for length, n in pieces))

    @classmethod
    def plane_strain(
        cls,
        strain: float = -0.05,
        rate: float = 1e-3,
        axis: str = "z",
        fixed: str = "y",
        increments: int | None = None,
    ) -> LoadPath:
        """Stretch or compress along `axis`, hold `fixed`, leave the third axis stress-free.

        Args:
            strain: Engineering strain along `axis`; negative compresses (rolling). [-]
            rate: Engineering strain rate, positive. [1/s]
            axis, fixed: Two different axes.
            increments: Equal increments; None for automatic.
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
                LoadStep(length / rate, n, _matrix(load), stress=_matrix(stress))
                for length, n in _pieces((0.0, strain), increments)
            )
        )

    @classmethod
    def from_damask(cls, loadstep: str | Path | Mapping[str, Any] | Sequence[Any]) -> LoadPath:
        """Read DAMASK's load format.

        Args:
            loadstep: A load YAML file, its parsed content, or the parsed `loadstep` list;
                stresses in Pa, `x` where free.
        Raises:
            ValueError: naming the load step and the key that is missing, unknown or invalid.
        """
        where = "The load"
        if isinstance(loadstep, str | Path):
            where = f"{loadstep}: the load"
            loadstep = read_yaml(loadstep)
        if isinstance(loadstep, Mapping):
            if "loadstep" not in loadstep:
                raise ValueError(f"{where} must have a `loadstep` list, but has none.")
            loadstep = loadstep["loadstep"]
        if not isinstance(loadstep, Sequence) or isinstance(loadstep, str) or not loadstep:
            raise ValueError(f"{where} must hold a list of load steps, but holds {loadstep!r:.60}.")
        return cls(
            tuple(_damask_step(step, f"{where}, step {k + 1}") for k, step in enumerate(loadstep))
        )

    def to_damask(self) -> dict[str, Any]:
        """Return the load in DAMASK's format (stresses in Pa), to be dumped as YAML."""

        def rows(matrix: Matrix, scale: float) -> list[list[float | str]]:
            return [["x" if math.isnan(v) else v * scale for v in row] for row in matrix]

        steps = []
        for step in self.steps:
            mechanical: dict[str, Any] = {}
            if not np.isnan(step.deformation).all():
                mechanical[step.deformation_kind] = rows(step.deformation, 1.0)
            if not np.isnan(step.stress).all():
                mechanical[step.stress_kind] = rows(step.stress, 1e6)
            discretization: dict[str, Any] = {"t": step.duration, "N": step.increments}
            if step.ratio != 1.0:
                discretization["r"] = step.ratio
            steps.append(
                {
                    "boundary_conditions": {"mechanical": mechanical},
                    "discretization": discretization,
                    "f_out": 1,
                }
            )
        return {"solver": {"mechanical": "spectral_basic"}, "loadstep": steps}

    def __iter__(self) -> Iterator[LoadStep]:
        """Iterate over the steps."""
        return iter(self.steps)


def _axis(name: str) -> int:
    if name not in AXES:
        raise ValueError(f"An axis must be 'x', 'y' or 'z', but is {name!r}.")
    return AXES[name]


def _strain(strain: float) -> float:
    if not (math.isfinite(strain) and strain != 0 and strain > -1):
        raise ValueError(
            f"Argument `strain` must be finite, not zero and above -1, but is {strain}."
        )
    return strain


def _rate(rate: float) -> float:
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"Argument `rate` must be positive and finite, but is {rate} 1/s.")
    return rate


def _pieces(ends: tuple[float, float], increments: int | None) -> list[tuple[float, int]]:
    """Split a stretch of strain into (length, increments): fine first, then coarse."""
    length = abs(ends[1] - ends[0])
    if increments is not None:
        return [(length, increments)]
    fine = min(length, ELASTIC_RANGE)
    pieces = [(fine, math.ceil(fine / FINE_INCREMENT - 1e-9))]
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
        LoadStep(length / rate, n, _matrix(load), stress=_matrix(stress))
        for length, n in _pieces(ends, increments)
    ]


def _release(axis: int, rate: float) -> LoadStep:
    """Take all normal stresses to zero in the time that `ELASTIC_RANGE` takes."""
    load = np.zeros((3, 3)) + np.diag([FREE] * 3)
    stress = np.where(np.eye(3) > 0, 0.0, FREE)
    count = math.ceil(ELASTIC_RANGE / FINE_INCREMENT - 1e-9)
    return LoadStep(ELASTIC_RANGE / rate, count, _matrix(load), stress=_matrix(stress))


_STEP_KEYS = {"boundary_conditions", "discretization", "estimate_rate", "f_out", "f_restart"}


def _damask_step(step: Any, where: str) -> LoadStep:
    def need(mapping: Any, key: str) -> Any:
        if not isinstance(mapping, Mapping) or key not in mapping:
            raise ValueError(f"{where} must have the key `{key}`, but has none.")
        return mapping[key]

    mechanical = need(need(step, "boundary_conditions"), "mechanical")
    discretization = need(step, "discretization")
    for mapping, known in (
        (step, _STEP_KEYS),
        (step["boundary_conditions"], {"mechanical"}),
        (mechanical, {"dot_F", "F", "L", "P", "dot_P"}),
        (discretization, {"t", "N", "r"}),
    ):
        unknown = set(mapping) - known
        if unknown:
            raise ValueError(
                f"{where} must use the keys {sorted(known)}, but has `{sorted(unknown)[0]}`."
            )
    kinds_f = [k for k in ("dot_F", "F", "L") if k in mechanical]
    kinds_p = [k for k in ("P", "dot_P") if k in mechanical]
    if len(kinds_f) > 1 or len(kinds_p) > 1 or not kinds_f + kinds_p:
        raise ValueError(
            f"{where} must prescribe one of dot_F, F, L and at most one of P, dot_P, "
            f"but prescribes {kinds_f + kinds_p}."
        )
    try:
        duration, count = float(need(discretization, "t")), int(need(discretization, "N"))
        deformation = (
            _damask_matrix(mechanical[kinds_f[0]]) if kinds_f else _matrix([[FREE] * 3] * 3)
        )
        stress = (
            _damask_matrix(mechanical[kinds_p[0]], 1e-6) if kinds_p else _matrix([[FREE] * 3] * 3)
        )
        return LoadStep(
            duration,
            count,
            deformation,
            kinds_f[0] if kinds_f else "dot_F",  # type: ignore[arg-type]
            stress,
            kinds_p[0] if kinds_p else "P",  # type: ignore[arg-type]
            float(discretization.get("r", 1.0)),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} is invalid: {error}") from error


def _damask_matrix(rows: Any, scale: float = 1.0) -> Matrix:
    if np.shape(np.array(rows, dtype=object)) != (3, 3):
        raise ValueError(f"a boundary condition must be a 3x3 matrix, but is {rows!r:.80}.")
    return _matrix([[FREE if v == "x" else float(v) * scale for v in row] for row in rows])
