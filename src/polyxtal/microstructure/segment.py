"""Grains of a measured map: regions whose neighbouring points differ by less than a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.io.average import average_orientations
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.section import Profiles, SectionStatistics, moments

DEFAULT_THRESHOLD = math.radians(5.0)
_CHUNK = 2**18
BORDER = ("correct", "omit", "keep")


@dataclass(frozen=True, eq=False, repr=False)
class GrainMap:
    """The grains of a map.

    Attributes:
        grain_id: Grain of each point, 0-based; -1 where there is none (see `segment`).
        orientations: Mean orientation of each grain, over its measured points. [-]
        phase: Phase of each grain, an index into the map's `phase_names`.
        source: The map.
        filled: Share of the points that took their grain from a neighbour. [-]
        minimum: Fewest measured points of a grain.
    """

    grain_id: Int[Tensor, "nx ny"]
    orientations: Float[Tensor, "grains 4"]
    phase: Int[Tensor, "grains"]
    source: EbsdMap
    filled: float
    minimum: int

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return (
            f"GrainMap(grains={self.grains}, at the border={int(self.border.sum())}, "
            f"grid={self.source.grid}, filled={100 * self.filled:.1f} %)"
        )

    @property
    def grains(self) -> int:
        """Number of grains."""
        return len(self.orientations)

    @property
    def area(self) -> Float[Tensor, " grains"]:
        """Area of each grain. [µm²]"""
        ids = self.grain_id[self.grain_id >= 0]
        count = torch.bincount(ids, minlength=self.grains).to(torch.float64)
        return count * (self.source.step[0] * self.source.step[1])

    @property
    def diameter(self) -> Float[Tensor, " grains"]:
        """Diameter of the circle of equal area. [µm]"""
        return (self.area * (4 / math.pi)).sqrt()

    @property
    def elongation(self) -> Float[Tensor, " grains"]:
        """Length over width of the ellipse with the grain's second moments, at least 1. [-]"""
        xx, yy, xy = self._variances().unbind(-1)
        mean, radius = 0.5 * (xx + yy), torch.hypot(0.5 * (xx - yy), xy)
        return ((mean + radius) / (mean - radius)).sqrt()

    @property
    def border(self) -> Bool[Tensor, " grains"]:
        """Whether the map's border cuts the grain, so that its size is not known."""
        ids = self.grain_id
        edge = torch.cat([ids[0], ids[-1], ids[:, 0], ids[:, -1]])
        cut = torch.zeros(self.grains, dtype=torch.bool)
        cut[edge[edge >= 0]] = True
        return cut

    def statistics(self, border: str = "correct") -> SectionStatistics:
        """Average sizes and shapes; `profiles` says what becomes of grains at the border."""
        return self.profiles(border).statistics()

    def profiles(self, border: str = "correct") -> Profiles:
        """List areas and extents of the grains.

        Args:
            border: What becomes of grains that the map's border cuts. "keep" takes them as they
                are, too small. "omit" leaves them out, and with them more large grains than small.
                "correct" makes up for that: in the number of grains, from which the mean area
                follows, each counts ½ less for each edge that cuts it and ¼ more for each corner,
                so that a grain counts once in all maps that could show it [Gundersen1978]; in the
                averages, only whole grains enter, by the inverse of the area in which each could
                lie without being cut [Miles1974]. Grains larger than the map stay unknown.
        Raises:
            ValueError: if `border` is none of these, or every grain is at the border.
        """
        if border not in BORDER:
            raise ValueError(f"Argument `border` must be one of {BORDER}, but is {border!r}.")
        area, extent = self.area, self._variances()[:, :2].sqrt()
        one, whole = torch.ones_like(area), ~self.border
        if border == "keep":
            return Profiles(area, extent, one, one, plane=float(area.sum()))
        if not bool(whole.any()):
            raise ValueError(
                f"{self.source.path}: some grain must lie within the map to be measured, "
                f"but all {self.grains} are cut by its border."
            )
        if border == "omit":
            one, area = one[whole], area[whole]
            return Profiles(area, extent[whole], one, one, plane=float(area.sum()))
        nx, ny = self.source.grid
        boxes = self._boxes()
        # A box of w x h points clears the border in (nx - 1 - w)(ny - 1 - h) places.
        free = (nx - 1 - boxes[:, 0]).clamp_min(1) * (ny - 1 - boxes[:, 1]).clamp_min(1)
        weight = torch.where(whole, 1 / free.to(torch.float64), 0.0)
        # Between the first and the last row and column of points, which are the edges.
        inside = float(area.sum()) * (nx - 1) * (ny - 1) / (nx * ny)
        return Profiles(area, extent, weight, self._numbers(), plane=inside)

    @property
    def polycrystal(self) -> Polycrystal:
        """The grains as a volume one voxel thick, (nx, ny, 1), as thick as a step. [µm]

        It is taken to be periodic as any volume is, which a measured map is not.

        Raises:
            ValueError: if points have no grain.
        """
        empty = int((self.grain_id < 0).sum())
        if empty:
            raise ValueError(
                f"{self.source.path}: every point must belong to a grain, but {empty} do not: "
                "let `fill` give them to their neighbours."
            )
        width, height = self.source.size
        thickness = math.sqrt(self.source.step[0] * self.source.step[1])
        return Polycrystal(
            self.grain_id[..., None],
            self.orientations,
            (width, height, thickness),
            self.phase,
            self.source.phase_names,
            self.source.lattices,
        )

    def _variances(self) -> Float[Tensor, "grains 3"]:
        """Second moments xx, yy, xy about the centre, over the area. [µm²]"""
        dx, dy = self.source.step
        x, y, label = self._points()
        _, variance = moments(label, self.grains, x.astype(np.float64), y.astype(np.float64))
        return torch.from_numpy(variance * (dx * dx, dy * dy, dx * dy))

    def _numbers(self) -> Float[Tensor, " grains"]:
        """What each grain counts in the number of grains."""
        ids, number = self.grain_id, torch.ones(self.grains, dtype=torch.float64)
        for edge in (ids[0], ids[-1], ids[:, 0], ids[:, -1]):
            number[edge[edge >= 0].unique()] -= 0.5
        for corner in ids[[0, 0, -1, -1], [0, -1, 0, -1]].tolist():
            if corner >= 0:
                number[corner] += 0.25
        return number

    def _boxes(self) -> Int[Tensor, "grains 2"]:
        """Points that each grain spans along x and y."""
        x, y, label = self._points()
        spans = []
        for place in (x, y):
            low = np.full(self.grains, np.iinfo(np.int64).max)
            high = np.full(self.grains, -1)
            np.minimum.at(low, label, place)
            np.maximum.at(high, label, place)
            spans.append(high - low + 1)
        return torch.from_numpy(np.stack(spans, -1))

    def _points(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        ids = self.grain_id.numpy()
        x, y = np.nonzero(ids >= 0)
        return x, y, ids[x, y]


def segment(
    ebsd: EbsdMap, threshold: float = DEFAULT_THRESHOLD, *, minimum: int = 5, fill: bool = True
) -> GrainMap:
    """Find the grains of a map.

    Neighbours along x and y of the same phase whose disorientation is below the threshold belong to
    one grain. Regions of fewer points than `minimum` are no grains. With `fill`, their points, and
    those where nothing was indexed, take the grain of the nearest point that has one; they do not
    enter the grain's mean orientation.

    Args:
        ebsd: The map.
        threshold: Disorientation at a boundary. [rad]
        minimum: Fewest points of a grain.
        fill: Give every point a grain; otherwise those without keep -1.
    Raises:
        ValueError: if an argument is out of range, the symmetry of an indexed phase is
            unknown, or no region is large enough.
    """
    if not 0 < threshold <= math.pi:
        raise ValueError(
            f"Argument `threshold` must be an angle above 0 [rad], but is {threshold:g}."
        )
    if minimum < 1:
        raise ValueError(f"Argument `minimum` must be at least 1 point, but is {minimum}.")
    groups = _laue_groups(ebsd)
    region = _regions(ebsd, threshold, groups)
    measured = region >= 0
    count = np.bincount(region[measured], minlength=1)
    large = count >= minimum
    if not large.any():
        raise ValueError(
            f"{ebsd.path}: some region must have at least {minimum} points, but of "
            f"{int((count > 0).sum())} the largest has {int(count.max())}."
        )
    # Numbers without the small regions; the one more entry serves the -1 of nothing indexed.
    renumbered = np.append(np.where(large, np.cumsum(large) - 1, -1), -1)
    grain = renumbered[region]
    kept = grain >= 0
    owner = grain[kept]
    first = np.unique(owner, return_index=True)[1]
    phase = ebsd.phase[torch.from_numpy(kept)]
    grain_phase = phase[torch.from_numpy(first)]
    orientations = average_orientations(
        ebsd.orientations[torch.from_numpy(kept)],
        torch.from_numpy(owner),
        [groups[k] for k in grain_phase.tolist()],
    )
    filled = 0.0
    if fill and not kept.all():
        nearest = np.empty((2, *kept.shape), dtype=np.int32)
        distance_transform_edt(
            ~kept,
            sampling=ebsd.step,
            return_distances=False,
            return_indices=True,
            indices=nearest,
        )
        grain, filled = grain[nearest[0], nearest[1]], 1 - float(kept.mean())
    return GrainMap(
        torch.from_numpy(grain),
        orientations,
        grain_phase,
        ebsd,
        filled,
        minimum,
    )


def cubic_disorientation(p: Float[Tensor, "n 4"], q: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
    """Return the disorientation of pairs, without a list of their 24 copies. [rad]

    The largest scalar part among the copies of a misorientation whose components are, by size,
    a ≥ b ≥ c ≥ d is the largest of a, (a + b)/√2 and (a + b + c + d)/2.
    """
    between = quaternion_multiply(quaternion_conjugate(p), q).abs()
    a, b, c, d = between.sort(-1, descending=True).values.unbind(-1)
    cosine = torch.maximum(a, torch.maximum((a + b) * 0.5**0.5, (a + b + c + d) * 0.5))
    return 2 * cosine.clamp_max(1.0).acos()


def _laue_groups(ebsd: EbsdMap) -> dict[int, LaueGroup]:
    """Find the Laue group of each phase that was indexed."""
    used = [int(k) for k in ebsd.phase.unique() if k >= 0]
    if not used:
        raise ValueError(f"{ebsd.path}: some point must be indexed, but none is.")
    return {k: ebsd.laue_group(k) for k in used}


def _below(
    p: Float[Tensor, "n 4"], q: Float[Tensor, "n 4"], threshold: float, group: LaueGroup
) -> Bool[Tensor, " n"]:
    """Tell which pairs of crystals differ by less than the threshold."""
    if group == CUBIC:
        return cubic_disorientation(p, q) < threshold
    between = quaternion_multiply(quaternion_conjugate(p), q)
    cosine = (between @ quaternion_conjugate(group.rotations.to(q)).T).abs().amax(-1)
    return 2 * cosine.clamp_max(1.0).acos() < threshold


def _regions(ebsd: EbsdMap, threshold: float, groups: Mapping[int, LaueGroup]) -> NDArray[np.int64]:
    """Number connected regions; -1 where nothing was indexed."""
    nx, ny = ebsd.grid
    node = torch.arange(nx * ny).reshape(nx, ny)
    q, phase = ebsd.orientations.reshape(-1, 4), ebsd.phase.reshape(-1)
    pairs = torch.cat(
        [
            torch.stack([node[:-1].reshape(-1), node[1:].reshape(-1)]),
            torch.stack([node[:, :-1].reshape(-1), node[:, 1:].reshape(-1)]),
        ],
        dim=1,
    )
    same = phase[pairs[0]] == phase[pairs[1]]
    joined = [
        part[:, _below(q[part[0]], q[part[1]], threshold, group)]
        for index, group in groups.items()
        for part in pairs[:, same & (phase[pairs[0]] == index)].split(_CHUNK, dim=1)
    ]
    one, other = torch.cat(joined, dim=1).numpy() if joined else np.empty((2, 0), np.int64)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nx * ny, nx * ny))
    _, label = connected_components(graph.tocsr(), directed=False)
    return np.where(phase.numpy() >= 0, label, -1).astype(np.int64).reshape(nx, ny)
