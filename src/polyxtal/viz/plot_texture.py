"""One-line figures of textures, see `plot`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.files.wording import listing
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.viz.density import DEFAULT_HALFWIDTH
from polyxtal.viz.misorientation import draw_misorientations
from polyxtal.viz.odf_sections import draw_odf_sections
from polyxtal.viz.poles import Plane, main_plane, plane_name, plane_normal
from polyxtal.viz.pyplot_axes import given_axes
from polyxtal.viz.sector import sector_grid
from polyxtal.viz.sigma_sections import draw_sigma_sections
from polyxtal.viz.sphere import EQUAL_AREA, direction_name, hemisphere_grid
from polyxtal.viz.sphere_axes import draw_density, frame_hemisphere, frame_sector
from polyxtal.viz.style import TITLE_SIZE
from polyxtal.viz.texture import draw_inverse_pole_figure, draw_pole_figure
from polyxtal.viz.texture_overview import mean_along_fibres

KINDS = (Polycrystal, MaterialNetwork, NetworkEnsemble, Response, Texture)
CrystalSource = Polycrystal | MaterialNetwork | NetworkEnsemble | Response | Texture


def pole_figure(
    crystals: CrystalSource,
    plane: Plane | None = None,
    phase: str | None = None,
    lattice: Lattice | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    ax: Axes | None = None,
    projection: str = EQUAL_AREA,
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
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes, x to the right and y upwards.
    Raises:
        ValueError: if there is no such phase, plane or projection, or none is named and phases
            differ in their Laue group.
    """
    require_type(crystals, KINDS, "crystals")
    require_type(lattice, (Lattice, type(None)), "lattice")
    if isinstance(crystals, Texture) and not isinstance(crystals, DiscreteTexture):
        lattice = lattice or Lattice.of_laue_group(crystals.laue.name)
        plane = main_plane(lattice) if plane is None else plane
        grid = hemisphere_grid(45)
        density = mean_along_fibres(crystals, plane_normal(plane, lattice).tolist(), grid)
        axes = given_axes(ax)
        draw_density(axes, grid, density, peak, True, projection)
        frame_hemisphere(axes)
        axes.set_title(f"Pole figure {plane_name(plane, lattice)}", fontsize=TITLE_SIZE)
        return axes
    chosen = chosen_crystals(crystals, phase, lattice)
    return draw_pole_figure(
        given_axes(ax), chosen.orientations, chosen.weights, plane, halfwidth, peak,
        lattice=chosen.lattice, projection=projection,
    )  # fmt: skip


def inverse_pole_figure(
    crystals: CrystalSource,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    phase: str | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
    peak: float | None = None,
    ax: Axes | None = None,
    projection: str = EQUAL_AREA,
) -> Axes:
    """Plot an inverse pole figure: density of a sample direction over the Laue group's sector.

    Args:
        crystals: See `pole_figure`.
        direction: Sample direction. [-]
        phase: Name of the phase, of polycrystals and networks; None for all crystals.
        halfwidth: Half-width of the kernel around each crystal; smooth textures are drawn as they
            are. [rad]
        peak: Upper end of the colours; None for that of the data. [multiples of random]
        ax: Axes to draw onto; None for a new figure.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes.
    Raises:
        ValueError: if there is no such phase, direction or projection, or none is named and phases
            differ in their Laue group.
    """
    require_type(crystals, KINDS, "crystals")
    if isinstance(crystals, Texture) and not isinstance(crystals, DiscreteTexture):
        axes, grid = given_axes(ax), sector_grid(30, crystals.laue)
        density = mean_along_fibres(crystals, grid, [float(part) for part in direction])
        draw_density(axes, grid, density, peak, True, projection)
        frame_sector(axes, crystals.laue, projection)
        axes.set_title(f"Inverse pole figure, {direction_name(direction)}", fontsize=TITLE_SIZE)
        return axes
    chosen = chosen_crystals(crystals, phase, None)
    laue = CUBIC if chosen.lattice is None else chosen.lattice.laue_group
    return draw_inverse_pole_figure(
        given_axes(ax), chosen.orientations, chosen.weights, direction, halfwidth, peak, True,
        laue, projection,
    )  # fmt: skip


def odf_sections(
    texture: Texture,
    sections: Sequence[float] | None = None,
    kind: str = "phi2",
    phi1_end: float = 90.0,
    peak: float | None = None,
    components: bool = True,
    projection: str = EQUAL_AREA,
) -> list[Axes]:
    """Plot sections of an orientation density, on a new figure.

    Args:
        texture: Texture.
        sections: Angles of the sections; None for those that are customary. [degrees]
        kind: "phi2" for sections of constant φ2, or "sigma" for those of constant φ1 + φ2 over the
            positions of the c axis, without the distortion of Euler space near Φ = 0.
        phi1_end: Right end of φ1 in φ2 sections: 90 for orthorhombic samples, 360 without sample
            symmetry. [degrees]
        peak: Upper end of the colours; None for that of the data. [multiples of random]
        components: Whether to mark standard components and fibres.
        projection: Of σ sections, "equal-area" or "equal-angle".
    Returns:
        The axes of the sections.
    Raises:
        ValueError: if the kind is unknown, or there is no section.
    """
    require_type(texture, Texture, "texture")
    if kind not in ("phi2", "sigma"):
        raise ValueError(f"Argument `kind` must be phi2 or sigma, but is {kind!r}.")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(9.0, 5.5), layout="constrained")
    if kind == "sigma":
        return draw_sigma_sections(figure, texture, sections, peak, components, projection)
    return draw_odf_sections(figure, texture, sections, phi1_end, peak, components)


def misorientations(texture: Texture, pairs: int = 50_000, ax: Axes | None = None) -> Axes:
    """Plot the disorientations of pairs drawn from a texture beside those of random crystals.

    The curve of random crystals is that of `random_misorientation_density`, Mackenzie's for m-3m.

    Args:
        texture: Texture; its pairs are independent, as those of distant grains.
        pairs: Number of pairs.
        ax: Axes to draw onto; None for a new figure.
    Returns:
        The axes.
    """
    require_type(texture, Texture, "texture")
    return draw_misorientations(given_axes(ax), texture, pairs)


class Crystals(NamedTuple):
    """Crystals of one Laue group: orientations [-], volume in any unit, lattice."""

    orientations: Tensor
    weights: Tensor | None
    lattice: Lattice | None


def chosen_crystals(given: Any, phase: str | None, lattice: Lattice | None) -> Crystals:
    """Return the crystals of an object, of one phase.

    Raises:
        ValueError: if there are none, or of several Laue groups.
    """
    if isinstance(given, DiscreteTexture):
        lattice = lattice or Lattice.of_laue_group(given.laue.name)
        return Crystals(given.points, given.weights, lattice)
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
    return Crystals(orientations[members], weights[members], lattice or used[0])


def volume_fractions(crystals: Polycrystal | MaterialNetwork) -> Float[Tensor, " crystals"]:
    """Return the volume fraction of every grain or leaf. [-]"""
    return crystals.volume_fractions if isinstance(crystals, Polycrystal) else crystals.weights
