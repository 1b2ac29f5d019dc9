"""The head that tells curves, in its file: a few numbers beside the model, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from polyxtal.files.atomic import atomic_file
from polyxtal.model.checkpoint import NETWORK_CONFIG, read_description
from polyxtal.model.heads.curves.head import CurveHead
from polyxtal.model.heads.stiffness.file import StiffnessHead, head_fingerprint

FORMAT, FORMAT_VERSION = "polyxtal network head", 1
STIFFNESS = "stiffness_head"
KEYS = ("format", "format_version", STIFFNESS, "intercept", "slope")


def save_curve_head(folder: str | Path, head: CurveHead) -> None:
    """Write a head beside its model, whole or not at all."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **({} if head.stiffness is None else {STIFFNESS: head.stiffness}),
        "intercept": head.intercept.tolist(),
        "slope": head.slope.tolist(),
        **{name: value for name, value in head.about.items() if name not in KEYS},
    }
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_file(Path(folder) / NETWORK_CONFIG) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_curve_head(folder: str | Path, beside: StiffnessHead | None) -> CurveHead | None:
    """Read the head of a model, if it has one.

    Its slopes belong to the stiffness that one stiffness head tells, so a file that names another
    one than that beside it is refused. A file that names none is taken as it is, and so is a head
    without a stiffness head beside it, which can predict nothing.

    Args:
        folder: Of the model.
        beside: The model's stiffness head, or None.
    Raises:
        ValueError: if the file is damaged, too large, of another kind or version, or the head was
            fitted with another stiffness head.
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
        named = content.get(STIFFNESS)
        head = CurveHead(intercept, slope, about, None if named is None else str(named))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a network head, but: {reason}") from error
    if (
        beside is not None
        and head.stiffness is not None
        and head.stiffness != head_fingerprint(beside)
    ):
        raise ValueError(
            f"{path}: the network head must be fitted with the stiffness head beside it, but was "
            "with another; `polyxtal finetune network` fits one anew."
        )
    return head
