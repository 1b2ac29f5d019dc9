"""Fig. 10 and Table 2: networks in crystal plasticity against full fields; more loads, too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from polyxtal.algebra.rotation import normalize_quaternion
from polyxtal.mechanics.response import loaded_component
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import load_model
from polyxtal.network.tree import MaterialNetwork
from polyxtal.texture.components import TEXTURE_TYPES
from polyxtal.viz.curves import draw_curves
from polyxtal.viz.style import TITLE_SIZE, new_figure
from polyxtal.viz.texture import draw_pole_figure
from reproduction.curves import write as write_curves
from reproduction.curves.answers import TAYLOR, Maker
from reproduction.curves.measure import (
    COLUMNS,
    PREDICTED,
    STILL,
    TRUTH,
    UNTRAINED,
    CurveRow,
    CurveSettings,
    CurveStudy,
    study_curves,
)
from reproduction.paper import parameters
from reproduction.paper.encoders import chosen
from reproduction.paper.heads import predicting_model
from reproduction.paper.steps import Place
from reproduction.pretrained import find_model

INFERRED = "inferred from [CLS]"
"""The paper's networks: all parameters by a linear head."""
TABLE2, LOAD = "table2.csv", "unloading"
POLES = (TRUTH, PREDICTED, UNTRAINED, TAYLOR)


def run(place: Place) -> None:
    """Evaluate predicted networks, the paper's, and all baselines."""
    part = place.preset.curves[place.name]
    cases = part.cases()
    settings = CurveSettings(
        str(predicting_model(place)),
        cases,
        leaves=part.leaves,
        seeds=part.seeds,
        fitted=False,
        effort=place.preset.effort,
    )
    stamp = hashlib.sha256(json.dumps(cases.common(), sort_keys=True).encode()).hexdigest()[:12]
    others = _inferred(place) if part.leaves == 2**place.preset.parameters.depth else {}
    study = study_curves(settings, place.shared(f"cases-{stamp}"), place.progress, others)
    place.table(
        "errors.csv",
        f"Every answer. {write_curves.CONVENTION}.",
        COLUMNS,
        (list(row) for row in study.rows),
    )
    _write_means(place, study.rows)
    if LOAD in part.loads and set(TEXTURE_TYPES) <= set(part.names):
        _write_table2(place, study)
    place.picture(
        "curves.png",
        "All curves: the full field's in bold, the first network of each kind.",
        write_curves.draw_study(study),
    )
    place.commands.append(settings.command + " --out DIR")


def _inferred(place: Place) -> dict[str, tuple[str, Maker]]:
    """Let the paper's head, fitted to the chosen encoder, make networks: one, whatever the seed."""
    folder = parameters.inferring_model(place.folder, chosen(place))
    model = load_model(find_model(folder))
    digest = hashlib.sha256()
    for file in sorted(find_model(folder).glob("*.safetensors")):
        digest.update(file.read_bytes())
    made: dict[Polycrystal, MaterialNetwork] = {}

    def infer(rve: Polycrystal, seed: int) -> MaterialNetwork:
        return made.setdefault(rve, model.decode_network(rve))

    return {INFERRED: (digest.hexdigest(), infer)}


def _write_means(place: Place, rows: Sequence[CurveRow]) -> None:
    """Gather errors by estimate and load, and by estimate and polycrystal."""
    for what, file, caption in (
        ("load", "by_load.csv", "Errors in stress and of grains' orientations [°] by load."),
        ("polycrystal", "by_polycrystal.csv", "The same by polycrystal."),
    ):
        grouped: dict[tuple[str, str], list[CurveRow]] = {}
        for row in rows:
            grouped.setdefault((row.estimate, getattr(row, what)), []).append(row)
        place.table(
            file,
            f"{caption} Means over all else, and the largest of any.",
            ("estimate", what, "mean", "largest mean", "maximum", "turned"),
            (
                (
                    *key,
                    sum(row.mean for row in some) / len(some),
                    max(row.mean for row in some),
                    max(row.maximum for row in some),
                    sum(row.turned for row in some) / len(some),
                )
                for key, some in grouped.items()
            ),
        )


def _write_table2(place: Place, study: CurveStudy) -> None:
    kinds = list(dict.fromkeys(row.estimate for row in study.rows if row.estimate != STILL))
    table = []
    for kind in kinds:
        for name in TEXTURE_TYPES:
            some = [
                row
                for row in study.rows
                if (row.estimate, row.polycrystal, row.load) == (kind, name, LOAD)
            ]
            mean = sum(row.mean for row in some) / len(some)
            worst = max(row.mean for row in some)
            largest = sum(row.maximum for row in some) / len(some)
            table.append((kind, name, mean, worst, largest, max(row.maximum for row in some)))
    place.table(
        TABLE2,
        "Table 2: error in stress in loading and unloading, over the largest stress; mean and "
        "worst network, of the mean and of the largest error over the history.",
        ("estimate", "polycrystal", "mean", "worst mean", "largest", "worst largest"),
        table,
    )
    place.picture("fig10.png", "Fig. 10: loading and unloading.", _draw_types(study))
    place.picture(
        "poles.png",
        "{111} pole figures of the grains after loading and unloading.",
        _draw_poles(study, place),
    )


def _draw_types(study: CurveStudy) -> Figure:
    figure = new_figure(8.4, 6.2)
    for axes, name in zip(figure.subplots(2, 2).flat, TEXTURE_TYPES, strict=True):
        found = study.curves[name, LOAD]
        i, j = loaded_component(found[TRUTH])
        start = 1.0 if i == j else 0.0
        draw_curves(axes, {k: (one.F[:, i, j] - start, one.P[:, i, j]) for k, one in found.items()})
        axes.set_title(name, fontsize=TITLE_SIZE)
    return figure


def _draw_poles(study: CurveStudy, place: Place) -> Figure:
    cases = place.preset.curves[place.name].cases()
    rves: Mapping[str, Polycrystal] = dict(cases.polycrystals())
    figure = new_figure(2.3 * len(POLES), 2.4 * len(TEXTURE_TYPES))
    axes = figure.subplots(len(TEXTURE_TYPES), len(POLES))
    for row, name in zip(axes, TEXTURE_TYPES, strict=True):
        rve, found = rves[name], study.turned[name, LOAD]
        for panel, kind in zip(row, POLES, strict=True):
            draw_pole_figure(
                panel, normalize_quaternion(found[kind]), rve.volume_fractions, colorbar=False
            )
            panel.set_title(f"{name}, {kind}", fontsize=TITLE_SIZE)
    return figure
