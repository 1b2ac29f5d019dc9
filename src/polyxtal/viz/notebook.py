"""Views of polyxtal's objects in notebooks: a thumbnail beside a short table.

Views are looked up by the name of the class, so that showing a polycrystal does not import the
foundation model.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from polyxtal.mechanics.bounds.moduli import young_modulus
from polyxtal.mechanics.response import loaded_component
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.curves import draw_responses
from polyxtal.viz.lengths import lengths_label
from polyxtal.viz.loading import draw_load_path, step_label
from polyxtal.viz.sketches import draw_patches, draw_tree
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.stiffness import draw_young_modulus_surface
from polyxtal.viz.style import new_figure
from polyxtal.viz.volume import draw_volume

if TYPE_CHECKING:
    from polyxtal.crystal.lattice import Lattice
    from polyxtal.crystal.material import Material
    from polyxtal.mechanics.loading.path import LoadPath
    from polyxtal.mechanics.response import Response
    from polyxtal.model.foundation import FoundationModel
    from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble

WIDTH, HEIGHT, DPI = 2.2, 1.8, 120
"""Size of a thumbnail [inch] and its resolution; shown at 96 pixels per inch."""
COARSE = 64
"""Voxels along an edge beyond which a thumbnail leaves some out."""
MOST_ROWS = 6
"""Phases or steps that a table lists."""


class View(NamedTuple):
    """Summary of an object: rows of name and value, and a thumbnail."""

    rows: list[tuple[str, str]]
    thumbnail: Figure


def object_to_html(shown: Any) -> str:
    """Return the summary of an object as HTML: class, table and thumbnail.

    Args:
        shown: Polycrystal, network or ensemble of them, response, load path, material or
            foundation model.
    Raises:
        TypeError: if there is no view of such objects.
    """
    names = [kind.__name__ for kind in type(shown).__mro__ if kind.__name__ in VIEWS]
    if not names:
        raise TypeError(f"An object must have a view to be shown, but {type(shown)} has none.")
    view = VIEWS[names[0]](shown)
    title = type(shown).__name__
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in view.rows
    )
    return (
        '<div style="display:flex;align-items:center;gap:1em">'
        f'<img alt="{escape(title)}" width="{round(96 * WIDTH)}" height="{round(96 * HEIGHT)}" '
        f'src="data:image/png;base64,{base64.b64encode(_png(view.thumbnail)).decode()}">'
        f"<div><strong>{escape(title)}</strong><table>{rows}</table></div></div>"
    )


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _thumbnail() -> Figure:
    return new_figure(WIDTH, HEIGHT, DPI)


def polycrystal_view(rve: Polycrystal) -> View:
    """Show the volume in inverse-pole-figure colours."""
    filled = int((rve.volume_fractions > 0).sum())
    share = torch.zeros(len(rve.phase_names), dtype=torch.float64)
    share.index_add_(0, rve.phase, rve.volume_fractions)
    rows = [
        ("grid", _times(rve.grid)),
        ("size", lengths_label(rve.size).replace(" x ", " × ")),
        ("grains", f"{rve.grains}" + ("" if filled == rve.grains else f", {filled} with voxels")),
        *_phases(rve.phase_names, rve.lattices, share),
    ]
    figure = _thumbnail()
    steps = tuple(slice(None, None, -(-n // COARSE)) for n in rve.grid)
    coarse = Polycrystal(
        rve.grain_id[steps], rve.orientations, rve.size, rve.phase, rve.phase_names, rve.lattices
    )
    draw_volume(figure.add_subplot(), coarse).set_title("")
    return View(rows, figure)


def _phases(
    names: tuple[str, ...], lattices: tuple[Lattice | None, ...], share: Tensor
) -> list[tuple[str, str]]:
    rows = []
    for index, name in enumerate(names[:MOST_ROWS]):
        lattice = lattices[index] if lattices else None
        known = "" if lattice is None else f", {lattice.symbol}"
        rows.append(("phase", f"{name}{known}, {100 * float(share[index]):.3g} %"))
    return rows if len(names) <= MOST_ROWS else [*rows, ("", f"{len(names) - MOST_ROWS} more")]


def network_view(network: MaterialNetwork) -> View:
    """Show the tree over its leaves, which have inverse-pole-figure colours."""
    share = torch.zeros(len(network.phase_names), dtype=torch.float64)
    share.index_add_(0, network.phase, network.weights.detach().to(share))
    rows = [
        ("leaves", f"{network.leaves}"),
        ("levels", f"{len(network.tree.levels)}"),
        *_phases(network.phase_names, network.lattices, share),
    ]
    figure = _thumbnail()
    draw_tree(figure.add_subplot(), network)
    return View(rows, figure)


def ensemble_view(ensemble: NetworkEnsemble) -> View:
    """Show the first member."""
    view = network_view(ensemble.members[0])
    members = ("members", f"{len(ensemble.members)}, the first of them:")
    return View([members, *view.rows], view.thumbnail)


def response_view(response: Response) -> View:
    """Show the stress-strain curve of the component that does the most work."""
    figure = _thumbnail()
    component = "".join("xyz"[k] for k in loaded_component(response))
    axes = draw_responses(figure.add_subplot(), {"": response}, component)
    axes.set_xlabel(f"strain {component} [%]")
    axes.set_ylabel(f"stress {component} [MPa]")
    rows = [
        ("increments", f"{len(response.time) - 1}"),
        ("time", f"{float(response.time[-1]):g} s"),
        (f"strain {component}", _end_and_peak(response.strain(component))),
        (f"stress {component}", _end_and_peak(response.stress(component), " MPa")),
        ("equivalent strain", _end_and_peak(response.equivalent_strain)),
        ("equivalent stress", _end_and_peak(response.equivalent_stress, " MPa")),
    ]
    if response.weights is not None:
        rows.append(("crystals", f"{len(response.weights)}"))
    return View(rows, figure)


def _end_and_peak(history: Tensor, unit: str = "") -> str:
    """Return the last value, and that of largest magnitude where it came before."""
    peak = float(history[history.abs().argmax()])
    last = float(history[-1])
    end = f"{0.0 if abs(last) < 1e-6 * abs(peak) else last:.4g}{unit}"
    return end if last == peak else f"{end} at the end, peak {peak:.4g}{unit}"


def load_view(path: LoadPath) -> View:
    """Show the prescribed strains over time."""
    figure = _thumbnail()
    draw_load_path(figure.add_subplot(), path)
    rows = [("duration", f"{path.duration:g} s"), ("increments", f"{path.increments}")]
    rows += [(f"step {n}", step_label(step)) for n, step in enumerate(path.steps[:MOST_ROWS], 1)]
    more = len(path.steps) - MOST_ROWS
    return View(rows if more <= 0 else [*rows, ("", f"{more} more steps")], figure)


def material_view(material: Material) -> View:
    """Show Young's modulus of the crystal over all directions."""
    stiffness = material.elasticity.stiffness()
    modulus = young_modulus(stiffness, hemisphere_grid(30).reshape(-1, 3)) / 1e3
    lattice = material.lattice
    ratio = "" if lattice.c_over_a is None else f", c/a = {lattice.c_over_a:.4g}"
    rows = [
        ("name", material.name),
        ("lattice", f"{lattice.symbol}, {lattice.laue_group.name}{ratio}"),
        ("stiffness", _constants(material)),
        ("Young's modulus", f"{float(modulus.min()):.4g} to {float(modulus.max()):.4g} GPa"),
        ("plasticity", "none" if material.plasticity is None else _law(material)),
    ]
    figure = _thumbnail()
    draw_young_modulus_surface(figure.add_subplot(projection="3d"), stiffness, 40, colorbar=False)
    return View(rows, figure)


