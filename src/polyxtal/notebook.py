"""The hook by which objects show themselves in a notebook."""

from importlib import import_module
from typing import Any


def notebook_html(self: Any) -> str:
    """Return the object's summary with a thumbnail as HTML, for `_repr_html_`.

    Figures lie above crystals, polycrystals and networks in the order of folders, so that no class
    may import what draws it; the drawing module is looked up by name when a notebook asks for it.
    """
    return import_module("polyxtal.viz.notebook").object_to_html(self)
