"""A reproduction of the paper that takes seconds, of models that have learned next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tiny_stiffness import EDGE, PLAIN_SIZES, tiny_stiffness_model

from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import plain_curve_head

FIT = {"freeze": False, "epochs": 2, "patience": 2, "batch": 4, "rate": 1e-3}
EFFORT = {
    "iterations": 1,
    "reference_leaves": 4,
    "reference_members": 1,
}
SCRATCH = {**FIT, "encoder": "untrained"}
ALUMINIUM, STRONG = [107300.0, 60800.0, 28300.0], [88814.0, 70043.0, 37543.0]


def tiny_recipe(count: int, seed: int, texture: str, labels: dict[str, Any]) -> dict[str, Any]:
    return {
        "count": count,
        "seed": seed,
        "grid": EDGE,
        "grains": [3, 6],
        "texture": {"kind": texture},
        "labels": {**labels, "tolerance": 1e-4},
        "part": 10,
    }


def predicting_model(folder: Path) -> str:
    """Write a model with heads for stiffness and curves."""
    bare = tiny_stiffness_model(spread=0.0)
    head = plain_curve_head()
    FoundationModel(bare.autoencoder, {"recipe": "none"}, bare.stiffness, head).save(folder)
    return str(folder)


def tiny_preset(folder: Path) -> dict[str, Any]:
    """Describe it; the models that it begins with are pretrained by its first step."""
    given = {"constants": [ALUMINIUM, STRONG]}
    return {
        "pretraining": {
            "model": {**PLAIN_SIZES, "features": "harmonic"},
            "texture": {"kind": "hull"},
            "grains": [3, 6],
            "steps": 4,
            "warmup": 1,
            "batch": 4,
            "validate_every": 2,
            "validation": 4,
            "workers": 0,
            "precision": "32-true",
        },
        "ratios": [0.25, 0.5],
        "chosen": 0.5,
        "predicting": predicting_model(folder / "predicting"),
        "judged": 4,
        "latents": 24,
        "effort": EFFORT,
        "repeats": 1,
        "method": "pca",
        "stiffness": {
            "train": tiny_recipe(20, 1, "hull", given),
            "test": tiny_recipe(6, 2, "hull", given),
            "seeds": 1,
            "fit": FIT,
            "scratch": SCRATCH,
        },
        "parameters": {
            "data": tiny_recipe(12, 3, "types", {"sampled": {"count": 2}}),
            "depth": 2,
            "seeds": 1,
            "predicted": 1,
            "fit": FIT,
            "scratch": SCRATCH,
        },
        "curves": {
            "loads": {
                "title": "Loads",
                "leaves": 4,
                "seeds": 2,
                "grid": 4,
                "grains": 6,
                "strain": 0.004,
                "loads": ["unloading", "plane strain"],
                "names": ["S1", "S2", "W1", "W2"],
            },
            "contrast": {
                "title": "Contrast",
                "leaves": 2,
                "seeds": 1,
                "grid": 4,
                "grains": 6,
                "strain": 0.004,
                "zener": 4.0,
                "loads": ["unloading"],
                "names": ["five"],
            },
        },
    }


def write_preset(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_preset(folder), sort_keys=False))
    return path
