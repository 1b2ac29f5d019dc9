"""Polycrystals in files: DAMASK's .vti, DREAM.3D's .dream3d, the package's own .npz, EBSD maps."""

from polyxtal.microstructure.io.dream3d import read_dream3d
from polyxtal.microstructure.io.ebsd import read_ebsd
from polyxtal.microstructure.io.registry import read, write

__all__ = ["read", "read_dream3d", "read_ebsd", "write"]
