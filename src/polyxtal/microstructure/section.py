"""Sizes and shapes of grains in a plane: on a measured map, and in sections of a volume."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal

BORDER = ("correct", "omit", "keep")
"""Treatments of grains that the border of a map cuts, see `map_profiles`."""


class Profiles(NamedTuple):
    """Grains cut by planes, a row for each grain and plane.

    Attributes:
        area: Area. [µm²]
        extent: Root mean square distance from the centre along the plane's two axes. [µm]
        weight: Weight in averages; 0 if its size is unknown. [-]
        number: Weight in the number of grains. [-]
        plane: Total area of the planes. [µm²]
    """

    area: Float[Tensor, " profiles"]
    extent: Float[Tensor, "profiles 2"]
    weight: Float[Tensor, " profiles"]
    number: Float[Tensor, " profiles"]
    plane: float

    def larger(self, floor: float) -> Profiles:
        """Return the profiles of at least this area [µm²]; the area of the planes stays."""
        kept = self.area >= floor
        return Profiles(*(field[kept] for field in self[:4]), plane=self.plane)

    def statistics(self) -> SectionStatistics:
        """Return means over the profiles.

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
    """Number means of the grains in a plane.

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
    """Return the profiles of a periodic volume in all its voxel planes normal to an axis.

    A grain has one profile per plane, which must be smaller than half the box, as it is for the
    convex grains of a tessellation.

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


def map_profiles(
    grain_id: Int[Tensor, "nx ny"], grains: int, step: tuple[float, float], border: str
) -> Profiles:
    """Return areas and extents of the grains on a map.

    Args:
        grain_id: Grain of each point; -1 where there is none.
        grains: Number of grains.
        step: Distance of neighbouring points along x and y. [µm]
        border: Treatment of grains that the border of the map cuts. "keep" takes them as they
            are, too small. "omit" leaves them out, and with them more large grains than small.
            "correct" compensates for that: in the number of grains, from which the mean area
            follows, each counts ½ less for each edge that cuts it and ¼ more for each corner,
            so that a grain counts once in all maps that could show it [Gundersen1978]; in the
            averages, only whole grains enter, weighted by the inverse of the area in which each
            could lie without being cut [Miles1974]. Grains larger than the map stay unknown.
    Raises:
        ValueError: if `border` is none of these.
    """
    if border not in BORDER:
        raise ValueError(f"Argument `border` must be one of {BORDER}, but is {border!r}.")
    area = areas(grain_id, grains, step)
    extent = second_moments(grain_id, grains, step)[:, :2].sqrt()
    one, whole = torch.ones_like(area), ~at_border(grain_id, grains)
    if border == "keep":
        return Profiles(area, extent, one, one, plane=float(area.sum()))
    if border == "omit":
        one, area = one[whole], area[whole]
        return Profiles(area, extent[whole], one, one, plane=float(area.sum()))
    nx, ny = grain_id.shape
    boxes = _bounding_boxes(grain_id, grains)
    # A box of w x h points clears the border in (nx - 1 - w)(ny - 1 - h) places.
    free = (nx - 1 - boxes[:, 0]).clamp_min(1) * (ny - 1 - boxes[:, 1]).clamp_min(1)
    weight = torch.where(whole, 1 / free.to(torch.float64), 0.0)
    # Between the first and the last row and column of points, which are the edges.
    inside = float(area.sum()) * (nx - 1) * (ny - 1) / (nx * ny)
    return Profiles(area, extent, weight, _counts(grain_id, grains), plane=inside)


def areas(
    grain_id: Int[Tensor, "nx ny"], grains: int, step: tuple[float, float]
) -> Float[Tensor, " grains"]:
    """Return the area of each grain on a map. [µm²]"""
    count = torch.bincount(grain_id[grain_id >= 0], minlength=grains)
    return count.to(torch.float64) * (step[0] * step[1])


def at_border(grain_id: Int[Tensor, "nx ny"], grains: int) -> Bool[Tensor, " grains"]:
    """Return which grains the border of a map cuts."""
    edge = torch.cat([grain_id[0], grain_id[-1], grain_id[:, 0], grain_id[:, -1]])
    cut = torch.zeros(grains, dtype=torch.bool)
    cut[edge[edge >= 0]] = True
    return cut


def second_moments(
    grain_id: Int[Tensor, "nx ny"], grains: int, step: tuple[float, float]
) -> Float[Tensor, "grains 3"]:
    """Return the second moments xx, yy, xy of each grain about its centre, over its area. [µm²]"""
    dx, dy = step
    x, y, label = _points(grain_id)
    _, variance = moments(label, grains, x.astype(np.float64), y.astype(np.float64))
    return torch.from_numpy(variance * (dx * dx, dy * dy, dx * dy))


def _counts(grain_id: Tensor, grains: int) -> Float[Tensor, " grains"]:
    """Return the weight of each grain in the number of grains."""
    number = torch.ones(grains, dtype=torch.float64)
    for edge in (grain_id[0], grain_id[-1], grain_id[:, 0], grain_id[:, -1]):
        number[edge[edge >= 0].unique()] -= 0.5
    for corner in grain_id[[0, 0, -1, -1], [0, -1, 0, -1]].tolist():
        if corner >= 0:
            number[corner] += 0.25
    return number


def _bounding_boxes(grain_id: Tensor, grains: int) -> Int[Tensor, "grains 2"]:
    """Return the number of points that each grain spans along x and y."""
    x, y, label = _points(grain_id)
    spans = []
    for place in (x, y):
        low = np.full(grains, np.iinfo(np.int64).max)
        high = np.full(grains, -1)
        np.minimum.at(low, label, place)
        np.maximum.at(high, label, place)
        spans.append(high - low + 1)
    return torch.from_numpy(np.stack(spans, -1))


def _points(
    grain_id: Tensor,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    ids = grain_id.numpy()
    x, y = np.nonzero(ids >= 0)
    return x, y, ids[x, y]
