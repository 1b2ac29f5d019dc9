"""The head that tells curves, in its file: a few numbers beside the model, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from polyxtal.files.atomic import atomic_file
from polyxtal.model.checkpoint import NETWORK_CONFIG, read_description
from polyxtal.model.heads.curves import CurveHead

FORMAT, FORMAT_VERSION = "polyxtal network head", 1
KEYS = ("format", "format_version", "intercept", "slope")


def save_curve_head(folder: str | Path, head: CurveHead) -> None:
    """Write a head beside its model, whole or not at all."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "intercept": head.intercept.tolist(),
        "slope": head.slope.tolist(),
        **{name: value for name, value in head.about.items() if name not in KEYS},
    }
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_file(Path(folder) / NETWORK_CONFIG) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_curve_head(folder: str | Path) -> CurveHead | None:
    """Read the head of a model, if it has one.

    Raises:
        ValueError: if the file is damaged, too large, or of another kind or version.
    """
    path = Path(folder) / NETWORK_CONFIG
    if not path.is_file():
        return None
    content = read_description(path, FORMAT, FORMAT_VERSION)
    try:
        intercept, slope = (
            torch.tensor(content[name], dtype=torch.float64) for name in ("intercept", "slope")
        )
        about = {name: value for name, value in content.items() if name not in KEYS}
        return CurveHead(intercept, slope, about)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a network head, but: {reason}") from error
