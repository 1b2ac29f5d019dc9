"""The elastic crystal, compiled: no slip and no state."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field


def constants(systems: int) -> list[Field]:
    """Return the fields of the law's record beyond those of all laws: none."""
    return []


def scratch(systems: int) -> list[Field]:
    """Return the fields of the law's scratch beyond those of all laws: none."""
    return []


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Return a residual of zero: there is no slip."""
    return 0.0


@compiled
def condense_law(law, state, count, ws):
    """Do nothing: there is no state."""


@compiled
def law_step(law, state, count, ws):
    """Return no change of drive: Newton's step of the stress is exact."""
    return 0.0


@compiled
def fill_drive(law, resolved, state, out):
    """Do nothing: there are no systems."""


@compiled
def fill_limits(law, slip, dt, ws):
    """Do nothing: there are no systems."""
