"""Provenance of a result: version, input files, settings, materials."""

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
    """Return the first entries of every summary.

    Args:
        inputs: Name and SHA-256 of each input file, by role.
        settings: Settings of the command, a dataclass.
        materials: Material of each phase, None for a void.
    """
    return {
        "polyxtal": __version__,
        "inputs": {part: {"name": n, "sha256": digest} for part, (n, digest) in inputs.items()},
        "parameters": asdict(settings),
        "materials": {name: m and material_summary(m) for name, m in materials.items()},
    }


def material_summary(material: Material) -> dict[str, Any]:
    """Return the parameters of a material as numbers, lists and strings.

    Elasticity is represented by its symmetry and independent constants. [MPa]
    """
    elasticity = material.elasticity
    constants = independent_constants(elasticity)
    return asdict(material) | {
        "elasticity": {"symmetry": elastic_symmetry(elasticity), **constants}
    }
