"""Resumable runs of a few seconds, as command lines, and digests of their results."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import yaml
from places import EXAMPLES, ROOT
from tiny_model import SIZES
from tiny_paper import write_preset
from tiny_stiffness import EDGE, tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.dataset.recipe import make_recipe
from polyxtal.model.foundation import FoundationModel

CRYSTAL = [107300.0, 60800.0, 28300.0]
RECIPE = {"count": 60, "seed": 1, "grid": 8, "grains": [3, 6], "part": 4}
LABELLED = {
    "count": 16,
    "seed": 1,
    "grid": EDGE,
    "grains": [3, 6],
    "texture": {"kind": "hull", "resolution": 30},
    "labels": {"constants": [CRYSTAL], "sampled": {"count": 1}, "tolerance": 1e-4},
    "part": 8,
}
PRETRAINING = {
    "model": SIZES | {"features": "harmonic"},
    "grains": [2, 6],
    "summary": 0.05,
    "steps": 60,
    "batch": 8,
    "warmup": 5,
    "validate_every": 20,
    "validation": 16,
    "save_every": 0.02,
    "precision": "32-true",
    "workers": 0,
}


def command_line(command: Iterable[str], out: Path) -> list[str]:
    return [sys.executable, "-m", *command, "--out", str(out)]


def environment(temporary: Path) -> dict[str, str]:
    """Return the environment of a run whose temporary files lie elsewhere."""
    places = (ROOT / "src", ROOT, ROOT / "tests" / "support")
    paths = os.pathsep.join(map(str, places))
    return {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}


def tiny_runs(folder: Path) -> dict[str, tuple[str, ...]]:
    """Write the inputs of one run of each kind; return the commands."""
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(PRETRAINING))
    full = tiny_stiffness_model()
    FoundationModel(full.autoencoder, {"recipe": "none"}).save(folder / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, changes in (("data", {}), ("test", {"seed": 2, "count": 8})):
            px.generate(make_recipe({**LABELLED, **changes}), folder / name, workers=1)
    heads = {
        "tensor": {"kind": "tensor", "epochs": 6},
        "trained": {"kind": "normal", "freeze": False, "epochs": 6, "batch": 8},
    }
    finetuning = {name: str(folder / name) for name in ("model", "data", "test")}
    finetuning |= {"copies": 1, "seeds": 2, "heads": heads, "components": 4, "hidden": 3}
    (folder / "finetune.yaml").write_text(yaml.safe_dump(finetuning))
    labels = _write_labelled_volumes(folder)
    case, preset = EXAMPLES / "damask_case" / "grid.vti", write_preset(folder)
    simulate = ("simulate", str(case), "--strain", "0.004", "--checkpoint-every", "0")
    own_labels = ("polyxtal", "finetune", "property", str(labels), "--model", str(folder / "model"))
    steps = "materials,pretraining,stiffness,contrast"
    return {
        "generate": ("polyxtal", "generate", str(folder / "recipe.yaml"), "--workers", "1"),
        "simulate": ("polyxtal", *simulate, "--fields", "vti", "--no-picture", "--no-taylor"),
        "pretrain": ("polyxtal", "pretrain", str(folder / "pretrain.yaml"), "--accelerator", "cpu"),
        "finetune": ("polyxtal", "finetune", "stiffness", str(folder / "finetune.yaml")),
        "property": (*own_labels, "--epochs", "40", "--patience", "40"),
        "paper": ("reproduction", "paper", "--preset", str(preset), "--only", steps),
    }


def _write_labelled_volumes(folder: Path) -> Path:
    """Write volumes and the table of their labels."""
    lines = ["file,largest fraction,w"]
    for number in range(40):
        rve = tiny_rve(number)
        px.write(rve, folder / f"{number}.npz")
        share, largest = rve.volume_fractions.max(0)
        lines.append(f"{number}.npz,{float(share)!r},{float(rve.orientations[largest, 0])!r}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


RESULTS = {
    "generate": ("**/*",),
    "simulate": ("curve.csv", "orientations.csv", "fields_*.vti"),
    "pretrain": ("model/model.safetensors",),
    "finetune": ("table.csv", "model/*.safetensors"),
    "property": ("table.csv", "predictions.csv", "model/*.safetensors"),
    "paper": ("results/stiffness/*.csv", "results/contrast/errors.csv"),
}
"""Files of each kind of run that do not depend on how long it took."""


def digest(kind: str, out: Path) -> str:
    """Return the SHA-256 of the results of a run."""
    found = sorted({file for pattern in RESULTS[kind] for file in out.glob(pattern)})
    sha256 = hashlib.sha256()
    for file in found:
        if file.is_file():
            sha256.update(file.relative_to(out).as_posix().encode() + file.read_bytes())
    if kind == "pretrain":
        with (out / "curve.csv").open(newline="") as stream:
            rows = [row | {"seconds": None} for row in csv.DictReader(stream)]
        sha256.update(json.dumps(rows).encode())
    return sha256.hexdigest()


def moments(seconds: float, count: int, seed: int) -> list[float]:
    """Return random moments within a run. [s]"""
    return np.random.default_rng(seed).uniform(0.0, seconds, count).tolist()
