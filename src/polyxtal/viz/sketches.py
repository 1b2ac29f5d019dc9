"""Sketches of what has no shape of its own: a network's tree, a model's patches."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.network.offline import node_weights
from polyxtal.network.tree import MaterialNetwork
from polyxtal.viz.sphere import to_numpy
from polyxtal.viz.style import INK
from polyxtal.viz.texture import crystal_colors
from polyxtal.viz.volume import draw_faces

SMALLEST = 1 / 100
"""Volume fraction below which a node is not drawn: its lines would merge with others. [-]"""
COLUMNS = 600
"""Columns of the strip of leaves."""
HIDDEN = 0.4
"""Share of patches that a sketch of a masked autoencoder hides, as in pretraining. [-]"""


def draw_tree(axes: Axes, network: MaterialNetwork) -> Axes:
    """Draw the tree of laminates over its leaves, widths in proportion to volume.

    Leaves have the inverse-pole-figure colours of z.

    Args:
        axes: Axes to draw onto.
        network: Network.
    Returns:
        The axes, without frame.
    """
    tree, n = network.tree, network.leaves
    weight = to_numpy(node_weights(tree, network.weights.detach()))
    start, height = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    for level, nodes in reversed([*enumerate(tree.levels, 1)]):
        left, right = tree.left[nodes], tree.right[nodes]
        start[left] = start[n + nodes]
        start[right] = start[n + nodes] + weight[left]
        height[n + nodes] = level
    middle = start + 0.5 * weight
    inner = np.flatnonzero(weight[n:] >= SMALLEST)
    left, right, top = tree.left[inner], tree.right[inner], height[n + inner]
    foot = np.where(weight >= SMALLEST, height, 0.0)  # lines to nodes left out reach the leaves
    corners = [(left, foot[left]), (left, top), (right, top), (right, foot[right])]
    elbows = np.stack([np.stack([middle[k], y], axis=-1) for k, y in corners], axis=1)
    axes.add_collection(LineCollection(list(elbows), colors=INK, linewidths=0.5))

    def laue(phase: int) -> LaueGroup:
        lattice = network.lattices[phase] if network.lattices else None
        return CUBIC if lattice is None else lattice.laue_group

    colors = to_numpy(crystal_colors(network.orientations.detach(), network.phase, laue))
    order = np.argsort(start[:n], kind="stable")
    columns = (np.arange(COLUMNS) + 0.5) / COLUMNS
    which = order[np.searchsorted(start[:n][order], columns, side="right") - 1]
    depth = max(1.0, float(height.max()))
    axes.imshow(colors[which][None], extent=(0, 1, -0.3 * depth, 0), aspect="auto")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.3 * depth, 1.05 * depth)
    axes.set_axis_off()
    return axes


def draw_patches(axes: Axes, count: int) -> Axes:
    """Draw a cube of patches, some of them hidden.

    Args:
        axes: Axes to draw onto.
        count: Patches along an edge.
    Returns:
        The axes, without frame.
    """
    ids = np.arange(count**3).reshape(count, count, count)
    shade = np.random.default_rng(0).random(count**3)
    visible = np.stack([0.2 + 0.4 * shade, 0.5 + 0.3 * shade, 0.8 + 0.1 * shade], axis=-1)
    hidden = np.random.default_rng(1).random(count**3) < HIDDEN
    draw_faces(axes, ids, (1.0, 1.0, 1.0), np.where(hidden[:, None], 0.9, visible))
    axes.set_aspect("equal")
    axes.set_axis_off()
    return axes
