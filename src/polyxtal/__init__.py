"""polyxtal: from a voxel polycrystal to its stiffness, stress-strain curve and texture.

Public names are imported on first use, so that `import polyxtal` and the command line's help do
not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from polyxtal.version import __version__ as __version__

if TYPE_CHECKING:
    from polyxtal.algebra.convergence import ConvergenceError
    from polyxtal.crystal.catalog import MaterialEntry, materials
    from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
    from polyxtal.crystal.lattice import Lattice
    from polyxtal.crystal.load_material import load_material, load_materials
    from polyxtal.crystal.material import Material
    from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw, Twinning
    from polyxtal.crystal.plasticity.voce_kinematic.parameters import VoceKinematic
    from polyxtal.dataset.datamodule import PolycrystalDataModule
    from polyxtal.dataset.endless import EndlessPolycrystals
    from polyxtal.dataset.generate import generate
    from polyxtal.dataset.loader import PolycrystalDataset
    from polyxtal.dataset.recipe import Recipe, read_recipe
    from polyxtal.dataset.store import PolycrystalStore, open_dataset
    from polyxtal.mechanics.bounds import hill_average, reuss_average, voigt_average
    from polyxtal.mechanics.fullfield.history import FullFieldResponse, LocalFields
    from polyxtal.mechanics.fullfield.simulate import simulate
    from polyxtal.mechanics.load_step import LoadStep
    from polyxtal.mechanics.loading import LoadPath
    from polyxtal.mechanics.moduli import EngineeringConstants, engineering_constants
    from polyxtal.mechanics.response import Response, StressError, compare
    from polyxtal.mechanics.sachs import sachs_response
    from polyxtal.mechanics.self_consistent import self_consistent_average
    from polyxtal.mechanics.spectral import ElasticHomogenization, homogenize
    from polyxtal.mechanics.taylor import taylor_response
    from polyxtal.microstructure.ebsd import EbsdMap
    from polyxtal.microstructure.equivalent import compare_sections, equivalent_rve
    from polyxtal.microstructure.io import read, write
    from polyxtal.microstructure.io.ebsd import read_ebsd
    from polyxtal.microstructure.polycrystal import Polycrystal
    from polyxtal.microstructure.tessellate import tessellate
    from polyxtal.model.foundation import FoundationModel, load_model
    from polyxtal.network.fit import CurveTarget, NetworkFit, StiffnessTarget, fit_network
    from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble
    from polyxtal.texture.components import (
        FibreTexture,
        UnimodalTexture,
        basal_texture,
        miller_orientation,
        rolling_component,
        rolling_texture,
        texture_type,
    )
    from polyxtal.texture.distribution import DiscreteTexture, MixedTexture, UniformTexture
    from polyxtal.texture.hull import sample_texture_hull
    from polyxtal.texture.odf import odf_distance, texture_index
    from polyxtal.texture.zone import orientation_grid

_HOME = {
    "algebra.convergence": ("ConvergenceError",),
    "crystal.catalog": ("MaterialEntry", "materials"),
    "crystal.elasticity": ("CubicElasticity", "Elasticity"),
    "crystal.lattice": ("Lattice",),
    "crystal.load_material": ("load_material", "load_materials"),
    "crystal.material": ("Material",),
    "crystal.plasticity.phenopowerlaw.parameters": ("PhenoPowerlaw", "Twinning"),
    "crystal.plasticity.voce_kinematic.parameters": ("VoceKinematic",),
    "dataset.datamodule": ("PolycrystalDataModule",),
    "dataset.endless": ("EndlessPolycrystals",),
    "dataset.generate": ("generate",),
    "dataset.loader": ("PolycrystalDataset",),
    "dataset.recipe": ("Recipe", "read_recipe"),
    "dataset.store": ("PolycrystalStore", "open_dataset"),
    "mechanics.bounds": ("hill_average", "reuss_average", "voigt_average"),
    "mechanics.fullfield.history": ("FullFieldResponse", "LocalFields"),
    "mechanics.fullfield.simulate": ("simulate",),
    "mechanics.load_step": ("LoadStep",),
    "mechanics.loading": ("LoadPath",),
    "mechanics.moduli": ("EngineeringConstants", "engineering_constants"),
    "mechanics.response": ("Response", "StressError", "compare"),
    "mechanics.sachs": ("sachs_response",),
    "mechanics.self_consistent": ("self_consistent_average",),
    "mechanics.spectral": ("ElasticHomogenization", "homogenize"),
    "mechanics.taylor": ("taylor_response",),
    "microstructure.ebsd": ("EbsdMap",),
    "microstructure.equivalent": ("compare_sections", "equivalent_rve"),
    "microstructure.io": ("read", "write"),
    "microstructure.io.ebsd": ("read_ebsd",),
    "microstructure.polycrystal": ("Polycrystal",),
    "microstructure.tessellate": ("tessellate",),
    "model.foundation": ("FoundationModel", "load_model"),
    "network.fit": ("CurveTarget", "NetworkFit", "StiffnessTarget", "fit_network"),
    "network.tree": ("MaterialNetwork", "NetworkEnsemble"),
    "texture.components": (
        "FibreTexture",
        "UnimodalTexture",
        "basal_texture",
        "miller_orientation",
        "rolling_component",
        "rolling_texture",
        "texture_type",
    ),
    "texture.distribution": ("DiscreteTexture", "MixedTexture", "UniformTexture"),
    "texture.hull": ("sample_texture_hull",),
    "texture.odf": ("odf_distance", "texture_index"),
    "texture.zone": ("orientation_grid",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ConvergenceError",
    "CubicElasticity",
    "CurveTarget",
    "DiscreteTexture",
    "EbsdMap",
    "ElasticHomogenization",
    "Elasticity",
    "EndlessPolycrystals",
    "EngineeringConstants",
    "FibreTexture",
    "FoundationModel",
    "FullFieldResponse",
    "Lattice",
    "LoadPath",
    "LoadStep",
    "LocalFields",
    "Material",
    "MaterialEntry",
    "MaterialNetwork",
    "MixedTexture",
    "NetworkEnsemble",
    "NetworkFit",
    "PhenoPowerlaw",
    "Polycrystal",
    "PolycrystalDataModule",
    "PolycrystalDataset",
    "PolycrystalStore",
    "Recipe",
    "Response",
    "StiffnessTarget",
    "StressError",
    "Twinning",
    "UniformTexture",
    "UnimodalTexture",
    "VoceKinematic",
    "basal_texture",
    "compare",
    "compare_sections",
    "engineering_constants",
    "equivalent_rve",
    "fit_network",
    "generate",
    "hill_average",
    "homogenize",
    "load_material",
    "load_materials",
    "load_model",
    "materials",
    "miller_orientation",
    "odf_distance",
    "open_dataset",
    "orientation_grid",
    "read",
    "read_ebsd",
    "read_recipe",
    "reuss_average",
    "rolling_component",
    "rolling_texture",
    "sachs_response",
    "sample_texture_hull",
    "self_consistent_average",
    "simulate",
    "taylor_response",
    "tessellate",
    "texture_index",
    "texture_type",
    "voigt_average",
    "write",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULE:
        raise AttributeError(f"module 'polyxtal' has no attribute {name!r}")
    value = getattr(import_module(f"polyxtal.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
