"""Write a prediction to a folder atomically."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

from polyxtal.files.plain import write_csv, write_json
from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
from polyxtal.mechanics.loading.stepping import cut_note
from polyxtal.microstructure.io.texture_files import is_texture
from polyxtal.microstructure.io.texture_writer import write_texture
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.workflows.inputs.reading import UNITS
from polyxtal.workflows.predict.run import Prediction
from polyxtal.workflows.predict.settings import (
    CURVE,
    FIELDS,
    NUMBERS,
    ORIENTATIONS,
    OUTPUT,
    PICTURE,
    STIFFNESS,
    TEXTURE,
)
from polyxtal.workflows.summary.curve import curve_bounds
from polyxtal.workflows.summary.provenance import provenance
from polyxtal.workflows.summary.tables import write_curve, write_orientations


def write_prediction(
    prediction: Prediction, folder: str | Path, force: bool = False, picture: bool = True
) -> Path:
    """Write all files of a prediction atomically.

    Args:
        prediction: The prediction.
        folder: Output folder.
        force: Overwrite an earlier prediction.
        picture: Also plot `prediction.png`.
    Returns:
        The folder.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    with OUTPUT.write(folder, force) as temporary:
        _write_files(prediction, temporary, picture)
    return Path(folder)


def _write_files(prediction: Prediction, folder: Path, picture: bool) -> None:
    write_json(folder / STIFFNESS, summary(prediction))
    component = prediction.curve.component
    write_curve(folder / CURVE, prediction.response, component)
    for name, response in prediction.baselines.items():
        write_curve(folder / f"curve-{name.lower()}.csv", response, component)
    leading = {} if prediction.grain is None else {"grain": prediction.grain}
    leading |= {"phase": prediction.phase, "weight [-]": prediction.weights}
    write_orientations(folder / ORIENTATIONS, leading, prediction.orientations)
    write_csv(folder / NUMBERS, ("number", "value", "bound", "unit"), _numbers(prediction))
    if is_texture(prediction.reading.file):
        final = DiscreteTexture(
            prediction.orientations[-1], prediction.weights, laue=prediction.rve.laue_group(0)
        )
        write_texture(final, folder / TEXTURE)
    if prediction.fields is not None:
        prediction.fields.write(folder / FIELDS)
    if picture:
        from polyxtal.workflows.predict.draw import draw_prediction

        draw_prediction(prediction).savefig(folder / PICTURE)


def _numbers(prediction: Prediction) -> Iterator[tuple[str, float | str, float | str, str]]:
    """Yield name, value, bound and unit of the key numbers; empty where there is none."""
    curve, response = prediction.curve, prediction.response
    bounds = curve_bounds(response, curve) if isinstance(response, EstimatedResponse) else None
    for name in ("proof_stress", "stress", "hardening", "r_value"):
        value, bound = getattr(curve, name), getattr(bounds, name, None)
        unit = "-" if name == "r_value" else "MPa"
        yield name, "" if value is None else value, "" if bound is None else bound, unit
    estimated = prediction.estimated
    for i, j in combinations_with_replacement(range(6), 2):
        value = float(prediction.stiffness[prediction.answer][i, j])
        bound = "" if estimated is None else float(estimated.bound[i, j])
        yield f"stiffness_{i + 1}{j + 1}", value, bound, "MPa"


def summary(prediction: Prediction) -> dict[str, Any]:
    """Return the content of `stiffness.json`."""
    return {
        **provenance(prediction.inputs, prediction.settings, prediction.reading.materials),
        "microstructure": prediction.reading.summary(),
        "load": prediction.load.to_damask()["loadstep"],
        "units": {
            **UNITS,
            "stiffness": "MPa",
            "engineering_constants": "MPa, and - for nu and universal_anisotropy",
            "materials": "MPa, and 1/s for slip_rate_reference",
            "load": "1/s, s, Pa: DAMASK's own",
            "curve and baselines": "MPa, -",
            "error": "MPa for proof_stress, stress, hardening and stiffness, rad for rotation, "
            "s of wall time for seconds, - for others",
            "mean_rotation": "rad",
            "out_of_distribution_score": "-, above 1: out of distribution",
            "properties": "in brackets",
        },
        "convention": {
            "stiffness": "Mandel 6x6 in the order 11, 22, 33, 23, 13, 12; shear rows and columns "
            "carry sqrt(2)",
            "orientation": "unit quaternion, scalar first, v_sample = R(q) v_crystal",
            "stress": "first Piola-Kirchhoff",
            "strain": "engineering, F - 1",
            "error": f"bounds of the difference from the full field on {_reference(prediction)}, "
            "each of which holds with a probability of 90 %; rotation is the mean error of the "
            "final orientations of grains, null if unknown",
        },
        "stiffness": {name: c.tolist() for name, c in prediction.stiffness.items()},
        "engineering_constants": {name: asdict(c) for name, c in prediction.constants.items()},
        "method": prediction.method,
        "fallback": prediction.fallback,
        "error": error_summary(prediction),
        "curve": asdict(prediction.curve),
        "baselines": {n: asdict(curve) for n, curve in prediction.baseline_curves.items()},
        "texture": asdict(prediction.texture),
        "out_of_distribution_score": prediction.out_of_distribution_score,
        "properties": dict(prediction.properties),
        "solver": dict(prediction.response.statistics),
        "note": cut_note(prediction.response.statistics),
    }


def _reference(prediction: Prediction) -> str:
    """Return in words which volume the bounds are about."""
    if is_texture(prediction.reading.file):
        return (
            "the volume made of the texture, without what another choice of its grains (seed) "
            "changes"
        )
    return "the grid of the file"


def error_summary(prediction: Prediction) -> dict[str, Any] | None:
    """Return the bounds of the error and the full fields computed for them; None of a network."""
    response, curve = prediction.response, prediction.curve
    if not isinstance(response, EstimatedResponse):
        return None
    numbers = curve_bounds(response, curve)
    return {
        "largest": response.error,
        "grid": response.grid,
        **numbers._asdict(),
        "stiffness": None if prediction.estimated is None else prediction.estimated.bound.tolist(),
        "rotation": response.rotation_error,
        "rungs": [rung._asdict() for rung in response.rungs],
    }
