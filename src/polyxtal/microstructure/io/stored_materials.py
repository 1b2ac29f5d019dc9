"""Materials that are stored with a polycrystal, as DAMASK phases [Pa]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyxtal.crystal.damask_phase import phase_to_material
from polyxtal.crystal.material import Material
from polyxtal.microstructure.io.registry import readable_format


def read_materials(path: str | Path) -> dict[str, Material]:
    """Read the materials that are stored with a polycrystal.

    Args:
        path: File that `read` reads. A `.vti` stores them in `material.yaml` beside it, an `.npz`
            in itself, other formats not at all.
    Returns:
        Material of each phase that is stored with properties. [MPa]
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is invalid, or the properties of a phase are not supported.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> file = Path(tempfile.mkdtemp()) / "rve.npz"
        >>> mine = {"crystal": px.load_material("AA6022-T4")}
        >>> px.write(px.tessellate(grid=8, grains=20, seed=1), file, mine)
        >>> px.read_materials(file)["crystal"].elasticity
        CubicElasticity(c11=107300.0, c12=60800.0, c44=28300.0)
    """
    sections = read_sections(path)
    return {name: section_material(path, name, sections[name]) for name in sections}


def read_sections(path: str | Path) -> dict[str, Any]:
    """Return the DAMASK phase [Pa] of each phase that a file stores with properties.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the extension is unknown, or the file invalid.
    """
    entry = readable_format(path)
    return entry.function(entry.sections)(path) if entry.sections else {}


def section_material(
    path: str | Path, name: str, section: Any, elastic_only: bool = False
) -> Material:
    """Return the material [MPa] of a phase that `read_sections` returned.

    Args:
        path: The file.
        name: Name of the phase.
        section: The phase.
        elastic_only: Take lattice and elastic constants only, whatever the plasticity law.
    Raises:
        ValueError: if its properties are not supported.
    """
    beside = readable_format(path).beside
    where = Path(path).parent / beside if beside else path
    return phase_to_material(section, name, f"{where}: ", elastic_only=elastic_only)
