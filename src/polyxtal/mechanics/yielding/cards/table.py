"""Parameters and flow curve as a table, for codes whose dialogs take them, as Marc's do."""

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
    ratios = ("YRDIR1", "YRDIR2", "YRDIR3", "YRSHR1", "YRSHR2", "YRSHR3")
    r11, r22, r33, r12, r13, r23 = map(float, stress_ratios(hill))
    rows |= dict(zip(ratios, (r11, r22, r33, r12, r23, r13), strict=True))
    remarks = (
        f"Yield function {function.kind}. Stiffness: C11 to C66 by rows of the upper triangle in "
        "the order 11, 22, 33, 23, 13, 12.",
        "YRDIR1 to YRSHR3: ratios of Hill's function as Marc names them, shear 12, 23, 31 over "
        "the reference stress divided by sqrt(3).",
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
