"""The report of a calibration as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from polyxtal.calibration.result import FittedTest, ParameterEstimate
from polyxtal.files.atomic import atomic_file
from polyxtal.workflows.calibrate.run import CalibrationReport

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}"
    "img{max-width:100%}code{font-size:.95em}"
)


def write_page(path: Path, report: CalibrationReport, pictures: Sequence[Path]) -> None:
    """Write the page.

    Args:
        path: Output file.
        report: The calibration.
        pictures: Figures, embedded in it.
    """
    found = report.found
    body = [
        f"<h1>Calibration of {escape(found.material.name)}</h1>",
        _table(
            ("parameter", "value", "90 % interval", "of it by the full field's grid"),
            (
                (name, f"{one.value:.5g}", f"{one.low:.4g} to {one.high:.4g}", grid_part(one))
                for name, one in found.parameters.items()
            ),
        ),
        *(f"<p>{escape(sentence)}</p>" for sentence in notes(report)),
        "<h2>Curves</h2>",
        _table(
            ("test", "direction", "rate [1/s]", "rms [MPa]", "rms [%]", "noise [MPa]", "r-value"),
            (
                (one.test.name, f"{one.test.direction}", f"{one.test.rate:g}", f"{one.rms:.3g}",
                 f"{100 * one.relative_rms:.2g}", f"{one.noise:.3g}", r_values(one))
                for one in found.tests
            ),
        ),
        *(_image(picture) for picture in pictures),
    ]  # fmt: skip
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Calibration</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def grid_part(one: ParameterEstimate) -> str:
    """Return the part of an interval that is the error of the full field's grid; "-" for none."""
    return f"± {one.systematic:.2g}" if one.systematic else "-"


def r_values(one: FittedTest) -> str:
    """Return the fitted r-value and the measured one, where there are such."""
    fitted = "" if one.r_value is None else f"{one.r_value:.3f}"
    known = one.test.r_value
    return fitted + ("" if known is None else f" (measured {known[0]:.3f} ± {known[1]:.2g})")


def notes(report: CalibrationReport) -> list[str]:
    """Return what must be known about the numbers, in sentences."""
    found = report.found
    said = [*found.remarks]
    if found.rounds:
        bound = found.field_error
        own = (
            f"the error of its coarse grid, below {100 * bound:.2g} % of the stress (90 %), "
            "is part of the intervals"
            if bound
            else "it is that of the specimen's own grid, without a further error"
        )
        said.append(
            f"The network of {report.config.leaves} leaves was corrected to the full field "
            f"{found.rounds} times, by up to {100 * found.bias:.2g} % of the largest stress; "
            f"{own}. What another specimen of the same texture, or another texture, would give is "
            "not in the intervals."
        )
    else:
        said.append("The network was not corrected by the full field: its bias is in the values.")
    if found.compliance is not None:
        said.append(f"Compliance of the load frame: {found.compliance:.4g} 1/MPa.")
    said += [
        f"The origin of the strain of '{one.test.name}' is {one.toe:.3g}."
        for one in found.tests
        if one.test.toe
    ]
    if found.posterior is None:
        said.append("Intervals are those of the normal approximation (Laplace).")
    elif not found.posterior.trusted:
        said.append(
            "Intervals are those of the normal approximation (Laplace), and no samples are written "
            "or drawn: the interpolated curves that the Markov chains sample miss ln p of the true "
            f"ones by {found.posterior.error:.2g}."
        )
    else:
        said.append(
            f"Intervals are those of {len(found.posterior.samples)} samples of the posterior, by "
            f"Markov chains on curves interpolated between {found.posterior.curves}, which miss "
            f"ln p of the true ones by {found.posterior.error:.2g}."
        )
    said += [
        "Another local minimum, beyond a barrier, with "
        f"{ratio:.3g} times the sum of squares: "
        f"{', '.join(f'{n} {v:.4g}' for n, v in values.items())}."
        for values, ratio in found.other_minima
    ]
    return said


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<p><img alt="{escape(path.stem)}" src="data:image/png;base64,{data}"></p>'
