"""The virtual tests of a sheet: x is the rolling direction, y the transverse, z the normal one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm, qmc
from torch import Tensor

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

STAGES = ((0.004, 4e-4), (0.014, 1e-3), (math.inf, 2.5e-3))
"""End of each stage of a test, and strain per increment within it. [-]"""

Kind = Literal["uniaxial", "plane stress", "plane strain", "shear", "deviatoric", "crossed"]


@dataclass(frozen=True)
class VirtualTest:
    """A virtual test.

    Attributes:
        name: Name, such as "uniaxial 45".
        kind: "uniaxial" (tension in the plane), "plane stress" (ratio of two normal stresses),
            "plane strain" (tension without strain across), "shear" (in the plane), "deviatoric"
            (any stress without pressure) or "crossed" (tension with a little stress across).
        path: Its load.
        angle: Angle of the tension to x, or of (σ_x, σ_y) in the plane of the stresses; None for
            deviatoric stresses. [degrees]
    """

    name: str
    kind: Kind
    path: LoadPath
    angle: float | None = None


def in_plane_axes(test: VirtualTest) -> Float[Tensor, "3 3"] | None:
    """Return the axes along a load and those whose strains' ratio is r, None if there is no r.

    In tension those along the width and the thickness, in equibiaxial tension y and x.
    """
    if test.kind == "plane stress" and test.angle == 45.0:
        x, y, _ = torch.eye(3, dtype=torch.float64)
        return torch.stack([x, y, x])
    if test.kind not in ("uniaxial", "crossed") or test.angle is None:
        return None
    angle = math.radians(test.angle)
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def in_stages(path_to: Any, strain: float) -> LoadPath:
    """Return a path in increments that grow from stage to stage.

    Args:
        path_to: Function of a strain and a number of increments that returns a path.
        strain: Strain to reach. [-]
    """
    steps: list[LoadStep] = []
    start = 0.0
    for end, increment in STAGES:
        length = min(end, strain) - start
        if length <= 1e-12:
            break
        steps += path_to(length, max(1, math.ceil(length / increment - 1e-9))).steps
        start += length
    return LoadPath(tuple(steps))


def proportional_test(stress: np.ndarray, strain: float, rate: float) -> LoadPath:
    """Return a test in which the stress keeps its direction."""
    return in_stages(
        lambda length, n: LoadPath.proportional(stress, length, rate, increments=n), strain
    )


def uniaxial_tests(angles: Sequence[float], strain: float, rate: float) -> list[VirtualTest]:
    """Return tensions in the plane of the sheet, without any other stress."""
    along_x = proportional_test(np.diag([1.0, 0.0, 0.0]), strain, rate)
    return [VirtualTest(f"uniaxial {a:g}", "uniaxial", along_x.turned(a), a) for a in angles]


def plane_strain_tests(angles: Sequence[float], strain: float, rate: float) -> list[VirtualTest]:
    """Return tensions in the plane of the sheet, without strain across."""

    def along_x(length: float, increments: int) -> LoadPath:
        return LoadPath.plane_strain(length, rate, "x", "y", increments)

    path = in_stages(along_x, strain)
    return [VirtualTest(f"plane strain {a:g}", "plane strain", path.turned(a), a) for a in angles]


def section_tests(points: int, strain: float, rate: float, half: bool) -> list[VirtualTest]:
    """Return tests along the section of the yield surface by σ_x and σ_y.

    Args:
        points: Number of directions all around, even.
        strain: Equivalent strain to reach. [-]
        rate: Its rate. [1/s]
        half: Whether opposite stresses are equivalent, and half of the directions suffice.
    """
    tests = []
    for k in range(points // 2 if half else points):
        angle = 360.0 * k / points
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        stress = np.diag([round(cosine, 12), round(sine, 12), 0.0])
        path = proportional_test(stress, strain, rate)
        tests.append(VirtualTest(f"plane stress {angle:g}", "plane stress", path, angle))
    return tests


def crossed_tests(
    angles: Sequence[float], cross: float, strain: float, rate: float
) -> list[VirtualTest]:
    """Return tensions in the plane with a little stress across, and one beside equibiaxial.

    Args:
        angles: Angles of the tensions to x. [degrees]
        cross: Stress across over that along. [-]
        strain: Equivalent strain to reach. [-]
        rate: Its rate. [1/s]
    """
    along_x = proportional_test(np.diag([1.0, cross, 0.0]), strain, rate)
    tests = [VirtualTest(f"crossed {a:g}", "crossed", along_x.turned(a), a) for a in angles]
    beside = proportional_test(np.diag([1.0, 1.0 + cross, 0.0]), strain, rate)
    return [*tests, VirtualTest("crossed biaxial", "crossed", beside)]


def shear_test(strain: float, rate: float) -> VirtualTest:
    """Return a shear of the sheet in its plane."""
    stress = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    return VirtualTest("shear 0", "shear", proportional_test(stress, strain, rate), 0.0)


def deviatoric_tests(count: int, strain: float, rate: float, seed: int) -> list[VirtualTest]:
    """Return stresses without pressure, in directions that cover the five-dimensional sphere.

    Sobol points, shifted at random, mapped by the normal distribution's quantile, and divided by
    their length.
    """
    if count == 0:
        return []
    sobol = qmc.Sobol(5, scramble=False).random_base2(max(1, math.ceil(math.log2(count))))
    points = (sobol[:count] + np.random.default_rng(seed).random(5)) % 1.0
    normal = norm.ppf(np.clip(points, 1e-9, 1 - 1e-9))
    tests = []
    for k, (a, b, *shears) in enumerate(normal / np.linalg.norm(normal, axis=1, keepdims=True)):
        stress = np.diag([a / math.sqrt(2) - b / math.sqrt(6), -a / math.sqrt(2) - b / math.sqrt(6),
                          2 * b / math.sqrt(6)])  # fmt: skip
        for (i, j), value in zip(((1, 2), (0, 2), (0, 1)), shears, strict=True):
            stress[i, j] = stress[j, i] = value / math.sqrt(2)
        path = proportional_test(stress, strain, rate)
        tests.append(VirtualTest(f"deviatoric {k + 1}", "deviatoric", path))
    return tests
