"""Load paths: sequences of load steps, built by name or read from DAMASK's load files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.loading.damask_file import dump_damask_load, parse_damask_load
from polyxtal.mechanics.loading.named_paths import NamedPaths
from polyxtal.mechanics.loading.step import MAX_INCREMENTS, LoadStep
from polyxtal.mechanics.loading.usual_sizes import warn_of_steps
from polyxtal.mechanics.loading.usual_tests import axis_index
from polyxtal.notebook import notebook_html


@dataclass(frozen=True, repr=False)
class LoadPath(NamedPaths):
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
        """Return the load in DAMASK's format (stresses in Pa), to be dumped as YAML.

        Components that are not along three perpendicular axes, as those of `proportional`, need the
        key `basis`, which DAMASK itself does not know.
        """
        return dump_damask_load(self.steps)

    def turned(self, angle: float, axis: str = "z") -> LoadPath:
        """Return the path turned about an axis, to load along other directions of the specimen.

        Of a sheet with its rolling direction along x and its normal along z, a tension along x
        turned by 45 is the tension at 45 degrees to the rolling direction.

        Args:
            angle: Angle from x towards y about z, and cyclically. [degrees]
            axis: "x", "y" or "z".

        Example:
            >>> import polyxtal as px
            >>> path = px.LoadPath.uniaxial(0.01).turned(45)
            >>> path.steps[0].axes[:, 0].round(3).tolist()
            [0.707, 0.707, 0.0]
        """
        require_number(angle, "angle")
        if not math.isfinite(angle):
            raise ValueError(f"Argument `angle` must be finite, but is {angle} degrees.")
        rotation = np.roll(_turn_about_z(angle), axis_index(axis) - 2, (0, 1))
        return LoadPath(tuple(step.turned(rotation) for step in self.steps))

    def __add__(self, other: LoadPath) -> LoadPath:
        """Return this path followed by another, whose rates go on from where this one ends."""
        if not isinstance(other, LoadPath):
            return NotImplemented
        return LoadPath(self.steps + other.steps)

    def __iter__(self) -> Iterator[LoadStep]:
        """Iterate over the steps."""
        return iter(self.steps)


def _turn_about_z(angle: float) -> np.ndarray:
    quarter, rest = divmod(angle, 90.0)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(round(quarter) % 4):  # quarter turns to the last bit
        cosine, sine = -sine, cosine
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
