"""The elastic crystal, compiled: nothing slips, nothing changes."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field


def constants(systems: int) -> list[Field]:
    """Return what the law's record holds besides what every law has."""
    return []


def scratch(systems: int) -> list[Field]:
    """Return what the law's scratch holds besides what every law has."""
    return []


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Nothing slips."""
    return 0.0


@compiled
def condense_law(law, state, count, ws):
    """There is nothing to eliminate."""


@compiled
def law_step(law, state, count, ws):
    """Newton's step of the stress alone is exact."""
    return 0.0


@compiled
def fill_drive(law, resolved, state, out):
    """There is no system to drive."""


@compiled
def fill_limits(law, slip, dt, ws):
    """There is no system to limit."""
