"""Measured pole figures above those recalculated from the density."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from polyxtal.texture.pole_error import calculate_pole_figure
from polyxtal.texture.pole_inversion import PoleFigureInversion
from polyxtal.viz.sphere import EQUAL_AREA, hemisphere_grid, project, to_numpy
from polyxtal.viz.sphere_axes import draw_density, frame_hemisphere
from polyxtal.viz.style import DENSITY_MAP, TICK_SIZE, TITLE_SIZE, add_colorbar, density_levels


def draw_pole_comparison(
    figure: Figure | SubFigure, inversion: PoleFigureInversion, projection: str = EQUAL_AREA
) -> list[Axes]:
    """Draw each measured figure as points and the recalculated one below, on one colour scale.

    Args:
        figure: Figure or part of one, without axes; about 2.4 inches wide for each pole figure.
        inversion: Figures, density and errors.
        projection: "equal-area" or "equal-angle".
    Returns:
        The axes: the measured figures, then the recalculated ones.
    """
    disk = hemisphere_grid(30)
    grid = figure.add_gridspec(2, len(inversion.figures))
    measured, recalculated = list[Axes](), list[Axes]()
    for column, (given, error) in enumerate(zip(inversion.figures, inversion.errors, strict=True)):
        flat = calculate_pole_figure(
            inversion.odf, dict(given.reflections), disk.reshape(-1, 3), given.lattice
        )
        density = flat.intensities.reshape(disk.shape[:2])
        values = given.intensities / error.scale
        top = max(2.0, float(density.max()), float(values.quantile(0.999)))
        above = figure.add_subplot(grid[0, column])
        up = given.directions.clone()
        up[up[:, 2] < 0] *= -1  # a direction and its opposite are one
        x, y = to_numpy(project(up, projection)).T
        size = 2200.0 / max(30, len(given)) ** 0.9
        end = density_levels(top)[-1]
        points = above.scatter(
            x, y, c=to_numpy(values), s=size, cmap=DENSITY_MAP, vmin=0.0, vmax=end, linewidth=0
        )
        frame_hemisphere(above)
        above.set_title(f"{given.name}, measured", fontsize=TITLE_SIZE)
        below = figure.add_subplot(grid[1, column])
        draw_density(below, disk, density, top, False, projection)
        frame_hemisphere(below)
        below.set_title(f"recalculated, RP_1 {error.rp_1:.3f}", fontsize=TITLE_SIZE)
        bar = add_colorbar(below, points, "Density [multiples of random]")
        bar.ax.tick_params(labelsize=TICK_SIZE - 1)
        measured.append(above)
        recalculated.append(below)
    return measured + recalculated
