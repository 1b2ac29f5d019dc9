"""What a result rests on: version, input files, settings, materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from polyxtal.crystal.elastic_constants import elastic_symmetry, independent_constants
from polyxtal.crystal.material import Material
from polyxtal.version import __version__


def provenance(
    inputs: Mapping[str, tuple[str, str]], settings: Any, materials: Mapping[str, Material | None]
) -> dict[str, Any]:
    """Gather what every summary begins with: plain numbers, lists and strings.

    Args:
        inputs: Name and SHA-256 of every file that was read, by its part.
        settings: Settings of the verb, a dataclass.
        materials: Material of every phase, None for a void.
    """
    return {
        "polyxtal": __version__,
        "inputs": {part: {"name": n, "sha256": digest} for part, (n, digest) in inputs.items()},
        "parameters": asdict(settings),
        "materials": {name: m and material_summary(m) for name, m in materials.items()},
    }


def material_summary(material: Material) -> dict[str, Any]:
    """Gather a material's parameters: plain numbers, lists and strings.

    Elasticity is given by the name of its symmetry and its independent constants. [MPa]
    """
    elasticity = material.elasticity
    constants = independent_constants(elasticity)
    return asdict(material) | {
        "elasticity": {"symmetry": elastic_symmetry(elasticity), **constants}
    }
