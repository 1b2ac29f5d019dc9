"""One-line figures of polyxtal's objects: `px.plot`.

Each function draws onto the Matplotlib axes it is given, or onto those of a new pyplot figure,
which notebooks show, and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from mpl_toolkits.mplot3d import Axes3D
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.crystal.material import Material
from polyxtal.files.wording import listing
from polyxtal.mechanics.bounds.moduli import symmetric_stiffness
from polyxtal.mechanics.elastic.homogenize import ElasticHomogenization
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.viz.curves import draw_responses
from polyxtal.viz.density import DEFAULT_HALFWIDTH
from polyxtal.viz.poles import Plane, main_plane, plane_name, plane_normal
from polyxtal.viz.section import draw_ebsd_map, draw_ipf_section
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.sphere_axes import draw_density, frame_hemisphere
from polyxtal.viz.stiffness import draw_young_modulus_surface
from polyxtal.viz.style import TITLE_SIZE
from polyxtal.viz.texture import draw_pole_figure
from polyxtal.viz.texture_overview import mean_along_fibres
from polyxtal.viz.volume import draw_volume

__all__ = ["curve", "ipf_map", "pole_figure", "stiffness_surface", "volume"]

Direction = Sequence[int | float] | Tensor


def curve(
    response: Response | Mapping[str, Response],
    component: str | None = None,
    measure: str = "engineering",
    ax: Axes | None = None,
) -> Axes:
    """Plot the stress-strain curve of a response, or of several by label.

    Args:
        response: Response, or label to response; the first of several is bold.
        component: Component such as "xx"; None for the one that does the most work.
        measure: "engineering" (F - I and first Piola-Kirchhoff stress), "true" (Hencky strain and
            Cauchy stress) or "equivalent" (their von Mises equivalents, of no component).
        ax: Axes to draw onto; None for a new figure.
    Returns:
        The axes; strain in percent, stress in MPa.
    Raises:
        ValueError: if there is no response, or the component or the measure is unknown.
    """
    require_type(response, (Response, Mapping), "response")
    responses = {"": response} if isinstance(response, Response) else response
    for one in responses.values():
        require_type(one, Response, "response")
    return draw_responses(_axes(ax), responses, component, measure)


def pole_figure(
    crystals: Polycrystal | MaterialNetwork | NetworkEnsemble | Response | Texture,
    plane: Plane | None = None,
    phase: str | None = None,
    lattice: Lattice | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot a pole figure: density of a plane's normals over the upper hemisphere.

    Args:
        crystals: Grains of a polycrystal, leaves of networks, crystals at the end of a response,
            or a texture.
        plane: Miller or Miller-Bravais indices; None for {111} of cubic, {0001} of hexagonal,
            {001} of other crystals. [-]
        phase: Name of the phase, of polycrystals and networks; None for all crystals.
        lattice: Lattice of the crystals; None for that of polycrystals and networks, for one of a
            texture's Laue group, and for cubic crystals of a response.
        halfwidth: Angle at which the kernel around each crystal has dropped to half; smooth
            textures are drawn as they are. [rad]
        peak: Upper end of the colours; None for that of the data. [multiples of random]
        ax: Axes to draw onto; None for a new figure.
    Returns:
        The axes, in equal-area projection, x to the right and y upwards.
    Raises:
        ValueError: if there is no such phase or plane, or none is named and phases differ in their
            Laue group.
    """
    kinds = (Polycrystal, MaterialNetwork, NetworkEnsemble, Response, Texture)
    require_type(crystals, kinds, "crystals")
    require_type(lattice, (Lattice, type(None)), "lattice")
    if isinstance(crystals, Texture) and not isinstance(crystals, DiscreteTexture):
        lattice = lattice or Lattice.of_laue_group(crystals.laue.name)
        plane = main_plane(lattice) if plane is None else plane
        grid = hemisphere_grid(45)
        density = mean_along_fibres(crystals, plane_normal(plane, lattice).tolist(), grid)
        axes = _axes(ax)
        draw_density(axes, grid, density, peak, colorbar=True)
        frame_hemisphere(axes)
        axes.set_title(f"Pole figure {plane_name(plane, lattice)}", fontsize=TITLE_SIZE)
        return axes
    chosen = _crystals(crystals, phase, lattice)
    return draw_pole_figure(
        _axes(ax), chosen.orientations, chosen.weights, plane, halfwidth, peak,
        lattice=chosen.lattice,
    )  # fmt: skip


