"""A volume that is statistically like a measured map: its grains' sizes and shapes, its texture.

A plane cuts most grains off their middle, so grains look smaller, and more unequal, in a section
than they are. Instead of formulas for spheres, sections of the volume itself are measured: the
spread of its grain sizes is changed until the spread seen in its sections is the map's, and its
voxels are made as large as the mean area of grains in a section asks for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import normalize_quaternion
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.resample import renumber
from polyxtal.microstructure.section import Profiles, SectionStatistics, section_profiles
from polyxtal.microstructure.tessellate import (
    MAX_SPREAD,
    tessellate,
    validate_grains,
    voxel_counts,
)
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.harmonics import harmonic_degrees
from polyxtal.texture.measure import texture_coefficients

VOXELS_PER_GRAIN = 112.5
"""What `tessellate` takes as a default, too."""
SPREAD_TOLERANCE = 0.01
"""How close the spread in sections comes to the map's. [-]"""
SPREAD_LIMIT = 0.05
"""Largest difference of the finished volume. [-]"""
SMALLEST_SHOWN = 0.65
"""From about this area on, sections of a volume show a grain, wherever voxels lie. [voxels]

Without the same limit on the map, the spread would depend on the fineness of the voxels.
"""
LEAST_SHOWN = 0.75
"""Share of the map's grains that a volume must show.

Voxels grow with the mean area of the grains that they show; if they hide the map's small grains,
they end up as large as the map's largest.
"""
ENOUGH_GRAINS = 200
"""From here on a volume's own sections must spread as the map; fewer spread by chance."""
_PATTERN_GRAINS = 600
_SLOPE, _CORRECTIONS = 0.45, 2
"""Spread of sections over that of volumes, about; and steps from the pattern to the volume."""
_ROUNDS = 12
_MAX_POINTS = 2**18
_DRAWS = 100


class SectionComparison(NamedTuple):
    """Grains in a map and in the sections of a volume.

    Attributes:
        measured: The map, without what is too small for the volume's voxels to show (below
            `SMALLEST_SHOWN`).
        sections: All sections of the volume normal to z, without what is too small for the map's
            grains (below the `minimum` of `segment`).
    """

    measured: SectionStatistics
    sections: SectionStatistics


def equivalent_rve(
    source: EbsdMap | GrainMap | Polycrystal,
    grid: int | Sequence[int] = 45,
    grains: int | None = None,
    *,
    depth: float | None = None,
    border: str = "correct",
    seed: int = 0,
) -> Polycrystal:
    """Make a volume whose sections look like a map, with the map's texture.

    Axes are the map's, so that a section normal to z is to be compared with the map. Grains are
    elongated along x or y as on the map, not along directions between. The texture is that of all
    points of the map, so spreads within grains enter it, as different grains.

    Args:
        source: A map (whose grains are then found with `segment`'s defaults), its grains, or a
            polycrystal of one voxel layer, as `read` makes of a map.
        grid: Voxels along x, y, z, or one number for a cube.
        grains: Number of grains; None for 112.5 voxels a grain. Where grains differ much in size,
            the smallest fall through the voxels' mesh and are left out. Fewer than 200 are drawn
            from the right distribution of sizes, which so few do not fill.
        depth: Extent of grains along z, which a map does not show, over the geometric mean of
            their extents along x and y; None for 1. [-]
        border: What becomes of grains that the map's border cuts, see `GrainMap.profiles`.
        seed: Same seed, same volume.
    Returns:
        The volume; its size follows from the map's mean grain area. [µm]
    Raises:
        ValueError: if an argument is invalid, the map shows several phases, all its grains are at
            its border, its spread of sizes is out of a tessellation's reach, or voxels are too
            coarse to show three quarters of its grains.
        ConvergenceError: if 200 grains or more still do not spread as the map's.
    """
    grain_map = _grain_map(source)
    texture = _texture(source if isinstance(source, EbsdMap) else grain_map, grain_map)
    profiles = grain_map.profiles(border)
    seen = profiles.statistics()
    aspect = _aspect(seen.aspect, depth)
    nx, ny, nz = voxel_counts(grid)
    count = max(1, round(nx * ny * nz / VOXELS_PER_GRAIN)) if grains is None else grains
    validate_grains((nx, ny, nz), count)
    smallest = grain_map.minimum * math.prod(grain_map.source.step)
    path = grain_map.source.path

    def grow(spread: float, box: Sequence[int], number: int) -> tuple[Polycrystal, float]:
        """Make a volume; return how much more than the map its sections spread."""
        rve = tessellate(box, number, aspect=aspect, spread=spread, seed=seed)
        edge, excess = _fit_edge(section_profiles(rve), profiles, smallest, path)
        return Polycrystal(rve.grain_id, rve.orientations, [n * edge for n in box]), excess

    box, number = _pattern((nx, ny, nz), count)
    spread = _find_spread(lambda spread: grow(spread, box, number)[1], path)
    rve, excess = grow(spread, (nx, ny, nz), count)
    if count >= ENOUGH_GRAINS:
        for _ in range(_CORRECTIONS):
            if abs(excess) <= SPREAD_TOLERANCE:
                break
            spread = min(max(spread - excess / _SLOPE, 0.0), MAX_SPREAD)
            rve, excess = grow(spread, (nx, ny, nz), count)
        if abs(excess) > SPREAD_LIMIT:
            raise ConvergenceError(
                f"{path}: grain sizes in sections must spread as on the map to {SPREAD_LIMIT} in "
                f"ln diameter, but differ by {abs(excess):.3f}: more grains make it easier."
            )
    voxel = math.prod(rve.spacing[:2])
    shown = _compare(section_profiles(rve), profiles, smallest, voxel, path).measured.profiles
    if shown < LEAST_SHOWN * seen.profiles:
        raise ValueError(
            f"{path}: voxels must show three quarters of the map's grains, but {count} grains in "
            f"{nx} x {ny} x {nz} voxels show {shown} of {seen.profiles}: take a finer grid or "
            "fewer grains."
        )
    rve = renumber(rve)
    names = grain_map.source.phase_names
    used = int(grain_map.phase.unique())
    phase = torch.full((rve.grains,), used)
    orientations = _closest_draw(texture, rve.volume_fractions, seed)
    return Polycrystal(
        rve.grain_id, orientations, rve.size, phase, names, grain_map.source.lattices
    )


