"""Figure of a simulation: volume, curve, stress in a section, grain rotation."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from polyxtal.mechanics.fullfield.history import LocalFields
from polyxtal.mechanics.measures import Averages
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.section import draw_field
from polyxtal.viz.style import DENSITY_MAP, TITLE_SIZE, add_colorbar
from polyxtal.workflows.simulate.run import Simulation
from polyxtal.workflows.summary.panels import (
    draw_curve_panel,
    draw_texture_panel,
    draw_volume_panel,
    four_panels,
)


def draw_simulation(simulation: Simulation) -> Figure:
    """Plot the four panels of a simulation.

    Args:
        simulation: The simulation.
    Returns:
        The Matplotlib figure.
    """
    figure, panels = four_panels()
    draw_volume_panel(panels[0, 0], simulation.prepared.rve)
    _draw_curve_panel(panels[0, 1].subplots(), simulation)
    if simulation.fields is None:
        draw_volume_panel(panels[1, 0], _at_the_end(simulation), ", end")
    else:
        _draw_section(panels[1, 0].subplots(), simulation.prepared.rve, simulation.fields)
    _draw_texture_panel(panels[1, 1], simulation)
    return figure


def _at_the_end(simulation: Simulation) -> Polycrystal:
    """Return the polycrystal with final orientations on the undeformed grid."""
    rve = simulation.prepared.rve
    orientations = rve.orientations.clone()
    orientations[simulation.crystals] = simulation.orientations[-1].to(orientations)
    return Polycrystal(
        rve.grain_id, orientations, rve.size, rve.phase, rve.phase_names, rve.lattices
    )


def _draw_curve_panel(axes: Axes, simulation: Simulation) -> None:
    engine = simulation.prepared.settings.engine
    name = "Full field" if engine == "polyxtal" else "Full field (DAMASK)"
    curves = {name: simulation.response, **simulation.baselines}
    draw_curve_panel(axes, curves, simulation.curve)


def _draw_section(axes: Axes, rve: Polycrystal, fields: LocalFields) -> None:
    """Draw the stress in the plane z = L_z / 2, on the undeformed grid."""
    middle = rve.grid[2] // 2
    layer = (slice(None), slice(None), slice(middle, middle + 1))
    section = Averages(fields.F[layer], fields.P[layer])
    stress = section.equivalent_stress[:, :, 0].numpy()
    ids = rve.grain_id[:, :, middle].numpy()
    filled = draw_field(axes, stress, rve.size[:2], ids=ids, cmap=DENSITY_MAP)
    add_colorbar(axes, filled, "Von Mises stress [MPa]")
    axes.set_title("Stress at the end, section in mid-height", fontsize=TITLE_SIZE)


def _draw_texture_panel(panel: SubFigure, simulation: Simulation) -> None:
    rve, rotation = simulation.prepared.rve, simulation.rotation
    draw_texture_panel(
        panel,
        rve,
        rve.phase[simulation.crystals],
        (simulation.orientations[0], simulation.orientations[-1]),
        simulation.weights,
        (rotation.strength_start, rotation.strength_end),
    )
