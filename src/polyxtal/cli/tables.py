"""Tables shared by several commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from torch import Tensor

    from polyxtal.mechanics.bounds.moduli import EngineeringConstants
    from polyxtal.workflows.summary.curve import CurveNumbers

GPA = 1e-3
"""One megapascal. [GPa]"""


def stiffness_table(stiffness: Tensor, title: str) -> Table:
    """Return a table of a Mandel stiffness [MPa] in Voigt notation. [GPa]"""
    from polyxtal.algebra.mandel import stiffness_mandel_to_voigt

    table = Table(title=title, show_header=False)
    for row in stiffness_mandel_to_voigt(stiffness).tolist():
        table.add_row(*(f"{GPA * value:.2f}" for value in row))
    return table


def constants_table(
    constants: Mapping[str, EngineeringConstants], bounds: Collection[str]
) -> Table:
    """Return a table of engineering constants, one column per model.

    Ratios in the columns of `bounds` are in brackets, because only moduli are bounded.

    Args:
        constants: Engineering constants by model name, in column order. [MPa, -]
        bounds: Names of models that bound the moduli.
    """
    table = Table("", *constants, title="Engineering constants [GPa, -]")
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
        table.add_row(name, *row)
    return table


def curve_table(curves: Mapping[str, CurveNumbers]) -> Table:
    """Return a table of key numbers of stress-strain curves up to the same strain.

    Args:
        curves: Key numbers by model name, in column order, the result first.
    """
    answer = next(iter(curves.values()))
    component, end = answer.component, 100 * answer.strain
    table = Table("", *curves, title=f"Stress-strain curve [MPa], {component}")
    for label, name in (
        ("0.2 % proof stress", "proof_stress"),
        (f"stress at {end:.3g} % strain", "stress"),
        ("hardening modulus there", "hardening"),
    ):
        values = [getattr(curve, name) for curve in curves.values()]
        table.add_row(label, *("not reached" if v is None else f"{v:.1f}" for v in values))
    return table
