"""polyxtal: from a voxel polycrystal to its stiffness, stress-strain curve and texture."""

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.microstructure.polycrystal import Polycrystal

__version__ = "0.1.0"

__all__ = ["CubicElasticity", "Polycrystal"]
