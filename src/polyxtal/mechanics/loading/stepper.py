"""What follows a load path: a model with a state that advances by time steps."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from polyxtal.mechanics.loading.mixed_control import MixedControl


class StepResult(NamedTuple):
    """Outcome of one attempted time step."""

    converged: bool
    iterations: int
    residual: float
    crystal_failed: bool = False  # the local law found no solution; `residual` is an older one


@runtime_checkable
class Stepper(Protocol):
    """A model with a state that advances by time steps."""

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal from the accepted state, without changing that state.

        Args:
            dt: Length of the time step. [s]
            control: What the averages must be at its end.
            new_direction: Whether the last step says nothing about this one.
        """
        ...

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        ...

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted volume averages F [-] and P [MPa], (3, 3) each."""
        ...


@runtime_checkable
class CrystalStepper(Stepper, Protocol):
    """A stepper that consists of crystals."""

    def elastic_deformation(self) -> Tensor:
        """Return the accepted F_e of every crystal, (crystals, 3, 3). [-]"""
        ...
