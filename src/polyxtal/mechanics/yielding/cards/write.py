"""Write material cards."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyxtal.algebra.mandel import stiffness_mandel_to_voigt
from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.argument_types import require_number, require_path, require_type
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.bounds.moduli import symmetric_stiffness
from polyxtal.mechanics.yielding.cards.abaqus import abaqus_card
from polyxtal.mechanics.yielding.cards.ls_dyna import ls_dyna_card, mat_036, mat_133, mat_243
from polyxtal.mechanics.yielding.cards.sheet import Sheet
from polyxtal.mechanics.yielding.cards.table import table_card
from polyxtal.mechanics.yielding.cards.units import UNITS
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.hardening import HardeningLaw
from polyxtal.mechanics.yielding.hardening_fit import HardeningFit
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.version import __version__

CODES: dict[str, tuple[Callable[[Sheet], str], str]] = {
    "abaqus": (abaqus_card, ".inp"),
    "ls-dyna": (ls_dyna_card, ".k"),
    "ls-dyna-036": (mat_036, ".k"),
    "ls-dyna-133": (mat_133, ".k"),
    "ls-dyna-243": (mat_243, ".k"),
    "table": (table_card, ".txt"),
}
"""Codes, with what makes their text and the extension of their files."""


def write_card(
    path: str | os.PathLike[str],
    function: YieldFunction | YieldFit,
    hardening: HardeningLaw | HardeningFit,
    stiffness: Any,
    *,
    code: str = "abaqus",
    units: str = "mm-t-s",
    density: float | None = None,
    name: str = "SHEET",
    largest_strain: float = 1.0,
) -> None:
    """Write a material card of a finite-element code; an existing file is replaced.

    - "abaqus": `*ELASTIC, TYPE=ANISOTROPIC`, `*PLASTIC` and `*POTENTIAL` for Hill's function, which
      represents other functions by their r-values.
    - "ls-dyna": `*MAT_133` (Yld2000-2d), or for other functions `*MAT_036` (three r-values; with
      Hill's function exponent 2). "ls-dyna-036", "ls-dyna-133" and "ls-dyna-243" (Hill's function
      of 1990) choose the material.
    - "table": parameters and flow curve, for Marc, PAM-STAMP and other codes with dialogs.

    What a card cannot represent, comments in it say.

    Args:
        path: File to write.
        function: Yield function, or its fit.
        hardening: Hardening law of its reference stress, or its fit.
        stiffness: Mandel stiffness (6, 6). [MPa]
        code: "abaqus", "ls-dyna", "ls-dyna-036", "ls-dyna-133", "ls-dyna-243" or "table".
        units: "mm-t-s" (MPa), "m-kg-s" (Pa) or "mm-kg-ms" (GPa).
        density: Density, which LS-DYNA needs. [kg/m³]
        name: Name of the material: a letter, then letters, digits, - and _, 40 at most.
        largest_strain: Plastic strain at which the flow curve ends. [-]
    Raises:
        ValueError: if an argument is not as said, or the card cannot represent the function.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import polyxtal as px
        >>> elasticity = px.Elasticity.isotropic(young=70e3, poisson=0.33)
        >>> file = Path(tempfile.mkdtemp()) / "sheet.inp"
        >>> px.write_card(
        ...     file, px.Hill48(), px.Voce(s0=214.0, Q=222.0, b=6.75), elasticity.stiffness()
        ... )
        >>> print(*file.read_text().splitlines()[-2:], sep="\\n")
        *POTENTIAL
        1, 1, 1, 1, 1, 1
    """
    require_path(path, "path")
    _require_known(code, units)
    text = _card(code, _sheet(function, hardening, stiffness, units, density, name, largest_strain))
    with atomic_file(Path(path)) as temporary:
        temporary.write_text(text, encoding="ascii")


def write_cards(
    folder: str | os.PathLike[str],
    function: YieldFunction | YieldFit,
    hardening: HardeningLaw | HardeningFit,
    stiffness: Any,
    codes: Sequence[str] = ("abaqus", "ls-dyna"),
    units: str = "mm-t-s",
    *,
    density: float | None = None,
    name: str = "SHEET",
    largest_strain: float = 1.0,
) -> list[Path]:
    """Write cards for several codes into a folder, which is made if missing.

    Args:
        folder: Folder to write into.
        function: Yield function, or its fit.
        hardening: Hardening law of its reference stress, or its fit.
        stiffness: Mandel stiffness (6, 6). [MPa]
        codes: Codes as in `write_card`.
        units: System of units as in `write_card`.
        density: Density, which LS-DYNA needs. [kg/m³]
        name: Name of the material.
        largest_strain: Plastic strain at which the flow curve ends. [-]
    Returns:
        The files, `<name>-<code>` with `.inp`, `.k` or `.txt`.
    Raises:
        ValueError: as in `write_card`; no file is written then.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> stiffness = px.Elasticity.isotropic(young=70e3, poisson=0.33).stiffness()
        >>> files = px.write_cards(
        ...     tempfile.mkdtemp(),
        ...     px.Yld2000(),
        ...     px.Voce(s0=214.0, Q=222.0, b=6.75),
        ...     stiffness,
        ...     codes=["abaqus", "ls-dyna"],
        ...     density=2700.0,
        ... )
        >>> [file.name for file in files]
        ['SHEET-abaqus.inp', 'SHEET-ls-dyna.k']
    """
    require_path(folder, "folder")
    require_type(codes, Sequence, "codes")
    if isinstance(codes, str):
        raise ValueError(f"Argument `codes` must be a list of codes, but is {codes!r}.")
    for code in codes:
        _require_known(code, units)
    sheet = _sheet(function, hardening, stiffness, units, density, name, largest_strain)
    texts = {Path(folder) / f"{name}-{c}{CODES[c][1]}": _card(c, sheet) for c in codes}
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with atomic_file(path) as temporary:
            temporary.write_text(text, encoding="ascii")
    return list(texts)


def _require_known(code: str, units: str) -> None:
    for argument, value, known in (("code", code, CODES), ("units", units, UNITS)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(
                f"Argument `{argument}` must be one of {', '.join(known)}, but is {value!r}."
            )


def _card(code: str, sheet: Sheet) -> str:
    return CODES[code][0](sheet)


def _sheet(
    function: YieldFunction | YieldFit,
    hardening: HardeningLaw | HardeningFit,
    stiffness: Any,
    units: str,
    density: float | None,
    name: str,
    largest_strain: float,
) -> Sheet:
    """Return the sheet, checked, with lines about its origin."""
    require_type(function, (YieldFunction, YieldFit), "function")
    require_type(hardening, (HardeningLaw, HardeningFit), "hardening")
    require_type(name, str, "name")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
        raise ValueError(
            "Argument `name` must be a letter and up to 39 letters, digits, - or _, "
            f"but is {name[:60]!r}."
        )
    for argument, value in (("density", density), ("largest_strain", largest_strain)):
        if value is not None:
            require_number(value, argument)
            if not 0 < value < np.inf:
                raise ValueError(f"Argument `{argument}` must be positive, but is {value}.")
    yields = function.function if isinstance(function, YieldFit) else function
    if not yields.convex:
        raise ValueError(
            f"A card must have a convex yield function, but this {yields.kind} is not."
        )
    law = hardening.law if isinstance(hardening, HardeningFit) else hardening
    mandel = symmetric_stiffness(number_tensor(stiffness, "stiffness"))
    voigt = stiffness_mandel_to_voigt(mandel).detach().cpu().numpy()
    origin = _origin(function, hardening)
    return Sheet(name, yields, law, voigt, density, UNITS[units], float(largest_strain), origin)


def _origin(
    function: YieldFunction | YieldFit, hardening: HardeningLaw | HardeningFit
) -> tuple[str, ...]:
    """Return what a card comes from, in lines of ASCII."""
    lines = [f"Written by polyxtal {__version__}."]
    yields = function.function if isinstance(function, YieldFit) else function
    values = ", ".join(f"{key} {value:.6g}" for key, value in yields.parameters.items())
    lines.append(f"Yield function {yields.kind}, exponent {yields.exponent:g}: {values}.")
    if isinstance(function, YieldFit):
        lines.append(f"Fitted to {function.summary}.")
    law = hardening.law if isinstance(hardening, HardeningFit) else hardening
    values = ", ".join(f"{key} {value:.6g}" for key, value in law.parameters.items())
    lines.append(f"Hardening law {law.kind}, in MPa: {values}.")
    if isinstance(hardening, HardeningFit):
        lines += [f"Fitted with rms {hardening.rms:.3g} MPa.", hardening.remark]
    return tuple(lines)
