"""Axes of one-line figures."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from polyxtal.argument_types import require_type


def given_axes(ax: Axes | None, **kind: Any) -> Axes:
    """Return the axes that were given, or those of a new pyplot figure."""
    if ax is not None:
        require_type(ax, Axes, "ax")
        return ax
    from matplotlib import pyplot  # the one place with global state, so that notebooks show it

    return pyplot.figure(layout="constrained").add_subplot(**kind)
