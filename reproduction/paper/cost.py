"""Cost of each estimate of one polycrystal, and of the full field on the same cores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from polyxtal.crystal.load_material import load_material
from polyxtal.mechanics.bounds.averages import hill_average
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_average
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.microstructure.tessellate import tessellate
from polyxtal.model.foundation import load_model
from polyxtal.network.tree import MaterialNetwork
from reproduction.curves.cases import with_zener
from reproduction.paper.heads import predicting_model
from reproduction.paper.steps import Place
from reproduction.pretrained import find_model

FEW, ZENER = 32, 4.0


def run(place: Place) -> None:
    """Time everything that answers for a random polycrystal, the best of a few times."""
    part, repeats = next(iter(place.preset.curves.values())), place.preset.repeats
    material, path = load_material(part.material), LoadPath.uniaxial(part.strain, unload=True)
    crystal = with_zener(material.elasticity, ZENER)
    model = load_model(find_model(predicting_model(place)))
    made: dict[int, MaterialNetwork] = {}
    rve = tessellate(part.grid, part.grains, seed=0)
    # What the encoder has seen it remembers.
    fresh = [tessellate(part.grid, part.grains, seed=1 + k) for k in range(repeats)]

    def predict(leaves: int) -> MaterialNetwork:
        made[leaves] = model.predict_network(rve, leaves, effort=place.preset.effort)
        return made[leaves]

    sizes, untrained = sorted({FEW, part.leaves}), MaterialNetwork.from_polycrystal
    mean_field = partial(self_consistent_average, arrangement=True)
    timed: list[tuple[str, str, Callable[[], Any]]] = [
        ("polycrystal", "tessellate", lambda: tessellate(part.grid, part.grains, seed=0)),
        ("stiffness", "full field", lambda: homogenize(rve, crystal)),
        ("stiffness", "Hill", lambda: hill_average(rve, crystal)),
        ("stiffness", "self-consistent, arrangement", lambda: mean_field(rve, crystal)),
        ("stiffness", "model", lambda: model.predict_stiffness(fresh.pop(), crystal)),
        ("stiffness", "model, a further crystal", lambda: model.predict_stiffness(rve, crystal)),
        *(("network", f"untrained, {n} leaves", lambda n=n: untrained(rve, n)) for n in sizes),
        *(("network", f"predicted, {n} leaves", lambda n=n: predict(n)) for n in sizes),
        ("curve", "full field", lambda: simulate(rve, material, path)),
        ("curve", "Taylor", lambda: taylor_response(rve, material, path)),
        *(
            ("curve", f"network of {n} leaves", lambda n=n: made[n].respond(material, path))
            for n in sizes
        ),
    ]
    rows = []
    full: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for done, (answer, name, compute) in enumerate(timed):
            place.progress("answers timed", done, len(timed))
            best = min(_seconds(compute) for _ in range(repeats))
            if name == "full field":
                full[answer] = best
            rows.append((answer, name, best, full[answer] / best if answer in full else None))
    place.table(
        "cost.csv",
        f"Wall time [s] on one polycrystal of {part.grid}³ voxels and {part.grains} grains, the "
        f"best of {repeats}, and how many times less than the full field's. Stiffness at a Zener "
        f"ratio of {ZENER:g}; curves with {path.increments} increments.",
        ("answer", "by", "seconds", "times less"),
        rows,
    )
    place.commands += [
        "python benchmarks/predict_stiffness.py",
        "python benchmarks/predict_network.py",
    ]


def _seconds(compute: Callable[[], Any]) -> float:
    started = perf_counter()
    compute()
    return perf_counter() - started
