"""ODF from pole figures: non-negative kernel weights on a grid of orientations [Hielscher2008].

The ODF is f = u + Σ_m c_m K_m: a uniform part and kernels about the orientations of a grid,
symmetrised. Its pole figures are linear in it, P_i = u + Ψ_i c with sparse Ψ_i. Sought are c ≥ 0
and the scales ν_i of the figures that minimise

    Σ_i Σ_j a_ij (u + Ψ_i c - I_i / ν_i)_j² / max(I_ij / ν_i, e),   u + Σ_m c_m = 1

with a the solid angle next to each direction: the variance of counts rises with their mean. The
steepest descent scaled by c keeps c non-negative [Nagy2000]; it is stopped early, which smooths.

Even a complete set of figures leaves the odd part of an ODF open; only c ≥ 0 restricts it. The
largest uniform part that all figures allow makes that restriction strong [Matthies1979]: it is
taken from the minima of the figures of a first solution, and the second starts with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import (
    quaternion_conjugate,
    quaternion_multiply,
    random_quaternions,
)
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.determined import determined_degree, require_determined
from polyxtal.texture.kernels import DE_LA_VALLEE_POUSSIN
from polyxtal.texture.orientation_density import ODF, SAMPLE_SYMMETRIES
from polyxtal.texture.pole_density import pole_density_matrix, solid_angles
from polyxtal.texture.pole_error import PoleFigureError, compared
from polyxtal.texture.pole_figure import PoleFigure
from polyxtal.texture.pole_solver import Problem, solve, uniform_part
from polyxtal.texture.zone import zone_orientations

FINEST, COARSEST = 2.0, 30.0
"""Finest and coarsest resolution. [degrees]"""
MAX_PAIRS = 10**9
"""Most pairs of direction and kernel: about 1 GB of matrices. [-]"""
REQUIRED_DEGREE = 4
"""Degree of the even coefficients that figures must determine: that of the elastic stiffness."""
NEGLIGIBLE = 1e-4
"""Weight, relative to the largest, below which a kernel is left out. [-]"""


@dataclass(frozen=True)
class PoleFigureInversion:
    """An ODF from pole figures.

    Attributes:
        odf: The ODF.
        figures: The figures it was fitted to.
        errors: Of each figure: scale ν, RP_0, RP_1 and mean difference.
        iterations: Taken by the last solution.
        degree: Even degree to which complete figures of these reflections determine the ODF
            without its being non-negative.
    """

    odf: ODF
    figures: tuple[PoleFigure, ...]
    errors: tuple[PoleFigureError, ...]
    iterations: int
    degree: int


def invert_pole_figures(
    figures: Sequence[PoleFigure],
    resolution: float = 5.0,
    halfwidth: float | None = None,
    sample_symmetry: str = "triclinic",
    ghost_correction: bool = True,
    iterations: int = 200,
    tol: float = 1e-2,
    kernel: str = DE_LA_VALLEE_POUSSIN,
) -> PoleFigureInversion:
    """Return the ODF that pole figures determine, with the errors of each figure.

    Complete or incomplete figures, of one or several superposed reflections; their scales are
    unknown. The method is that of the module's docstring.

    Args:
        figures: Of one lattice.
        resolution: Distance of the kernels' centres, 2 to 30; about that of the directions.
            [degrees]
        halfwidth: Half-width of the kernels (default: the resolution). [rad]
        sample_symmetry: triclinic, monoclinic or orthorhombic.
        ghost_correction: Whether to take the largest uniform part that the figures allow first.
        iterations: Largest number of iterations of each solution.
        tol: Relative decrease of the misfit in one iteration at which to stop. [-]
        kernel: "de la Vallee Poussin" or "von Mises-Fisher".
    Raises:
        ValueError: if there is no figure, lattices differ, the figures do not determine the ODF to
            degree 4 (that of the elastic stiffness), or an argument is out of range.

    Example:
        >>> import math
        >>> import polyxtal as px
        >>> true = px.ODF([[1, 0, 0, 0]], halfwidth=math.radians(20), uniform=0.5)
        >>> at = px.pole_figure_grid(step=10.0)
        >>> lattice = px.Lattice("cF")
        >>> planes = (1, 1, 1), (2, 0, 0)
        >>> figures = [px.calculate_pole_figure(true, h, at, lattice) for h in planes]
        >>> found = px.invert_pole_figures(figures, resolution=15.0)
        >>> px.odf_distance(found.odf, true, resolution=10.0) < 0.1
        True
    """
    measured = _checked(figures)
    laue = measured[0].laue
    require_number(resolution, "resolution")
    if not FINEST <= resolution <= COARSEST:
        raise ValueError(
            f"Argument `resolution` must be from {FINEST:g} to {COARSEST:g} degrees, "
            f"but is {resolution:g}."
        )
    require_type(iterations, Integral, "iterations")
    require_number(tol, "tol")
    if iterations < 1 or not 0 <= tol < 1:
        raise ValueError(
            "Arguments `iterations` and `tol` must be positive and from 0 to 1, but are "
            f"{iterations} and {tol:g}."
        )
    width = math.radians(resolution) if halfwidth is None else halfwidth
    shape = ODF([[1.0, 0.0, 0.0, 0.0]], None, width, laue, sample_symmetry, 0.0, kernel)
    sample = SAMPLE_SYMMETRIES[sample_symmetry]
    require_determined(measured, REQUIRED_DEGREE, sample)
    centres, volumes = kernel_centres(resolution, laue, sample)
    pairs = len(centres) * sum(map(len, measured))
    if pairs > MAX_PAIRS:
        raise ValueError(
            f"Figures times kernels must be at most {MAX_PAIRS:.0e} pairs, but are {pairs:.1e}: "
            "take a coarser `resolution`."
        )
    problem = Problem(
        [pole_density_matrix(f, centres, shape.kernel, laue, sample) for f in measured],
        [f.intensities.numpy() for f in measured],
        [solid_angles(f.directions).numpy() for f in measured],
    )
    uniform = 0.0
    weights, count = solve(problem, volumes, uniform, iterations, tol)
    if ghost_correction:
        uniform = uniform_part(problem, weights)
        weights, count = solve(problem, volumes * (1 - uniform), uniform, iterations, tol)
    kept = weights > NEGLIGIBLE * weights.max()
    odf = ODF(
        centres[torch.from_numpy(kept)], torch.from_numpy(weights[kept]), width, laue,
        sample_symmetry, uniform, kernel,
    )  # fmt: skip
    densities = problem.densities(weights, uniform)
    errors = tuple(map(compared, measured, densities, problem.areas))
    return PoleFigureInversion(odf, measured, errors, count, determined_degree(measured))


def kernel_centres(
    resolution: float, laue: LaueGroup, sample: LaueGroup
) -> tuple[Float[Tensor, "m 4"], NDArray[np.float64]]:
    """Return one orientation of each set that sample symmetry makes equivalent, and its volume.

    The one nearest to an arbitrary orientation is taken.
    """
    q = zone_orientations(float(resolution), laue)
    generic = random_quaternions(1, 7)
    near = laue.half_angle_cosine(quaternion_multiply(quaternion_conjugate(generic), q))
    kept = torch.ones(len(q), dtype=torch.bool)
    for p in sample.rotations[1:]:
        other = quaternion_multiply(quaternion_conjugate(generic), quaternion_multiply(p[None], q))
        kept &= near >= laue.half_angle_cosine(other)
    centres = q[kept]
    return centres, np.full(len(centres), 1 / len(centres))


def _checked(figures: Sequence[PoleFigure]) -> tuple[PoleFigure, ...]:
    require_type(figures, Sequence, "figures")
    for figure in figures:
        require_type(figure, PoleFigure, "figures")
    if not figures:
        raise ValueError("Argument `figures` must hold a pole figure, but is empty.")
    first = figures[0]
    for figure in figures[1:]:
        if figure.lattice != first.lattice:
            raise ValueError(
                f"Pole figures must be of one lattice, but {first.name} is of {first.lattice} and "
                f"{figure.name} of {figure.lattice}."
            )
    return tuple(figures)
