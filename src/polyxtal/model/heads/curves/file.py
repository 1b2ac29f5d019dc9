"""The file of the curve head, a few numbers as JSON, and its registration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from polyxtal.model.heads.curves.head import CurveHead
from polyxtal.model.heads.registry import Head, HeadKind, register
from polyxtal.model.heads.stiffness.file import head_fingerprint
from polyxtal.model.heads.stiffness.head import StiffnessHead
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.serialization import read_description, write_described

NETWORK_CONFIG = "network.json"
FORMAT = "polyxtal network head", 2
STIFFNESS = "stiffness_head"
KEYS = ("format", "format_version", STIFFNESS, "intercept", "slope")


def save_curve_head(folder: Path, head: CurveHead) -> None:
    """Write a curve head beside its model, atomically."""
    content = {
        **({} if head.stiffness is None else {STIFFNESS: head.stiffness}),
        "intercept": head.intercept.tolist(),
        "slope": head.slope.tolist(),
        **{name: value for name, value in head.about.items() if name not in KEYS},
    }
    write_described(folder / NETWORK_CONFIG, FORMAT, content)


def read_curve_head(folder: Path, autoencoder: MaskedAutoencoder) -> CurveHead | None:
    """Read the curve head of a model, on which it does not depend; see `read_curve_numbers`."""
    return read_curve_numbers(folder)


def read_curve_numbers(folder: Path) -> CurveHead | None:
    """Read the curve head of a model's folder; None if there is none.

    Raises:
        ValueError: if the file is damaged, too large, or of another format or version.
    """
    path = folder / NETWORK_CONFIG
    if not path.is_file():
        return None
    content = read_description(path, FORMAT)
    try:
        intercept, slope = (
            torch.tensor(content[name], dtype=torch.float64) for name in ("intercept", "slope")
        )
        about = {name: value for name, value in content.items() if name not in KEYS}
        named = content.get(STIFFNESS)
        return CurveHead(intercept, slope, about, None if named is None else str(named))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: must describe a network head, but: {reason}") from error


def check_stiffness_head(folder: Path, head: CurveHead, heads: Mapping[str, Head]) -> None:
    """Make sure that a curve head was fitted with the stiffness head beside it.

    Its slopes belong to one stiffness head. A file that names none is accepted, and so is a curve
    head without a stiffness head beside it, which can predict nothing.

    Raises:
        ValueError: if it was fitted with another stiffness head.
    """
    beside = heads.get("stiffness")
    if head.stiffness is None or not isinstance(beside, StiffnessHead):
        return
    if head.stiffness != head_fingerprint(beside):
        raise ValueError(
            f"{folder / NETWORK_CONFIG}: the network head must be fitted with the stiffness head "
            "beside it, but was with another; `polyxtal finetune network` fits one anew."
        )


register(
    HeadKind(
        name="curves",
        title="curve head",
        purpose="predict networks",
        command="polyxtal finetune network",
        head=CurveHead,
        files=(NETWORK_CONFIG,),
        save=save_curve_head,
        read=read_curve_head,
        check=check_stiffness_head,
    )
)
