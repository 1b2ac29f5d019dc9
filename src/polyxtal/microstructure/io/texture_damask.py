"""Weighted orientations of DAMASK's `material.yaml`: all constituents of all materials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.files.wording import shorten
from polyxtal.files.yaml import read_yaml

_ROUNDING = 1e-3


def read_damask_texture(path: Path) -> tuple[Float[Tensor, "n 4"], Float[Tensor, " n"]]:
    """Return orientations O, and weights v of the constituents; materials weigh the same.

    Raises:
        ValueError: if there is no list of materials, or O is no unit quaternion or v no share.
    """
    document = read_yaml(path)
    entries = document.get("material") if isinstance(document, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path}: must hold a list `material` of orientations O, but does not.")
    points, weights = [], []
    for k, entry in enumerate(entries):
        listed = entry.get("constituents") if isinstance(entry, Mapping) else None
        if not isinstance(listed, list) or not listed:
            raise ValueError(f"{path}: material {k}: must have `constituents`, but has none.")
        for one in listed:
            q, v = (one.get("O"), one.get("v", 1.0)) if isinstance(one, Mapping) else (None, -1)
            if not _is_numbers(q, 4) or not _is_numbers([v], 1) or not 0 <= float(v) <= 1:
                raise ValueError(
                    f"{path}: material {k}: a constituent must have a unit quaternion O and a "
                    f"share v of 0 to 1, but is {shorten(one)}."
                )
            points.append(q)
            weights.append(v)
    array = np.array(points, dtype=np.float64)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    if not (np.abs(length - 1) <= _ROUNDING).all():
        raise ValueError(
            f"{path}: orientations O must be unit quaternions, but one has norm "
            f"{float(length[np.abs(length - 1).argmax(), 0]):g}."
        )
    exact = np.where(np.abs(length - 1) > 1e-12, array / length, array)
    return torch.from_numpy(exact), torch.tensor(weights, dtype=torch.float64)


def _is_numbers(values: Any, count: int) -> bool:
    """Return whether a value is a list of so many numbers."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
        and all(abs(x) <= 2 for x in values)
    )
