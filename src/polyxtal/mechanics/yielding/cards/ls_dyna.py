"""Materials of LS-DYNA for shells: *MAT_036, *MAT_133 and *MAT_243, with their flow curves."""

from __future__ import annotations

from polyxtal.mechanics.yielding.cards.sheet import Sheet, hill90_exponent
from polyxtal.mechanics.yielding.hill48 import Hill48
from polyxtal.mechanics.yielding.yld2000 import Yld2000

Field = float | str | None
CURVE = 1
"""Number of the flow curve, and of the material."""


def ls_dyna_card(sheet: Sheet) -> str:
    """Return *MAT_133 for Yld2000-2d, and *MAT_036 for other functions."""
    return mat_133(sheet) if isinstance(sheet.function, Yld2000) else mat_036(sheet)


def mat_036(sheet: Sheet) -> str:
    """Return Barlat and Lian's material of three r-values; exponent 2 is Hill's function."""
    scale, remarks = sheet.along_x("*MAT_036")
    return _by_r_values(sheet, "*MAT_036", sheet.function.exponent, scale, remarks)


def mat_243(sheet: Sheet) -> str:
    """Return Hill's material of 1990 of three r-values."""
    scale, remarks = sheet.along_x("*MAT_243")
    return _by_r_values(sheet, "*MAT_243", hill90_exponent(sheet.function), scale, remarks)


def mat_133(sheet: Sheet) -> str:
    """Return the material of Yld2000-2d.

    Raises:
        ValueError: if the function is another.
    """
    if not isinstance(sheet.function, Yld2000):
        raise ValueError(f"*MAT_133 must have yld2000, but the function is {sheet.function.kind}.")
    young, poisson = sheet.isotropic
    no_scaling = 1.0
    cards = [
        _comment("mid ro e pr fit beta iter iscale"),
        _row(CURVE, _density(sheet), young, poisson, 0.0, 0.0, 0.0, no_scaling),
        _comment("k e0 n c p hard a"),
        _row(None, None, None, None, None, -float(CURVE), sheet.function.exponent),
        _comment(" ".join(sheet.function.names).replace("_", "")),
        _row(*sheet.function.alpha),
        _comment("aopt offang p4 htflag"),
        _row(2.0),
        *_axes(),
    ]
    return _text(sheet, "*MAT_133_TITLE", cards, 1.0, ())


def _by_r_values(
    sheet: Sheet, keyword: str, exponent: float, scale: float, remarks: tuple[str, ...]
) -> str:
    young, poisson = sheet.isotropic
    r_values = map(float, sheet.function.r_value([0.0, 45.0, 90.0]))
    by_curve = 3.0
    cards = [
        _comment("mid ro e pr hr p1 p2 iter"),
        _row(CURVE, _density(sheet), young, poisson, by_curve, 0.0, 0.0, 0.0),
        _comment("m r00 r45 r90 lcid e0 spi p3"),
        _row(exponent, *r_values, CURVE, 0.0, 0.0, 0.0),
        _comment("aopt c p vlcid"),
        _row(2.0),
        *_axes(),
    ]
    if isinstance(sheet.function, Hill48) and keyword == "*MAT_036":
        remarks = (*remarks, "With exponent 2 *MAT_036 is Hill's function of these r-values.")
    return _text(sheet, f"{keyword}_TITLE", cards, scale, remarks)


def _axes() -> list[str]:
    """Return the cards of AOPT = 2: the rolling direction is the global x, y transverse."""
    return [
        _comment("xp yp zp a1 a2 a3"),
        _row(None, None, None, 1.0, 0.0, 0.0),
        _comment("v1 v2 v3 d1 d2 d3"),
        _row(None, None, None, 0.0, 1.0, 0.0),
    ]


def _text(
    sheet: Sheet, keyword: str, cards: list[str], scale: float, remarks: tuple[str, ...]
) -> str:
    strains, stresses = sheet.flow_curve(scale)
    elastic = "E and PR are those of Hill's isotropic average of the stiffness."
    axes = "AOPT 2: the rolling direction is the global x, the transverse direction the global y."
    lines = ["*KEYWORD", *sheet.header("$", (*remarks, elastic, axes))]
    lines += [keyword, sheet.name, *cards, "*DEFINE_CURVE_TITLE", f"{sheet.name} flow curve"]
    lines += [_comment("lcid sidr sfa sfo offa offo"), _row(CURVE, "0", 1.0, 1.0, 0.0, 0.0)]
    lines.append(f"${'plastic strain':>19}{'flow stress':>20}")
    lines += [f"{e:20.10g}{s:20.10g}" for e, s in zip(strains, stresses, strict=True)]
    return "\n".join([*lines, "*END"]) + "\n"


def _density(sheet: Sheet) -> float:
    if sheet.density is None:
        raise ValueError(
            "Argument `density` must be given in kg/m³ for a card of LS-DYNA, but is None."
        )
    return sheet.density * sheet.units.density


def _comment(names: str) -> str:
    fields = "".join(f"{name:>10}" for name in names.split())
    return f"${fields[1:]}"


def _row(*values: Field) -> str:
    """Return fields of ten characters; None leaves one blank."""
    return "".join(_field(value) for value in values).rstrip()


def _field(value: Field) -> str:
    if value is None or isinstance(value, str):
        return f"{value or '':>10}"
    if isinstance(value, int):
        return f"{value:>10d}"
    texts = (f"{value:.{digits}g}" for digits in range(9, 1, -1))
    return f"{next(text for text in texts if len(text) < 10):>10}"
