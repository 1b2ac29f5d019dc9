"""Pole figures calculated from an ODF, and their difference from measured ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.texture.orientation_density import ODF, SAMPLE_SYMMETRIES
from polyxtal.texture.pole_density import pole_density_matrix, solid_angles
from polyxtal.texture.pole_figure import PoleFigure, Reflections, replace_data, sample_directions

RP_LEVELS = 0.005, 1.0
"""Pole densities above which the errors RP_0 and RP_1 count. [multiples of random]"""


@dataclass(frozen=True)
class PoleFigureError:
    """How much a measured figure differs from a calculated one.

    Attributes:
        name: Of the figure.
        scale: Intensity of the pole density 1, ν.
        rp_0: Mean of |P_measured - P_calculated| / P_measured where P_measured > 0.005
            [Matthies1988]. [-]
        rp_1: The same where P_measured > 1. [-]
        difference: Half the mean of |P_measured - P_calculated| by solid angle, relative to the
            mean density where measured: the share of the intensity in the wrong place. [-]
    """

    name: str
    scale: float
    rp_0: float
    rp_1: float
    difference: float


def pole_figure_error(odf: ODF | None, figure: PoleFigure) -> PoleFigureError:
    """Return how much a figure differs from that of an ODF, the scale fitted.

    Args:
        odf: The ODF; None for random orientations.
        figure: The measured figure.
    Raises:
        ValueError: if they are of different Laue groups.

    Example:
        >>> import polyxtal as px
        >>> odf = px.ODF([[1, 0, 0, 0]], uniform=1.0)
        >>> at, lattice = px.pole_figure_grid(), px.Lattice("cF")
        >>> flat = px.calculate_pole_figure(odf, (1, 1, 1), at, lattice)
        >>> round(px.pole_figure_error(None, flat).rp_0, 6)
        0.0
    """
    require_type(figure, PoleFigure, "figure")
    require_type(odf, (ODF, type(None)), "odf")
    density = np.ones(len(figure)) if odf is None else calculated(odf, figure)
    return compared(figure, density, solid_angles(figure.directions).numpy())


def calculate_pole_figure(
    odf: ODF,
    reflections: Reflections,
    directions: ArrayLike | Tensor,
    lattice: Lattice,
    name: str = "",
) -> PoleFigure:
    """Return the pole figure of an ODF, in multiples of random.

    Args:
        odf: The ODF.
        reflections: Indices, or a mapping of indices to weights, see `PoleFigure`.
        directions: Unit vectors in the sample frame, such as `pole_figure_grid()`. [-]
        lattice: Lattice of the crystals.
        name: Of the figure.
    Raises:
        ValueError: if ODF and lattice are of different Laue groups; as for `PoleFigure`.

    Example:
        >>> import polyxtal as px
        >>> cube = px.ODF([[1, 0, 0, 0]], halfwidth=0.2)
        >>> figure = px.calculate_pole_figure(cube, (1, 0, 0), [[0, 0, 1.0]], px.Lattice("cF"))
        >>> round(float(figure.intensities), 1)
        11.7
    """
    require_type(odf, ODF, "odf")
    at = number_tensor(directions, "directions")
    ones = torch.ones(at.shape[:1], dtype=torch.float64)
    figure = PoleFigure(reflections, at, ones, lattice, name)
    return replace_data(figure, figure.directions, torch.from_numpy(calculated(odf, figure)))


def pole_figure_grid(step: float = 5.0, largest: float = 90.0) -> Float[Tensor, "n 3"]:
    """Return directions of the upper hemisphere: rings of equal steps in azimuth, as measured.

    Args:
        step: Step of tilt and azimuth, 0.5 to 45, a divisor of 360. [degrees]
        largest: Largest tilt, up to 90. [degrees]
    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import polyxtal as px
        >>> px.pole_figure_grid(step=5.0, largest=80.0).shape
        torch.Size([1224, 3])
    """
    require_number(step, "step")
    require_number(largest, "largest")
    if not 0.5 <= step <= 45 or abs(360 / step - round(360 / step)) > 1e-9:
        raise ValueError(
            f"Argument `step` must be from 0.5 to 45 degrees and divide 360, but is {step:g}."
        )
    if not 0 <= largest <= 90:
        raise ValueError(f"Argument `largest` must be from 0 to 90 degrees, but is {largest:g}.")
    tilt = torch.arange(int(largest / step + 1e-9) + 1, dtype=torch.float64) * step
    azimuth = torch.arange(round(360 / step), dtype=torch.float64) * step
    grid = torch.meshgrid(torch.deg2rad(tilt), torch.deg2rad(azimuth), indexing="ij")
    return sample_directions(*grid).reshape(-1, 3)


def calculated(odf: ODF, figure: PoleFigure) -> NDArray[np.float64]:
    """Return the pole density of an ODF at a figure's directions.

    Raises:
        ValueError: if they are of different Laue groups.
    """
    if odf.laue != figure.laue:
        raise ValueError(
            f"ODF and pole figure must be of one Laue group, but are of {odf.laue.name} and "
            f"{figure.laue.name}."
        )
    sample = SAMPLE_SYMMETRIES[odf.sample_symmetry]
    psi = pole_density_matrix(figure, odf.centres, odf.kernel, odf.laue, sample)
    return np.asarray(odf.uniform + (1 - odf.uniform) * (psi @ odf.weights.numpy()))


def compared(
    figure: PoleFigure, density: NDArray[np.float64], areas: NDArray[np.float64]
) -> PoleFigureError:
    """Return the errors of a calculated pole density, given the solid angle of each direction."""
    intensity = figure.intensities.numpy()
    scale = float(areas @ intensity) / float(areas @ density)
    measured = intensity / scale
    off = np.abs(measured - density)
    above = [measured > level for level in RP_LEVELS]
    rp_0, rp_1 = (float(np.mean(off[a] / measured[a])) if a.any() else math.nan for a in above)
    share = 0.5 * float(areas @ off) / float(areas @ density)
    return PoleFigureError(figure.name, scale, rp_0, rp_1, share)
