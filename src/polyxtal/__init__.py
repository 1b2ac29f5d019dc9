"""polyxtal: from a voxel polycrystal to its stiffness, stress-strain curve and texture."""

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material, PhenoPowerlaw, load_material, load_materials
from polyxtal.mechanics.bounds import hill_average, reuss_average, voigt_average
from polyxtal.mechanics.loading import LoadPath, LoadStep
from polyxtal.mechanics.moduli import EngineeringConstants, engineering_constants
from polyxtal.mechanics.response import Response, StressError, compare
from polyxtal.mechanics.taylor import taylor_response
from polyxtal.microstructure.io import read, write
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.ensemble import NetworkEnsemble
from polyxtal.network.tree import MaterialNetwork

__version__ = "0.1.0"

__all__ = [
    "ConvergenceError",
    "CubicElasticity",
    "EngineeringConstants",
    "LoadPath",
    "LoadStep",
    "Material",
    "MaterialNetwork",
    "NetworkEnsemble",
    "PhenoPowerlaw",
    "Polycrystal",
    "Response",
    "StressError",
    "compare",
    "engineering_constants",
    "hill_average",
    "load_material",
    "load_materials",
    "read",
    "reuss_average",
    "taylor_response",
    "voigt_average",
    "write",
]