def compare_sections(
    source: EbsdMap | GrainMap | Polycrystal, rve: Polycrystal, border: str = "correct"
) -> SectionComparison:
    """Measure the grains of a map and of a volume's sections normal to z in the same way.

    Args:
        source: As for `equivalent_rve`.
        rve: The volume.
        border: See `GrainMap.profiles`.

    Example:
        >>> import polyxtal as px
        >>> layer, volume = (px.tessellate(grid, 60, seed=0) for grid in ((48, 48, 1), 24))
        >>> seen = px.compare_sections(layer, volume)
        >>> round(seen.measured.mean_area), round(seen.sections.mean_area)  # of a grain [µm²]
        (50, 26)
    """
    grain_map = _grain_map(source)
    smallest = grain_map.minimum * math.prod(grain_map.source.step)
    voxel = math.prod(rve.spacing[:2])
    seen, path = grain_map.profiles(border), grain_map.source.path
    return _compare(section_profiles(rve), seen, smallest, voxel, path)


def _compare(
    cut: Profiles, seen: Profiles, smallest: float, voxel: float, path: Path
) -> SectionComparison:
    # A grain of exactly the smallest size counts whatever the last bit says.
    floor = smallest * (1 - 1e-9)
    shown = seen.larger(max(floor, SMALLEST_SHOWN * voxel))
    if not bool((shown.weight > 0).any()):
        raise ValueError(
            f"{path}: voxels must show a grain of the map that its border does not cut, but show "
            "none: take a finer grid or fewer grains."
        )
    return SectionComparison(shown.statistics(), cut.larger(floor).statistics())


def _fit_edge(cut: Profiles, seen: Profiles, smallest: float, path: Path) -> tuple[float, float]:
    """Find the voxel's edge at which sections have the map's mean area.

    Args:
        cut: Profiles of a volume with voxels of 1 µm.
        seen: Profiles of the map.
        smallest: Smallest grain of the map. [µm²]
        path: The map's file.
    Returns:
        The edge [µm], and how much more than the map sections then spread.
    """
    edge = math.sqrt(seen.statistics().mean_area / cut.statistics().mean_area)
    for _ in range(_ROUNDS):
        measured, sections = _compare(_scaled(cut, edge), seen, smallest, edge**2, path)
        factor = math.sqrt(measured.mean_area / sections.mean_area)
        edge *= factor
        if abs(factor - 1) < 1e-6:
            break
    measured, sections = _compare(_scaled(cut, edge), seen, smallest, edge**2, path)
    return edge, sections.spread - measured.spread


def _scaled(cut: Profiles, edge: float) -> Profiles:
    return Profiles(
        cut.area * edge**2, cut.extent * edge, cut.weight, cut.number, cut.plane * edge**2
    )


def _pattern(box: tuple[int, int, int], grains: int) -> tuple[tuple[int, int, int], int]:
    """Choose the volume in which the spread is sought: the wanted one, or one of handy size.

    In a large one it would take long, and the few grains of a small one spread by chance.
    """
    voxels = math.prod(box)
    if grains >= ENOUGH_GRAINS and voxels <= 1.5 * 45**3:
        return box, grains
    # Finer voxels than this see nothing new.
    share = min(voxels / grains, 1.3 * VOXELS_PER_GRAIN)
    scale = (_PATTERN_GRAINS * share / voxels) ** (1 / 3)
    x, y, z = (1 if n == 1 else max(2, round(scale * n)) for n in box)
    return (x, y, z), max(1, round(x * y * z / share))


