"""Voxels as kanapy writes them."""

from __future__ import annotations

from typing import Any

import numpy as np


def document(
    ids: np.ndarray, angles: np.ndarray, *, unit: str = "um", oriented: bool = True
) -> dict[str, Any]:
    """Return the content of a file; grains, counted from 1, are of two phases in turns."""
    grains: dict[str, Any] = {"Description": "Grain-related data", "Phase": "Phase number"}
    grains["Orientation"] = "Euler-Bunge angle"
    for k, angle in enumerate(angles.tolist()):
        grains[str(k + 1)] = {"Phase": k % 2} | ({"Orientation": angle} if oriented else {})
    return {
        "Info": {"Method": "Synthetic microstructure generator Kanapy"},
        "Model": {
            "Creator": "kanapy",
            "Phase_names": ["Austenite", "Martensite"],
            "Size": [2 * n for n in ids.shape],
            "Periodicity": "True",
            "Units": {"Length": unit},
        },
        "Data": {
            "Type": "int",
            "Shape": list(ids.shape),
            "Order": "C",
            "Values": ids.ravel().tolist(),
        },
        "Grains": grains,
    }
