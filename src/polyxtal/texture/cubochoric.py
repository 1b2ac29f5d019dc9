"""Volume-preserving map between a cube and the rotations.

The homochoric vector of a rotation by ω about n, h = (3/4 (ω - sin ω))^⅓ n, fills a ball of volume
π² in which equal volumes are equal shares of all rotations. A second volume-preserving map turns
a cube of edge π^⅔ into that ball [Rosca2014]. Any grid of equal cells in the cube is thus a grid
of equal shares of SO(3).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

EDGE = math.pi ** (2 / 3)
"""Edge of the cube. [-]"""
_RADIUS = (0.75 * math.pi) ** (1 / 3)
_BETA = 0.5 * math.pi ** (5 / 6) / 6 ** (1 / 6)
_SCALE = 2 * _BETA / EDGE
_FACTOR = _RADIUS * 2**0.25 / _BETA
NEWTON_STEPS = 60


def cubochoric_to_homochoric(cube: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Map points of the cube, centred at the origin, to the ball of radius (3π/4)^⅓ [Rosca2014].

    Each of the six pyramids between centre and face is mapped separately, with its axis last.
    """
    height = cube.abs().argmax(-1)
    order = (height[:, None] + torch.tensor([1, 2, 0], device=cube.device)) % 3
    x, y, z = (_SCALE * cube.gather(-1, order)).unbind(-1)
    # Within a pyramid, the quarter where |x| >= |y|; the others by exchanging x and y.
    swap = y.abs() > x.abs()
    x, y = torch.where(swap, y, x), torch.where(swap, x, y)
    on_axis = x == 0
    safe_x = torch.where(on_axis, 1.0, x)
    angle = math.pi / 12 * y / safe_x
    stretch = _FACTOR * safe_x / (2**0.5 - angle.cos()).sqrt()
    t1, t2 = (2**0.5 * angle.cos() - 1) * stretch, 2**0.5 * angle.sin() * stretch
    t1, t2 = torch.where(swap, t2, t1), torch.where(swap, t1, t2)
    squared = torch.where(on_axis, 0.0, t1**2 + t2**2)
    safe_z = torch.where(z == 0, 1.0, z)
    lift = (6 / math.pi) ** 0.5 * z - (math.pi / 24) ** 0.5 * squared / safe_z
    flat = (1 - math.pi * squared / (24 * safe_z**2)).clamp_min(0).sqrt()
    zero = torch.zeros_like(z)
    ball = torch.stack(
        [torch.where(on_axis, zero, t1 * flat), torch.where(on_axis, zero, t2 * flat), lift], -1
    )
    ball = torch.where((z == 0)[:, None], 0.0, ball)
    return torch.zeros_like(cube).scatter(-1, order, ball)


def homochoric_to_quaternion(ball: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4"]:
    """Return the rotations of homochoric vectors, ω - sin ω = 4/3 |h|³, by Newton's method."""
    radius = torch.linalg.vector_norm(ball, dim=-1)
    goal = (4 / 3 * radius**3).clamp_max(math.pi)
    # Close to the solution at both ends; the function is convex in between.
    angle = 2 * radius * (1 + radius**2 / 30)
    for _ in range(NEWTON_STEPS):
        slope = 1 - angle.cos()
        step = (angle - angle.sin() - goal) / torch.where(slope > 1e-14, slope, 1.0)
        step = torch.where(slope > 1e-14, step, 0.0)
        angle = (angle - step).clamp(0.0, math.pi)
        if not bool(step.abs().max() > 1e-14):
            break
    axis = ball / torch.where(radius > 0, radius, 1.0)[:, None]
    return torch.cat([(angle / 2).cos()[:, None], (angle / 2).sin()[:, None] * axis], -1)


def cubochoric_grid(cells: int, most: float = math.pi) -> Float[Tensor, "n 4"]:
    """Return the rotations at the centres of cells³ equal cells of SO(3); w >= 0.

    Args:
        cells: Cells along the edge of the cube.
        most: Angle beyond which rotations may be left out, as concentric cubes are balls. [rad]
    """
    middle = ((torch.arange(cells, dtype=torch.float64) + 0.5) / cells - 0.5) * EDGE
    share = (most - math.sin(most)) / math.pi
    middle = middle[middle.abs() <= 0.5 * EDGE * share ** (1 / 3) + 1e-9]
    cube = torch.cartesian_prod(middle, middle, middle).reshape(-1, 3)
    return homochoric_to_quaternion(cubochoric_to_homochoric(cube))
