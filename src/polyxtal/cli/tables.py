"""Tables that several verbs print."""

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
    """Show a Mandel stiffness [MPa] in Voigt's notation. [GPa]"""
    from polyxtal.algebra.mandel import stiffness_mandel_to_voigt

    table = Table(title=title, show_header=False)
    for row in stiffness_mandel_to_voigt(stiffness).tolist():
        table.add_row(*(f"{GPA * value:.2f}" for value in row))
    return table


def constants_table(
    constants: Mapping[str, EngineeringConstants], bounds: Collection[str]
) -> Table:
    """Show engineering constants, a column a model; what is no bound is in brackets there.

    Args:
        constants: Constants by the model's name, in the order of the columns. [MPa, -]
        bounds: Models that bound moduli, but not ratios.
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
    """Show key numbers of stress-strain curves to the same strain, a column for each model.

    Args:
        curves: Key numbers by model, the answer first.
    """
    answer = next(iter(curves.values()))
    component, end = answer.component, 100 * answer.strain
    table = Table("", *curves, title=f"Stress-strain curve [MPa], {component}")
    for label, name in (
        ("0.2 % proof stress", "proof_stress"),
        (f"stress at {end:.3g} % strain", "stress"),
        ("hardening there", "hardening"),
    ):
        values = [getattr(curve, name) for curve in curves.values()]
        table.add_row(label, *("not reached" if v is None else f"{v:.1f}" for v in values))
    return table