def _constants(material: Material) -> str:
    """Return the constants on and above the diagonal, each value once, in GPa."""
    voigt = material.elasticity.voigt
    values: dict[float, str] = {}
    for i in range(6):
        for j in range(i, 6):
            if voigt[i][j] != 0:
                values.setdefault(voigt[i][j], f"c{i + 1}{j + 1} = {voigt[i][j] / 1e3:.4g}")
    return ", ".join(values.values()) + " GPa"


def _law(material: Material) -> str:
    kind = "slip and twin" if getattr(material.plasticity, "twinning", None) else "slip"
    count = len(material.law().schmid)
    return f"{type(material.plasticity).__name__}, {count} {kind} systems"


def model_view(model: FoundationModel) -> View:
    """Show the cube of patches, some of them hidden as in pretraining."""
    config = model.config
    count = sum(p.numel() for p in model.parameters())
    rows = [
        ("input", f"{_times((config.voxels,) * 3)} voxels, {config.features}, {config.laue}"),
        ("patches", f"{_times((config.voxels // config.patch,) * 3)} of {config.patch}³ voxels"),
        ("encoder", f"width {config.width}, {config.depth} blocks, {config.heads} attention heads"),
        ("parameters", f"{count / 1e6:.1f} million"),
        ("heads", ", ".join(model.heads) or "none"),
        ("device", f"{model.device}"),
    ]
    figure = _thumbnail()
    draw_patches(figure.add_subplot(), min(config.voxels // config.patch, 16))
    return View(rows, figure)


def _times(numbers: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in numbers)


VIEWS: dict[str, Callable[[Any], View]] = {
    "Polycrystal": polycrystal_view,
    "MaterialNetwork": network_view,
    "NetworkEnsemble": ensemble_view,
    "Response": response_view,
    "LoadPath": load_view,
    "Material": material_view,
    "FoundationModel": model_view,
}
