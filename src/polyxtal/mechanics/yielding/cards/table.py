"""Parameters and flow curve as a table, for codes whose dialogs take them."""

from __future__ import annotations

from polyxtal.mechanics.yielding.cards.abaqus import stress_ratios
from polyxtal.mechanics.yielding.cards.sheet import Sheet


def table_card(sheet: Sheet) -> str:
    """Return lines of name and value, then the flow curve in two columns, all after tabs."""
    young, poisson = sheet.isotropic
    function = sheet.function
    r0, r45, r90 = map(float, function.r_value([0.0, 45.0, 90.0]))
    rows = {"E": young, "nu": poisson}
    if sheet.density is not None:
        rows["density"] = sheet.density * sheet.units.density
    rows |= {"exponent": float(function.exponent), **function.parameters}
    rows |= {"r0": r0, "r45": r45, "r90": r90}
    hill, _, _ = sheet.hill()
    names = ("R11", "R22", "R33", "R12", "R13", "R23")
    rows |= dict(zip(names, map(float, stress_ratios(hill)), strict=True))
    remarks = (
        "C11 to C66: stiffness in the order 11, 22, 33, 23, 13, 12.",
        "R11 to R23: yield stresses of Hill's function over the reference stress, those of shear "
        "over the reference stress divided by sqrt(3).",
    )
    for i in range(6):
        rows |= {
            f"C{i + 1}{j + 1}": sheet.stiffness[i, j] * sheet.units.stress for j in range(i, 6)
        }
    lines = [*sheet.header("#", remarks), *(f"{name}\t{value:.9g}" for name, value in rows.items())]
    strains, stresses = sheet.flow_curve()
    lines.append("plastic_strain\tflow_stress")
    lines += [f"{e:.9g}\t{s:.9g}" for e, s in zip(strains, stresses, strict=True)]
    return "\n".join(lines) + "\n"