def _find_spread(excess_of: Callable[[float], float], path: Path) -> float:
    """Find the spread of volumes at which sections spread as the map does."""
    low, high = 0.0, MAX_SPREAD
    excess_low, excess_high = excess_of(low), excess_of(high)
    if excess_low > SPREAD_TOLERANCE or excess_high < -SPREAD_TOLERANCE:
        wanted, at = ("even", low) if excess_low > 0 else ("uneven", high)
        excess = excess_low if excess_low > 0 else -excess_high
        raise ValueError(
            f"{path}: grain sizes must spread as a tessellation's sections can, but those on the "
            f"map are more {wanted} than at spread {at:g}, by {excess:.3f} in ln diameter."
        )
    closest = min((abs(excess_low), low), (abs(excess_high), high))
    for _ in range(_ROUNDS):
        if closest[0] <= SPREAD_TOLERANCE:
            break
        # Where a straight line says, but a tenth away from both ends.
        line = low + (high - low) * excess_low / (excess_low - excess_high)
        margin = 0.1 * (high - low)
        spread = min(max(line, low + margin), high - margin)
        excess = excess_of(spread)
        closest = min(closest, (abs(excess), spread))
        if excess < 0:
            low, excess_low = spread, excess
        else:
            high, excess_high = spread, excess
    return closest[1]


def _aspect(in_plane: float, depth: float | None) -> tuple[float, float, float]:
    depth = 1.0 if depth is None else depth
    if not (math.isfinite(depth) and depth > 0):
        raise ValueError(f"Argument `depth` must be a positive ratio, but is {depth}.")
    return math.sqrt(in_plane), 1 / math.sqrt(in_plane), depth


def _grain_map(source: EbsdMap | GrainMap | Polycrystal) -> GrainMap:
    """Find the grains; of a polycrystal, take them as they are."""
    if isinstance(source, EbsdMap):
        source = source.grains()
    elif isinstance(source, Polycrystal):
        source = _from_layer(source)
    if len(source.phase.unique()) != 1:
        names = [source.source.phase_names[int(k)] for k in source.phase.unique()]
        raise ValueError(
            f"{source.source.path}: a volume is made of one phase, but the map shows "
            f"{', '.join(names)}: exclude all others."
        )
    return source


def _from_layer(layer: Polycrystal) -> GrainMap:
    if layer.grid[2] != 1:
        raise ValueError(
            "A polycrystal in place of a map must have one layer of voxels, "
            f"but has {layer.grid[2]}."
        )
    layer = renumber(layer)
    ids = layer.grain_id[..., 0]
    ebsd = EbsdMap(
        layer.orientations[ids],
        layer.phase[ids],
        layer.phase_names,
        (layer.spacing[0], layer.spacing[1]),
        {},
        Path("polycrystal"),
        tuple(one or Lattice("c") for one in layer.lattices),
    )
    return GrainMap(ids, layer.orientations, layer.phase, ebsd, 0.0, minimum=1)


def _texture(source: EbsdMap | GrainMap, grain_map: GrainMap) -> DiscreteTexture:
    """Weigh all indexed points alike, similar ones side by side.

    Grains are dealt orientations from evenly spaced places of the list, so the better the list is
    sorted, the closer the few grains come to the many points.
    """
    ebsd = source if isinstance(source, EbsdMap) else source.source
    points = ebsd.orientations[ebsd.indexed]
    if len(points) > _MAX_POINTS:
        # Evenly from the sorted list, below; a random subset would not do better.
        points = points[:: math.ceil(len(points) / _MAX_POINTS)]
    group = ebsd.laue_group(int(grain_map.phase[0]))
    points = group.reduce(normalize_quaternion(points))
    return DiscreteTexture(points[_along_curve(points, group).argsort(stable=True)], laue=group)


def _closest_draw(
    texture: DiscreteTexture, shares: Float[Tensor, " grains"], seed: int
) -> Float[Tensor, "grains 4"]:
    """Draw the grains' orientations often and keep those whose harmonics are closest.

    A few large grains decide the texture of a volume, and where each falls is a matter of luck.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = _harmonics(texture.points, texture.weights, texture.laue)
    draws = [texture.orientations(shares, generator) for _ in range(_DRAWS)]
    off = [float((_harmonics(draw, shares, texture.laue) - truth).norm()) for draw in draws]
    return draws[off.index(min(off))]


def _harmonics(
    orientations: Float[Tensor, "n 4"], weights: Float[Tensor, " n"], group: LaueGroup
) -> Tensor:
    degrees = sorted({*harmonic_degrees(group), 4, 6})
    return torch.cat([texture_coefficients(orientations, weights, n, group) for n in degrees])


def _along_curve(q: Float[Tensor, "n 4"], group: LaueGroup) -> Int[Tensor, " n"]:
    """Place orientations of the fundamental zone on a curve that fills it (Morton's order)."""
    bits = 16
    limit = math.sin(math.radians(62.8) / 2)
    span = limit if group == CUBIC else q[:, 1:].abs().amax(0).clamp_min(1e-9)
    cells = ((q[:, 1:] / span + 1) * 2 ** (bits - 1)).long().clamp(0, 2**bits - 1)
    key = torch.zeros(len(q), dtype=torch.int64)
    for bit in range(bits):
        for axis in range(3):
            key |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return key
