"""Volumes statistically equivalent to a measured map, in grain sizes, grain shapes and texture.

A plane cuts most grains away from their centre, so grains look smaller, and less equal, in a
section than they are. Instead of stereological formulas for spheres, sections of the volume itself
are measured: the spread of its grain sizes is changed until the spread in its sections is that of
the map, and its voxels are scaled to the map's mean grain area.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import listing
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.microstructure.equivalent_sections import (
    SectionComparison,
    compare_profiles,
    fit_edge,
)
from polyxtal.microstructure.equivalent_texture import closest_draw, map_texture
from polyxtal.microstructure.filled import check_filled
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.resample import renumber
from polyxtal.microstructure.section import Profiles, section_profiles
from polyxtal.microstructure.tessellate import MAX_SPREAD, tessellate, validate_grains, voxel_counts

VOXELS_PER_GRAIN = 112.5
"""Default of `tessellate`, too."""
SPREAD_TOLERANCE = 0.01
"""Tolerance of the spread in sections. [-]"""
SPREAD_LIMIT = 0.05
"""Largest difference of spreads that is accepted. [-]"""
LEAST_SHOWN = 0.75
"""Share of the map's grains that a volume must show.

Voxels grow with the mean area of the grains that they resolve; if they hide the map's small grains,
they end up as large as the map's largest.
"""
ENOUGH_GRAINS = 200
"""Number of grains from which the spread in the volume's own sections must be the map's."""
_PATTERN_GRAINS = 600
_SLOPE, _CORRECTIONS = 0.45, 2
"""Approximate ratio of the spreads of sections and volumes; number of corrections of the volume."""
_ROUNDS = 12


def equivalent_rve(
    source: EbsdMap | GrainMap | Polycrystal,
    grid: int | Sequence[int] = 45,
    grains: int | None = None,
    *,
    depth: float | None = None,
    border: str = "correct",
    seed: int = 0,
) -> Polycrystal:
    """Generate a volume statistically equivalent to a map: sections, and texture, like the map's.

    Axes are those of the map; sections normal to z are to be compared with it. Grains are elongated
    along x or y as on the map, not along directions between. The texture is that of all points of
    the map, so orientation spread within grains enters it as different grains.

    Args:
        source: A map (segmented with the defaults of `EbsdMap.grains`), its grains, or a
            polycrystal of one voxel layer, as `read` returns for a map.
        grid: Number of voxels along x, y, z, or one number for a cube.
        grains: Number of grains (default: 112.5 voxels per grain). Where grain sizes vary widely,
            grains smaller than a voxel are left out. Fewer than 200 grains sample the size
            distribution only roughly.
        depth: Grain extent along z, which a map does not show, over the geometric mean of the
            extents along x and y (default: 1). [-]
        border: Treatment of grains that the map's border cuts, see `GrainMap.profiles`.
        seed: Random seed.
    Returns:
        The volume; its size follows from the map's mean grain area. [µm]
    Raises:
        ValueError: if an argument is invalid, the map shows several phases, all its grains are at
            its border, a tessellation cannot reach its spread of sizes, or voxels are too coarse
            to show three quarters of its grains.
        ConvergenceError: if with 200 grains or more the spread of sizes still differs.
    """
    grain_map = _grain_map(source)
    texture = map_texture(source if isinstance(source, EbsdMap) else grain_map, grain_map)
    profiles = grain_map.profiles(border)
    box = voxel_counts(grid)
    count = max(1, round(math.prod(box) / VOXELS_PER_GRAIN)) if grains is None else grains
    validate_grains(box, count)
    wanted = _Wanted(
        profiles,
        grain_map.minimum * math.prod(grain_map.source.step),
        _aspect(profiles.statistics().aspect, depth),
        seed,
        grain_map.source.path,
    )
    rve = renumber(_matching_volume(wanted, box, count))
    phase = torch.full((rve.grains,), int(grain_map.phase.unique()))
    return Polycrystal(
        rve.grain_id,
        closest_draw(texture, rve.volume_fractions, seed),
        rve.size,
        phase,
        grain_map.source.phase_names,
        grain_map.source.lattices,
    )


class _Wanted(NamedTuple):
    """What a volume must show in its sections.

    Attributes:
        profiles: Profiles of the grains on the map.
        smallest: Area of the smallest grain. [µm²]
        aspect: Relative extents of the grains along x, y, z. [-]
        seed: Random seed.
        path: File of the map, for errors.
    """

    profiles: Profiles
    smallest: float
    aspect: tuple[float, float, float]
    seed: int
    path: Path

    def grow(self, spread: float, box: Sequence[int], number: int) -> tuple[Polycrystal, float]:
        """Generate a volume; return the excess of its sections' spread over the map's, too."""
        rve = tessellate(box, number, aspect=self.aspect, spread=spread, seed=self.seed)
        edge, excess = fit_edge(section_profiles(rve), self.profiles, self.smallest, self.path)
        return Polycrystal(rve.grain_id, rve.orientations, [n * edge for n in box]), excess


def _matching_volume(wanted: _Wanted, box: tuple[int, int, int], count: int) -> Polycrystal:
    """Return the volume whose sections spread as the map does and show most of its grains."""
    path, (pattern, number) = wanted.path, _pattern(box, count)
    spread = _find_spread(lambda spread: wanted.grow(spread, pattern, number)[1], path)
    rve, excess = wanted.grow(spread, box, count)
    if count >= ENOUGH_GRAINS:
        for _ in range(_CORRECTIONS):
            if abs(excess) <= SPREAD_TOLERANCE:
                break
            spread = min(max(spread - excess / _SLOPE, 0.0), MAX_SPREAD)
            rve, excess = wanted.grow(spread, box, count)
        if abs(excess) > SPREAD_LIMIT:
            raise ConvergenceError(
                f"{path}: grain sizes in sections must spread as on the map to {SPREAD_LIMIT} in "
                f"ln diameter, but differ by {abs(excess):.3f}: more grains make it easier."
            )
    cut, voxel = section_profiles(rve), math.prod(rve.spacing[:2])
    compared = compare_profiles(cut, wanted.profiles, wanted.smallest, voxel, path)
    shown, seen = compared.measured.profiles, wanted.profiles.statistics().profiles
    if shown < LEAST_SHOWN * seen:
        nx, ny, nz = box
        raise ValueError(
            f"{path}: voxels must show three quarters of the map's grains, but {count} grains in "
            f"{nx} x {ny} x {nz} voxels show {shown} of {seen}: take a finer grid or fewer grains."
        )
    return rve


def compare_sections(
    source: EbsdMap | GrainMap | Polycrystal, rve: Polycrystal, border: str = "correct"
) -> SectionComparison:
    """Compare the grains of a map with those in a volume's sections normal to z.

    Args:
        source: The map, see `equivalent_rve`.
        rve: The volume.
        border: Treatment of grains that the map's border cuts, see `GrainMap.profiles`.

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
    return compare_profiles(section_profiles(rve), seen, smallest, voxel, path)


