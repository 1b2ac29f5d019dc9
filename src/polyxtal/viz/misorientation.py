"""Histogram of misorientation angles, beside Mackenzie's curve of random crystals."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.axes import Axes

from polyxtal.texture.distribution import Texture
from polyxtal.texture.misorientation import misorientations, random_misorientation_density
from polyxtal.viz.style import LINE_COLORS, TICK_SIZE, style_axes

BINS = 48


def draw_misorientations(axes: Axes, texture: Texture, pairs: int = 50_000) -> Axes:
    """Draw the disorientations of pairs drawn from a texture, and those of random crystals.

    Args:
        axes: Axes to draw onto.
        texture: Texture; its pairs are independent, as those of distant grains.
        pairs: Number of pairs.
    """
    found = misorientations(texture, pairs).rad2deg().numpy()
    at = torch.linspace(0, 180, 1801, dtype=torch.float64)
    curve = random_misorientation_density(at.deg2rad(), texture.laue) * math.pi / 180
    end = float(at[curve > 0].max()) + 1
    bins = list(np.linspace(0, end, BINS + 1))
    axes.hist(found, bins=bins, density=True, color=LINE_COLORS[5], label="pairs of the texture")
    shown = at <= end
    name = "random (Mackenzie)" if texture.laue.name == "m-3m" else "random"
    axes.plot(at[shown].numpy(), curve[shown].numpy(), color=LINE_COLORS[1], label=name)
    axes.set_xlabel("Disorientation [degrees]")
    axes.set_ylabel("Density [1/degree]")
    axes.legend(frameon=False, fontsize=TICK_SIZE)
    style_axes(axes)
    return axes
