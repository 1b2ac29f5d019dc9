"""Tables of errors and CPU times, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from reproduction.accuracy.measured import FAMILIES, Kept, Measured

SHOWN = {
    "DAMASK": "DAMASK 3.0.2 (reference)",
    "Taylor": "Taylor model",
    "predict, 1 %": "`polyxtal predict`, accuracy 1 %",
    "network, 512 leaves": "material network, 512 leaves",
    "full field, 16^3": "`polyxtal simulate`",
}
"""Methods of the short table, each with its title."""
SHORT = {
    "fcc: AA6022-T4": "Al_tension",
    "bcc: ferrite": "ferrite_tension",
    "hcp: titanium": "Ti_tension",
}
"""Columns of the short table, each with its case."""


def digits(seconds: float) -> str:
    """Write a time with two significant digits, and no more than three decimals."""
    return (
        f"{seconds:.0f}"
        if seconds >= 10
        else f"{seconds:.1f}"
        if seconds >= 1
        else f"{seconds:.2f}"
    )


def percent(error: float) -> str:
    """Write an error in percent with two decimals."""
    return f"{error:.2f}" if error >= 0.005 else "<0.01"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(re.sub(r"\|  (?=\|)", "| ", f"| {' | '.join(line)} |") for line in lines)


def by_case(measured: Iterable[Measured]) -> dict[str, dict[str, Measured]]:
    """Return the methods of each case by name."""
    found: dict[str, dict[str, Measured]] = {}
    for row in measured:
        found.setdefault(row.case, {})[row.method] = row
    return found


def short_table(measured: Iterable[Measured]) -> str:
    """Write mean error and CPU time of a few methods, one column a crystal family."""
    cases = by_case(measured)
    rows = []
    for method, title in SHOWN.items():
        cells = [cases[case][method] for case in SHORT.values()]
        errors = [f"{percent(cell.mean)} %, " if method != "DAMASK" else "" for cell in cells]
        times = [f"{digits(cell.seconds)} s" for cell in cells]
        rows.append([title, *map("".join, zip(errors, times, strict=True))])
    return markdown(["error, CPU time", *SHORT], rows)


def family_table(measured: Iterable[Measured], family: str) -> str:
    """Write all methods, with three columns for each case of the family."""
    cases = by_case(measured)
    chosen: Mapping[str, str] = FAMILIES[family]
    methods = list(dict.fromkeys(method for case in chosen for method in cases[case]))
    header = [""]
    for title in chosen.values():
        header += [f"{title}: stress, mean / largest error", "grains", "CPU s"]
    rows = []
    for method in methods:
        line = [method.replace("^3", "³")]
        for case in chosen:
            cell = cases[case].get(method)
            line += cells_of(cell, method) if cell else [""] * 3
        rows.append(line)
    return markdown(header, rows)


def cells_of(cell: Measured, method: str) -> list[str]:
    """Return error, bound where there is one, error of orientations and CPU time."""
    if method == "DAMASK":
        return ["", "", digits(cell.seconds)]
    stress = f"{percent(cell.mean)} / {percent(cell.maximum)} %"
    if cell.bound is not None:
        stress += f" (bound {cell.bound:.2f} %)" if cell.bound else " (its own grid)"
    return [stress, f"{cell.rotation:.2f}°", digits(cell.seconds)]


def kept_sentence(kept: Kept) -> str:
    """Say how often bounds hold."""
    bound, accuracy = (f"{100 * share:.0f} %" for share in (kept.below_bound, kept.below_accuracy))
    return (
        f"On {kept.cases} polycrystals that the bounds were not fitted to, the largest error of a "
        f"curve lies below its bound in {bound} of {kept.answers} answers on coarse grids, and "
        f"below the accuracy asked for in {accuracy} of all answers."
    )
