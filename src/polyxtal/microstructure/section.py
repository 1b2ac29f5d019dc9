"""Sizes and shapes of grains seen in a plane: on a measured map, and in sections of a volume."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal


class Profiles(NamedTuple):
    """Grains cut by planes, a row for each grain and plane.

    Attributes:
        area: Area. [µm²]
        extent: Root mean square distance from the centre along the plane's two axes. [µm]
        weight: What each counts in averages; 0 if its size is not known.
        number: What each counts in the number of grains.
        plane: Area of all planes. [µm²]
    """

    area: Float[Tensor, " profiles"]
    extent: Float[Tensor, "profiles 2"]
    weight: Float[Tensor, " profiles"]
    number: Float[Tensor, " profiles"]
    plane: float

    def larger(self, floor: float) -> Profiles:
        """Keep those of at least this area [µm²], as if they shared the others' area."""
        kept = self.area >= floor
        return Profiles(*(field[kept] for field in self[:4]), plane=self.plane)

    def statistics(self) -> SectionStatistics:
        """Average over the profiles.

        Raises:
            ValueError: if there is none, or none of known size.
        """
        number = float(self.number.sum())
        if not bool((self.weight > 0).any()) or not number > 0:
            raise ValueError(
                "There must be a grain of known size to average over, but of "
                f"{len(self.area)} there is none."
            )
        share = self.weight / self.weight.sum()
        logarithm = (self.area * (4 / torch.pi)).sqrt().log()
        mean = share @ logarithm
        x, y = ((share * self.area) @ self.extent).tolist()
        return SectionStatistics(
            profiles=int((self.weight > 0).sum()),
            mean_area=self.plane / number,
            mean_diameter=float(share @ logarithm.exp()),
            spread=float((share @ (logarithm - mean).square()).sqrt()),
            aspect=x / y,
        )


class SectionStatistics(NamedTuple):
    """What the grains seen in a plane are like on average, each counting once.

    Attributes:
        profiles: Number of profiles of known size.
        mean_area: Area of the planes over the number of grains in them. [µm²]
        mean_diameter: Mean diameter of the circle of equal area. [µm]
        spread: Standard deviation of the logarithm of that diameter. [-]
        aspect: Extent along the plane's first axis over that along its second (x over y on a map);
            profiles count by area. [-]
    """

    profiles: int
    mean_area: float
    mean_diameter: float
    spread: float
    aspect: float


def section_profiles(rve: Polycrystal, axis: int = 2) -> Profiles:
    """Cut a periodic volume by all its voxel planes normal to an axis.

    All that a plane shows of a grain is one profile, which must be smaller than half the box, as it
    is for the convex grains of a tessellation.

    Args:
        rve: Polycrystal.
        axis: Normal of the planes: 0, 1 or 2.
    """
    ids = np.moveaxis(rve.grain_id.numpy(), axis, 0)
    planes, na, nb = ids.shape
    spacing = np.delete(np.array(rve.spacing), axis)
    profile = ids + rve.grains * np.arange(planes)[:, None, None]
    _, first, label = np.unique(profile, return_index=True, return_inverse=True)
    label = label.reshape(-1)
    a, b = (np.broadcast_to(v, ids.shape).reshape(-1) for v in np.ogrid[:planes, :na, :nb][1:])
    offsets = []
    for place, n in ((a, na), (b, nb)):
        gap = place - place[first][label]
        offsets.append(gap - n * np.rint(gap / n))
    pixels, variance = moments(label, len(first), offsets[0], offsets[1])
    area = pixels * spacing.prod()
    extent = np.sqrt(variance[:, :2]) * spacing
    one = torch.ones(len(area), dtype=torch.float64)
    return Profiles(
        torch.from_numpy(area), torch.from_numpy(extent), one, one, plane=float(area.sum())
    )


def moments(
    label: NDArray[np.int64], labels: int, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the number of pixels of each label, and their variances xx, yy, xy. [pixels²]"""
    pixels = np.bincount(label, minlength=labels).astype(np.float64)
    count = np.maximum(pixels, 1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(label, weights=values, minlength=labels) / count

    mx, my = mean(x), mean(y)
    x, y = x - mx[label], y - my[label]
    # A pixel is a square, not a point.
    return pixels, np.stack([mean(x * x) + 1 / 12, mean(y * y) + 1 / 12, mean(x * y)], -1)
