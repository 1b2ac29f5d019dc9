"""Readers and writers of polycrystals and maps, see `registry.py`."""

from polyxtal.microstructure.io.registry import read, read_ebsd, write

__all__ = ["read", "read_ebsd", "write"]
