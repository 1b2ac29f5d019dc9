"""Corrections of measured intensities: background, and defocusing of a tilted sample."""

from __future__ import annotations

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.argument_types import require_type
from polyxtal.texture.pole_figure import PoleFigure, replace_data

_SAME = 1e-3
"""Tilts closer than this are one ring. [rad]"""


def correct_pole_figure(
    figure: PoleFigure,
    background: float | ArrayLike | Tensor | PoleFigure = 0.0,
    defocusing: PoleFigure | ArrayLike | Tensor | None = None,
) -> PoleFigure:
    """Return a pole figure without background and defocusing.

        I(r) = max(0, I_measured(r) - B(r)) / D(tilt)

    The background is measured beside the peak. The defocusing curve D falls from 1 at tilt 0: it
    is the mean of a random sample's intensities on each ring, itself freed from background.

    Args:
        figure: The measured figure.
        background: One number, one for each direction, or a figure, whose mean on each ring is
            interpolated linearly in tilt. [unit of the intensities]
        defocusing: Figure of a random sample, or rows of tilt [rad] and intensity [-]; None for
            none. Interpolated linearly in tilt.
    Raises:
        ValueError: if the background exceeds every intensity, or the curve is not positive, or
            does not cover the tilts of the figure.

    Example:
        >>> import polyxtal as px
        >>> at = [[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]
        >>> figure = px.PoleFigure((1, 1, 1), at, [5.0, 3.0], px.Lattice("cF"))
        >>> random = px.PoleFigure((1, 1, 1), at, [4.0, 2.0], px.Lattice("cF"))
        >>> px.correct_pole_figure(figure, 1.0, random).intensities.tolist()
        [4.0, 4.0]
    """
    require_type(figure, PoleFigure, "figure")
    if isinstance(background, PoleFigure):
        floor = _interpolated(ring_means(background), figure, "background")
    else:
        floor = number_tensor(background, "background")
        if floor.ndim and floor.shape != figure.intensities.shape:
            raise ValueError(
                f"Argument `background` must be one number or {len(figure)}, but has shape "
                f"{tuple(floor.shape)}."
            )
    if not bool(torch.isfinite(floor).all()) or not bool((floor >= 0).all()):
        raise ValueError("Argument `background` must be finite and not negative, but is not.")
    intensities = (figure.intensities - floor).clamp_min(0.0)
    if not bool((intensities > 0).any()):
        raise ValueError(
            f"Pole figure {figure.name}: an intensity must exceed the background, but none does."
        )
    if defocusing is not None:
        given = isinstance(defocusing, PoleFigure)
        curve = ring_means(defocusing) if given else number_tensor(defocusing, "defocusing")
        if curve.ndim != 2 or curve.shape[1] != 2 or not bool((curve[:, 1] > 0).all()):
            raise ValueError(
                "Argument `defocusing` must be rows of tilt and positive intensity, but is not."
            )
        drop = _interpolated(curve, figure, "defocusing")
        intensities = intensities / (drop / curve[curve[:, 0].argmin(), 1])
    return replace_data(figure, figure.directions, intensities)


def ring_means(figure: PoleFigure) -> Float[Tensor, "rings 2"]:
    """Return tilt [rad] and mean intensity of each ring, by rising tilt."""
    places, owner = torch.unique((figure.tilt / _SAME).round(), return_inverse=True)
    columns = [figure.tilt, figure.intensities, torch.ones_like(figure.intensities)]
    total = torch.zeros(len(places), 3, dtype=torch.float64)
    total.index_add_(0, owner, torch.stack(columns, dim=1))
    return total[:, :2] / total[:, 2:]


def _interpolated(
    curve: Float[Tensor, "tilts 2"], figure: PoleFigure, argument: str
) -> Float[Tensor, " n"]:
    curve = curve[curve[:, 0].argsort()].contiguous()
    at, tilt = curve[:, 0].contiguous(), figure.tilt
    low, high = float(at[0]), float(at[-1])
    if float(tilt.min()) < low - 2 * _SAME or float(tilt.max()) > high + 2 * _SAME:
        raise ValueError(
            f"Argument `{argument}` must cover the tilts of figure {figure.name}, "
            f"{torch.rad2deg(tilt.min()):.1f} to {torch.rad2deg(tilt.max()):.1f} degrees, but "
            f"covers {torch.rad2deg(at[0]):.1f} to {torch.rad2deg(at[-1]):.1f}."
        )
    if len(at) == 1:
        return curve[:1, 1].expand(len(tilt))
    right = torch.searchsorted(at, tilt.contiguous()).clamp(1, len(at) - 1)
    share = ((tilt - at[right - 1]) / (at[right] - at[right - 1])).clamp(0.0, 1.0)
    return torch.lerp(curve[right - 1, 1], curve[right, 1], share)
