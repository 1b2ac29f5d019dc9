"""Tables shared by several commands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table

from polyxtal.microstructure.io.texture_files import is_texture

if TYPE_CHECKING:
    from torch import Tensor

    from polyxtal.mechanics.bounds.moduli import EngineeringConstants
    from polyxtal.mechanics.ladder.stiffness import EstimatedStiffness
    from polyxtal.workflows.inputs.reading import Reading
    from polyxtal.workflows.summary.curve import CurveBounds, CurveNumbers

GPA = 1e-3
"""One megapascal. [GPa]"""

VOIGT_NOTE = "Voigt notation: rows and columns 11, 22, 33, 23, 13, 12."
STRENGTH_NOTE = (
    "Texture strength: rms of the mean harmonics of lowest degree; 0 for uniform orientations, "
    "about 1/√N for N random crystals, 1 for a single crystal."
)


def stiffness_table(stiffness: Tensor, title: str) -> Table:
    """Return a table of a Mandel stiffness [MPa] in Voigt notation. [GPa]

    Args:
        stiffness: Mandel stiffness. [MPa]
        title: What it is the stiffness of.
    """
    from polyxtal.algebra.mandel import stiffness_mandel_to_voigt

    table = Table(title=f"{title} [GPa], Voigt notation", show_header=False)
    for row in stiffness_mandel_to_voigt(stiffness).tolist():
        table.add_row(*(f"{GPA * value:.2f}" for value in row))
    return table


def stiffness_note(estimated: EstimatedStiffness) -> str:
    """Return the grid of a stiffness and the bounds of its error."""
    return (
        f"On {product(estimated.grid)} voxels; the bounds of its components are "
        f"{100 * estimated.error:.2g} % of it (Frobenius norm)."
    )


def constants_table(
    constants: Mapping[str, EngineeringConstants], bounds: Collection[str]
) -> Iterator[RenderableType]:
    """Yield a table of engineering constants, one column per model, and a note.

    Ratios in the columns of `bounds` are in brackets, because only moduli are bounded.

    Args:
        constants: Engineering constants by model name, in column order. [MPa, -]
        bounds: Names of models that bound the moduli.
    """
    table = Table("", *constants, title="Engineering constants")
    values = {model: asdict(c) for model, c in constants.items()}
    for name in next(iter(values.values())):
        # Only moduli lie between the bounds; ratios do not.
        modulus = name.startswith(("E_", "G_", "bulk"))
        row = []
        for model in constants:
            value = values[model][name]
            if modulus:
                row.append(f"{GPA * value:.2f}")
            else:
                row.append(f"({value:.4f})" if model in bounds else f"{value:.4f}")
        table.add_row(f"{name} [{'GPa' if modulus else '-'}]", *row)
    yield table
    yield (
        "E, G: Young's and shear moduli along the axes; nu_xy: contraction of y under tension "
        "along x; universal anisotropy: 0 if isotropic. In brackets: "
        f"{' and '.join(bounds)} bound the moduli, not these."
    )


def curve_table(curves: Mapping[str, CurveNumbers], bounds: CurveBounds | None = None) -> Table:
    """Return a table of key numbers of stress-strain curves up to the same strain.

    Args:
        curves: Key numbers by model name, in column order, the result first.
        bounds: Bounds of the error of the result; None if unknown.
    """
    answer = next(iter(curves.values()))
    component, end = answer.component, 100 * answer.strain
    table = Table("", *curves, title=f"Stress-strain curve [MPa], {component}")
    for label, name in (
        ("0.2 % proof stress", "proof_stress"),
        (f"stress at {end:.3g} % strain", "stress"),
        ("hardening modulus there", "hardening"),
        ("r-value [-]", "r_value"),
    ):
        if name == "r_value" and answer.r_value is None:
            continue
        digits = ".3f" if name == "r_value" else ".1f"
        values = [getattr(curve, name) for curve in curves.values()]
        texts = ["not reached" if v is None else f"{v:{digits}}" for v in values]
        bound = getattr(bounds, name, None)
        if bound:
            texts[0] += f" ± {bound:{digits}}"
        table.add_row(label, *texts)
    return table


def curve_note(curve: CurveNumbers) -> str:
    """Return what the numbers of `curve_table` mean."""
    return (
        f"Engineering strain and first Piola-Kirchhoff stress, {curve.component}, up to the first "
        "reversal. Proof stress: where the curve meets the elastic line shifted by 0.2 % strain. "
        "Hardening modulus: slope of the curve over the last tenth of that strain. r-value: ratio "
        "of the strains along width and thickness (z) over its last half."
    )


def error_note(file: str) -> str:
    """Return what the bounds of a prediction from a file are about."""
    where, rest = "grid of the file", ""
    if is_texture(file):
        where = "volume made of the texture"
        rest = " What another choice of its grains (--seed) changes is not included."
    return (
        f"±, error: bound of the difference from the full field on the {where}, which holds with a "
        "probability of 90 %; the error is the largest along the curve over the largest stress."
        f"{rest}"
    )


def reading_table(reading: Reading, load: str | None = None) -> Table:
    """Return a table of what was read and assumed.

    Args:
        reading: What was read.
        load: Load in words; None without one.
    """
    from polyxtal.viz.lengths import lengths_label

    rve, seen = reading.rve, reading.summary()
    table = Table(title="Input", show_header=False)
    table.add_row("file", reading.file)
    for row in map_rows(reading):
        table.add_row(*row)
    table.add_row(
        "grid", f"{product(rve.grid)}, voxels of {lengths_label(rve.spacing, max(rve.size))}"
    )
    table.add_row("size", lengths_label(rve.size))
    empty = seen["grains_without_voxels"]
    table.add_row("grains", f"{rve.grains}" + (f", {empty} without voxels" if empty else ""))
    for name, phase in seen["phases"].items():
        table.add_row(f"phase {name}", _phase_label(phase))
    if load is not None:
        table.add_row("load", load)
    return table


def _phase_label(phase: Mapping[str, Any]) -> str:
    if not phase["grains"]:
        return "no grains"
    if phase["void"]:
        material = "void"
    else:
        material = f"material {phase['material']} from {phase['material_from']}"
    share = 100 * phase["volume_fraction"]
    return f"{material}, lattice {phase['lattice']}, {phase['grains']} grains, {share:.3g} %"


def map_rows(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield rows about the EBSD map or stack that was read, if it was one."""
    from polyxtal.viz.lengths import lengths_label

    seen = reading.summary()["map"]
    if seen is None:
        return
    stack = "sections" in seen
    kind = "stack" if stack else "map"
    yield kind, f"{product(seen['points'])} points, {lengths_label(seen['step'])} apart"
    if stack:
        moved = f"shifted by up to {seen['largest_shift']} steps"
        yield "sections", f"{seen['sections']}, {moved if seen['largest_shift'] else 'not shifted'}"
    yield "frame", f"{seen['frame']}"
    mean = f"{seen['mean_grain_volume']:.3g} µm³" if stack else f"{seen['mean_grain_area']:.3g} µm²"
    border = f"{seen['grains_at_border']} at the border"
    yield f"grains of the {kind}", f"{seen['grains']}, {mean} on average, {border}"
    excluded = f", {100 * seen['excluded']:.3g} % excluded" if seen["excluded"] else ""
    yield "points indexed", f"{100 * seen['indexed']:.3g} %{excluded}"
    yield "points filled in", f"{100 * seen['filled']:.3g} %, from neighbouring grains"
    if stack:
        return
    volume = "a volume of its grain sizes and texture"
    yield "used as", volume if seen["replaced_by_volume"] else "one layer of voxels"


def product(numbers: Collection[float]) -> str:
    """Return numbers as factors, such as "32 x 32 x 16"."""
    return " x ".join(f"{number:.6g}" for number in numbers)