def _pattern(box: tuple[int, int, int], grains: int) -> tuple[tuple[int, int, int], int]:
    """Return grid and number of grains of the volume to fit the spread in: as wanted, or a pattern.

    A large volume would take long, and the few grains of a small one scatter.
    """
    voxels = math.prod(box)
    if grains >= ENOUGH_GRAINS and voxels <= 1.5 * 45**3:
        return box, grains
    # Finer voxels than this change nothing.
    share = min(voxels / grains, 1.3 * VOXELS_PER_GRAIN)
    scale = (_PATTERN_GRAINS * share / voxels) ** (1 / 3)
    x, y, z = (1 if n == 1 else max(2, round(scale * n)) for n in box)
    return (x, y, z), max(1, round(x * y * z / share))


def _find_spread(excess_of: Callable[[float], float], path: Path) -> float:
    """Return the spread of a volume whose sections spread as the map does, by regula falsi."""
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
    """Return the grains of a map; those of a polycrystal as they are."""
    if isinstance(source, EbsdMap):
        source = source.grains()
        check_filled(source, max_filled=1.0)
    elif isinstance(source, Polycrystal):
        source = _from_layer(source)
    if len(source.phase.unique()) != 1:
        names = [source.source.phase_names[int(k)] for k in source.phase.unique()]
        raise ValueError(
            f"{source.source.path}: a volume is made of one phase, but the map shows "
            f"{listing(names)}: exclude all others."
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
