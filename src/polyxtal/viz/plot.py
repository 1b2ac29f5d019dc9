"""One-line figures of polyxtal's objects: `px.plot`.

Each function draws onto the Matplotlib axes it is given, or onto those of a new pyplot figure,
which notebooks show, and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from mpl_toolkits.mplot3d import Axes3D
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.moduli import symmetric_stiffness
from polyxtal.mechanics.elastic.homogenize import ElasticHomogenization
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.curves import draw_responses
from polyxtal.viz.plot_texture import (
    inverse_pole_figure,
    misorientations,
    odf_sections,
    pole_figure,
)
from polyxtal.viz.pyplot_axes import given_axes
from polyxtal.viz.section import draw_ebsd_map, draw_ipf_section
from polyxtal.viz.stiffness import draw_young_modulus_surface
from polyxtal.viz.volume import draw_volume

__all__ = [
    "curve",
    "inverse_pole_figure",
    "ipf_map",
    "misorientations",
    "odf_sections",
    "pole_figure",
    "stiffness_surface",
    "volume",
]

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
    return draw_responses(given_axes(ax), responses, component, measure)


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
        return draw_ebsd_map(given_axes(ax), rve, direction)
    return draw_ipf_section(given_axes(ax), rve, normal, at, direction, boundaries)


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
    return draw_volume(given_axes(ax), rve, direction, boundaries)


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
    axes: Any = given_axes(ax, projection="3d")
    if not isinstance(axes, Axes3D):
        raise ValueError(
            'Argument `ax` must be three-dimensional axes (projection="3d"), but is not.'
        )
    return draw_young_modulus_surface(axes, stiffness, resolution)
