"""What a result's summary says of a material."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from polyxtal.crystal.elastic_constants import elastic_symmetry, independent_constants
from polyxtal.crystal.material import Material


def material_summary(material: Material) -> dict[str, Any]:
    """Gather a material's parameters: plain numbers, lists and strings.

    Elasticity is given by the name of its symmetry and its independent constants. [MPa]
    """
    elasticity = material.elasticity
    constants = independent_constants(elasticity)
    return asdict(material) | {
        "elasticity": {"symmetry": elastic_symmetry(elasticity), **constants}
    }