def ipf_map(
    rve: Polycrystal | EbsdMap,
    normal: str = "z",
    at: float = 0.5,
    direction: Direction = (0.0, 0.0, 1.0),
    boundaries: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Plot a section of a polycrystal, or a measured map, in inverse-pole-figure colours.

    Args:
        rve: Polycrystal or map; of a map, `normal`, `at` and `boundaries` do not count.
        normal: Normal of the section: "x", "y" or "z".
        at: Position along the normal over the edge length, from 0 to 1. [-]
        direction: Sample direction of the colours. [-]
        boundaries: Whether to draw the grain boundaries.
        ax: Axes to draw onto; None for a new figure.
    Returns:
        The axes, in the unit of length that gives numbers of 1 to 1000.
    Raises:
        ValueError: if `normal`, `at` or `direction` is invalid, or the symmetry of a map's phase
            is unknown.
    """
    require_type(rve, (Polycrystal, EbsdMap), "rve")
    if isinstance(rve, EbsdMap):
        return draw_ebsd_map(_axes(ax), rve, direction)
    return draw_ipf_section(_axes(ax), rve, normal, at, direction, boundaries)


def volume(
    rve: Polycrystal,
    direction: Direction = (0.0, 0.0, 1.0),
    boundaries: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Plot three faces of a polycrystal in isometric view and inverse-pole-figure colours.

    Args:
        rve: Polycrystal.
        direction: Sample direction of the colours. [-]
        boundaries: Whether to draw the grain boundaries.
        ax: Axes to draw onto; None for a new figure.
    Returns:
        The axes.
    Raises:
        ValueError: unless the direction has three components, not all zero.
    """
    require_type(rve, Polycrystal, "rve")
    return draw_volume(_axes(ax), rve, direction, boundaries)


def stiffness_surface(
    stiffness: Float[Tensor, "6 6"] | Elasticity | Material | ElasticHomogenization,
    resolution: int = 150,
    ax: Axes | None = None,
) -> Axes3D:
    """Plot Young's modulus over all directions, as radius and as colour.

    The colours span at least 10 % to both sides of the middle modulus.

    Args:
        stiffness: Mandel stiffness [MPa], or a crystal, a material or an effective stiffness.
        resolution: Steps from pole to pole.
        ax: Three-dimensional axes to draw onto; None for a new figure.
    Returns:
        The axes; moduli in GPa.
    Raises:
        ValueError: if the axes are not three-dimensional, or the stiffness is not a positive
            definite (6, 6) matrix.
    """
    if isinstance(stiffness, Material):
        stiffness = stiffness.elasticity
    if isinstance(stiffness, Elasticity):
        stiffness = stiffness.stiffness()
    if isinstance(stiffness, ElasticHomogenization):
        stiffness = stiffness.stiffness
    stiffness = symmetric_stiffness(stiffness)
    axes: Any = _axes(ax, projection="3d")
    if not isinstance(axes, Axes3D):
        raise ValueError(
            'Argument `ax` must be three-dimensional axes (projection="3d"), but is not.'
        )
    return draw_young_modulus_surface(axes, stiffness, resolution)


def _axes(ax: Axes | None, **kind: Any) -> Axes:
    if ax is not None:
        require_type(ax, Axes, "ax")
        return ax
    from matplotlib import pyplot  # the one place with global state, so that notebooks show it

    return pyplot.figure(layout="constrained").add_subplot(**kind)


class _Crystals(NamedTuple):
    """Crystals of one Laue group: orientations [-], volume in any unit, lattice."""

    orientations: Tensor
    weights: Tensor | None
    lattice: Lattice | None


def _crystals(given: Any, phase: str | None, lattice: Lattice | None) -> _Crystals:
    if isinstance(given, DiscreteTexture):
        lattice = lattice or Lattice.of_laue_group(given.laue.name)
        return _Crystals(given.points, given.weights, lattice)
    if isinstance(given, Response):
        if given.orientations is None or given.weights is None:
            raise ValueError("A response must have orientations to plot, but this one has none.")
        orientations, weights = given.orientations[-1], given.weights
        index, names, lattices = (
            getattr(given, "phase", None),
            getattr(given, "phase_names", ()),
            (),
        )
    else:
        parts = given.members if isinstance(given, NetworkEnsemble) else (given,)
        orientations = torch.cat([part.orientations for part in parts])
        weights = torch.cat([volume_fractions(part) for part in parts])
        index = torch.cat([part.phase for part in parts])
        names, lattices = parts[0].phase_names, parts[0].lattices
    if phase is not None and (index is None or phase not in names):
        raise ValueError(
            f"Argument `phase` must be one of {listing(names) or 'none'}, but is {phase!r}."
        )
    members = weights > 0
    if phase is not None and index is not None:
        members = members & (index == names.index(phase))
    used: list[Lattice | None] = [None]
    if lattices and index is not None:
        used = [lattices[k] for k in index[members].unique().tolist()] or used
    if len({CUBIC if one is None else one.laue_group for one in used}) > 1:
        raise ValueError(
            "A pole figure must be of crystals of one Laue group, but those of the phases "
            f"{listing(names)} differ; name one with `phase`."
        )
    return _Crystals(orientations[members], weights[members], lattice or used[0])


def volume_fractions(crystals: Polycrystal | MaterialNetwork) -> Float[Tensor, " crystals"]:
    """Return the volume fraction of every grain or leaf. [-]"""
    return crystals.volume_fractions if isinstance(crystals, Polycrystal) else crystals.weights
