"""Calibration: are truths recovered, and what does it cost?

    python benchmarks/calibration.py recovery
    python benchmarks/calibration.py hardening --trials 10
    python benchmarks/calibration.py fullfield
    python benchmarks/calibration.py coarse --trials 4
    python benchmarks/calibration.py 6061 --data FOLDER
    python benchmarks/calibration.py aa6022
    python benchmarks/calibration.py time

`recovery`: materials with random parameters, curves by a network with noise, fitted with the same
network: how many truths are within the 90 % region and intervals (their statistics, not the
network's bias). Finished trials are kept in `--kept`, from which the same command resumes.
`hardening`: the same of all four parameters of hardening, which one curve hardly parts.
`fullfield`: curves by the full field of shipped materials in small steps, fitted from other first
values: parameters and their errors (the bias, after its correction).
`coarse`: the same of larger polycrystals, whose corrections are on coarse grids with errors.
`6061`: three directions of a rolled plate fitted at once, for several textures, none of which was
measured: what the unknown texture costs. Needs RD.csv, LT.csv and ST.csv of MatCal's example.
`aa6022`: one curve along x fitted for several textures, r-values and yield stresses predicted
blind, beside the measured ones [Tian2016]. No curve was published with them; that of the shipped
law, by the full field of a random texture, stands for it.
`time`: seconds of a calibration of four parameters by one curve.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from scipy.stats import chi2

import polyxtal as px
from polyxtal.calibration.condition import Condition
from polyxtal.calibration.forward import network_curve
from polyxtal.calibration.parameters import get_parameter, set_parameters
from polyxtal.calibration.posterior import TRUSTED

STORED = Path(__file__).parent.parent / "docs/results/calibration"
Row = dict[str, Any]
NOISE = 0.005
"""Standard deviation of the noise, over the largest stress. [-]"""


def crystals() -> Iterator[tuple[str, px.Material, Any, list[str], list[str | float]]]:
    """Yield name, material, texture, free parameters and directions of the recovery."""
    names = ["slip_resistance_initial", "hardening_modulus", "slip_resistance_saturation"]
    rolled = px.rolling_texture({"cube": 0.2, "copper": 0.2, "brass": 0.1})
    yield "fcc", px.load_material("AA6022-T4"), rolled, names, ["x"]
    steel = px.load_material("ferrite")
    assert isinstance(steel.plasticity, px.PhenoPowerlaw)
    common = replace(
        steel.plasticity,
        slip_resistance_initial=95.0,
        slip_resistance_saturation=300.0,
        hardening_modulus=1000.0,
    )
    steel = px.Material("ferrite", steel.elasticity, common, steel.lattice)
    yield "bcc", steel, px.rolling_texture({"rotated cube": 0.3, "goss": 0.1}), names, ["x"]
    titanium = px.load_material("Ti")
    sheet = px.basal_texture(titanium.lattice, tilt=math.radians(30), share=0.8)
    families = [f"slip_resistance_initial[{k}]" for k in (0, 1, 3)]
    yield "hcp", titanium, sheet, families, ["x", "z"]
    four = [*names, "hardening_exponent"]
    yield "fcc, four parameters", px.load_material("AA6022-T4"), rolled, four, ["x"]


def recovery(trials: int, kept: Path | None = None, four: bool = False) -> list[Row]:
    """Fit curves of known parameters, drawn anew in each trial; of four or three parameters."""
    rows: list[Row] = []
    if kept is not None and kept.exists():
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    done = {(row["crystal"], row["trial"]) for row in rows}
    for name, alloy, texture, free, directions in crystals():
        if four != (len(free) == 4):
            continue
        rve = px.from_texture(texture, 125, lattice=alloy.lattice)
        settings = px.CalibrationSettings(leaves=32, starts=1, accuracy=None)
        network = px.MaterialNetwork.from_polycrystal(rve, settings.leaves, settings.seed)
        for trial in range(trials):
            if (name, trial) in done:
                continue
            generator = np.random.default_rng(1000 + trial)
            first = {one: get_parameter(alloy, one) for one in free}
            truth = {k: v * math.exp(0.2 * generator.standard_normal()) for k, v in first.items()}
            tests = []
            for direction in directions:
                blank = px.Measurement(np.linspace(0, 0.08, 60), np.linspace(0, 100, 60),
                                       direction=direction)  # fmt: skip
                load = Condition(tuple(blank.axis.tolist()), 1e-3, (0.08,))
                curve = network_curve(network, set_parameters(alloy, truth), load)
                scatter = NOISE * np.abs(curve.stress).max()
                noisy = curve.stress + scatter * generator.standard_normal(len(curve.stress))
                tests.append(
                    px.Measurement(
                        curve.strain, noisy, str(direction), direction, deviation=scatter
                    )
                )
            bounds = {one: (v / 4, v * 4) for one, v in first.items()}
            found = px.calibrate(rve, tests, alloy, bounds, settings)
            distance = found.distance(truth)
            limit = float(chi2.ppf(0.9, len(free)))
            chains = found.posterior
            new = [
                {
                    "crystal": name, "trial": trial, "parameter": one, "truth": truth[one],
                    **found.parameters[one]._asdict(), "distance": distance, "limit": limit,
                    "error of ln p": None if chains is None else chains.error,
                }
                for one in free
            ]  # fmt: skip
            rows += new
            if kept is not None:
                with kept.open("a", encoding="utf-8") as stream:
                    stream.writelines(json.dumps(row) + "\n" for row in new)
        own = [row for row in rows if row["crystal"] == name]
        inside = sum(row["distance"] <= row["limit"] for row in own) // len(free)
        covered = sum(row["low"] <= row["truth"] <= row["high"] for row in own)
        trusted = sum((row["error of ln p"] or 9.0) <= TRUSTED for row in own) // len(free)
        print(f"{name}: {inside} of {trials} within the 90 % region, {covered} of {len(own)} "
              f"within 90 % intervals, chains of {trusted} trusted", flush=True)  # fmt: skip
    return rows


def fullfield(_: int) -> list[Row]:
    """Fit full-field curves of shipped materials."""
    cases: list[tuple[str, list[str], float]] = [
        ("AA6022-T4", ["slip_resistance_initial", "hardening_modulus"], 0.08),
        ("IN625", ["slip_resistance_initial", "hardening_modulus"], 0.08),
        ("317L", ["slip_resistance_initial", "voce_stress", "hardening_final"], 0.08),
    ]
    rows: list[Row] = []
    for name, free, strain in cases:
        alloy = px.load_material(name)
        rve = px.tessellate(grid=9, grains=120, seed=7)
        # All other stresses vanish, as they do in calibrations and in a test; steps are small.
        load = px.LoadPath.proportional(np.diag([1.0, 0.0, 0.0]), strain, 1e-3, increments=400)
        truth = px.simulate(rve, alloy, load)
        curve = [truth.strain("xx").numpy()[::4], truth.stress("xx").numpy()[::4]]
        scatter = NOISE * float(curve[1].max())
        noise = np.random.default_rng(5).normal(0.0, scatter, len(curve[1]))
        test = px.Measurement(curve[0], curve[1] + noise, name)
        first = {one: get_parameter(alloy, one) for one in free}
        start = set_parameters(alloy, {one: 1.7 * v for one, v in first.items()})
        bounds = {one: (v / 4, v * 4) for one, v in first.items()}
        for accuracy in (None, 0.01):
            began = perf_counter(), process_time()
            settings = px.CalibrationSettings(starts=2, accuracy=accuracy, posterior=False)
            found = px.calibrate(rve, test, start, bounds, settings)
            spent = perf_counter() - began[0], process_time() - began[1]
            for one in free:
                value = found.parameters[one]
                rows.append({
                    "material": name, "corrected": accuracy is not None, "parameter": one,
                    "truth": first[one], **value._asdict(),
                    "error": value.value / first[one] - 1, "wall [s]": spent[0],
                    "CPU [s]": spent[1],
                })  # fmt: skip
                print(f"{name}, {'corrected' if accuracy else 'network alone'}: {one} "
                      f"{100 * rows[-1]['error']:+.1f} %", flush=True)  # fmt: skip
            for sentence in found.remarks:
                print("   ", sentence)
    return rows


def coarse(trials: int) -> list[Row]:
    """Fit full-field curves of polycrystals whose corrections are on coarse grids."""
    rows: list[Row] = []
    alloy = px.load_material("AA6022-T4")
    free = ["slip_resistance_initial", "hardening_modulus"]
    first = {one: get_parameter(alloy, one) for one in free}
    bounds = {one: (v / 4, v * 4) for one, v in first.items()}
    for seed in range(trials):
        rve = px.tessellate(grid=15, grains=200, seed=seed)
        load = px.LoadPath.proportional(np.diag([1.0, 0.0, 0.0]), 0.06, 1e-3, increments=200)
        truth = px.simulate(rve, alloy, load)
        test = px.Measurement(truth.strain("xx"), truth.stress("xx"), f"{seed}")
        for accuracy in (0.03, 0.015):
            settings = px.CalibrationSettings(starts=1, accuracy=accuracy)
            found = px.calibrate(rve, test, alloy, bounds, settings)
            distance, limit = found.distance(first), float(chi2.ppf(0.9, len(free)))
            for one in free:
                value = found.parameters[one]
                rows.append({
                    "polycrystal": seed, "accuracy": accuracy, "bound": found.field_error,
                    "parameter": one, "truth": first[one], **value._asdict(),
                    "error": value.value / first[one] - 1, "distance": distance, "limit": limit,
                })  # fmt: skip
                print(seed, accuracy, one, f"{100 * rows[-1]['error']:+.1f} %",
                      f"{value.low:.4g} to {value.high:.4g}", flush=True)  # fmt: skip
    covered = sum(row["low"] <= row["truth"] <= row["high"] for row in rows)
    inside = sum(row["distance"] <= row["limit"] for row in rows) // len(free)
    print(f"{covered} of {len(rows)} within 90 % intervals, {inside} of {len(rows) // len(free)} "
          "within 90 % regions")  # fmt: skip
    return rows


PLATES: Mapping[str, Mapping[str, float]] = {
    "rolled": {"copper": 0.2, "s": 0.25, "brass": 0.2, "cube": 0.05},
    "recrystallised": {"cube": 0.3, "goss": 0.05},
    "random": {},
}
"""Textures of aluminium plate, shares by volume."""


def plate(folder: Path) -> list[Row]:
    """Fit three directions of 6061-T6 at once for several textures."""
    rows: list[Row] = []
    alloy = px.load_material("AA6022-T4")
    free = {
        "slip_resistance_initial": (40.0, 300.0),
        "slip_resistance_saturation": (60.0, 600.0),
        "hardening_modulus": (30.0, 5000.0),
    }
    tests = [
        px.read_measurement(
            folder / f"{name}.csv", "engineering_strain", "engineering_stress",
            stress_unit="ksi", direction=axis, toe=True, frame=True,
        )
        for name, axis in (("RD", "x"), ("LT", "y"), ("ST", "z"))
    ]  # fmt: skip
    for name, shares in PLATES.items():
        texture = px.rolling_texture(shares)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            settings = px.CalibrationSettings(leaves=32, starts=2, posterior=False)
            found = px.calibrate(texture, tests, alloy, free, settings)
        for one, value in found.parameters.items():
            rows.append({"texture": name, "quantity": one, **value._asdict()})
        for one in found.tests:
            row = {"texture": name, "quantity": f"rms of {one.test.name} [MPa]", "value": one.rms}
            rows.append(row)
        print(
            name, found, [f"{one.test.name} {one.rms:.1f} MPa" for one in found.tests], flush=True
        )
        for sentence in found.remarks:
            print("   ", sentence)
    for one in free:
        values = [row["value"] for row in rows if row["quantity"] == one]
        print(f"{one}: {min(values):.4g} to {max(values):.4g} over the textures")
    return rows


def aa6022(seeds: int) -> list[Row]:
    """Fit one curve for several textures; predict r-values and yield stresses blind."""
    from laboratory import MEASURED, PLAUSIBLE

    alloy = px.load_material("AA6022-T4")
    random = px.from_texture(px.rolling_texture({}), 729, seed=9)
    truth = px.simulate(random, alloy, px.LoadPath.uniaxial(0.1))
    test = px.Measurement(truth.strain("xx"), truth.stress("xx"), "along x")
    free = ["slip_resistance_initial", "hardening_modulus"]
    angles = [a for a in MEASURED["angle [degrees]"] if isinstance(a, int)]
    measured = np.array([MEASURED[q][: len(angles)] for q in ("r", "yield")], dtype=float)
    few = px.LaboratorySettings(tuple(float(a) for a in angles), 8, 0, (0.01,), 0.05, taylor=False)
    rows: list[Row] = [
        {"texture": "measured", "angle [degrees]": a, "r": r, "yield": s}
        for a, r, s in zip(angles, *measured, strict=True)
    ]
    for name in ("cube 25 %, Goss 5 %", "cube 10 %, copper, S, brass 7 % each", "random"):
        shares = PLAUSIBLE[name]
        rms = []
        for seed in range(seeds):
            texture = px.rolling_texture(shares, 0.26)
            rve = px.from_texture(texture, 343, seed=seed)
            settings = px.CalibrationSettings(leaves=32, starts=1, posterior=False)
            found = px.calibrate(rve, test, alloy, free, settings)
            sheet = px.laboratory(rve, found.material, few)
            first = sheet.yield_stresses()[0].value
            r = np.array([one.value for one in sheet.r_values()])
            s = np.array([one.value / first for one in sheet.yield_stresses()])
            for a, own, stress in zip(angles, r, s, strict=True):
                rows.append({
                    "texture": f"{name}; {seed}", "angle [degrees]": a, "r": own, "yield": stress,
                    **{one: found.parameters[one].value for one in free},
                })  # fmt: skip
            off = np.sqrt(((np.array([r, s]) - measured) ** 2).mean(1))
            rms.append(off)
            print(f"{name}, {seed}: r", *(f"{v:.2f}" for v in r), f"rms {off[0]:.2f};",
                  "yield", *(f"{v:.3f}" for v in s), f"rms {off[1]:.3f};", found)  # fmt: skip
    return rows


def time(_: int) -> list[Row]:
    """Time a calibration of four parameters by one curve."""
    alloy = px.load_material("AA6022-T4")
    rve = px.tessellate(grid=9, grains=120, seed=7)
    load = px.LoadPath.proportional(np.diag([1.0, 0.0, 0.0]), 0.1, 1e-3, increments=1500)
    truth = px.simulate(rve, alloy, load)
    test = px.Measurement(truth.strain("xx"), truth.stress("xx"))
    free = [
        "slip_resistance_initial", "slip_resistance_saturation", "hardening_modulus",
        "stress_exponent",
    ]  # fmt: skip
    start = set_parameters(alloy, {one: 1.5 * get_parameter(alloy, one) for one in free})
    quick = px.CalibrationSettings(leaves=4, starts=1)
    px.calibrate(rve, test, start, free, quick)  # compiles what is new
    wall, cpu = perf_counter(), process_time()
    found = px.calibrate(rve, test, start, free)
    row = {"wall [s]": perf_counter() - wall, "CPU [s]": process_time() - cpu, **found.seconds}
    print(", ".join(f"{name} {value:.1f}" for name, value in row.items()), found)
    return [row]


def main() -> None:
    """Run what is asked for and store its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = {"fullfield": fullfield, "coarse": coarse, "aa6022": aa6022, "time": time}
    parser.add_argument("what", choices=(*kinds, "recovery", "hardening", "6061"))
    parser.add_argument("--trials", type=int, default=20, help="trials, or sheets of a texture")
    parser.add_argument("--data", type=Path, help="folder of the curves of 6061-T6")
    parser.add_argument(
        "--kept", type=Path, help="file of the finished trials of recovery and hardening"
    )
    arguments = parser.parse_args()
    if arguments.what == "6061":
        if arguments.data is None:
            parser.error("6061 needs --data")
        rows = plate(arguments.data)
    elif arguments.what in ("recovery", "hardening"):
        rows = recovery(arguments.trials, arguments.kept, arguments.what == "hardening")
    else:
        rows = kinds[arguments.what](arguments.trials)
    STORED.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (STORED / f"{arguments.what}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
