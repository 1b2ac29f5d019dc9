"""Readers and writers of polycrystals and maps, see `files.py` and `registry.py`."""

from polyxtal.microstructure.io.files import read, read_ebsd, write

__all__ = ["read", "read_ebsd", "write"]
