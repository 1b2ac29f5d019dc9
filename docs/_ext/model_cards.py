"""Directive `{model-cards}`: the cards of all models, each as a section."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "src" / "polyxtal" / "model" / "weights", ROOT / "reproduction" / "weights")
"""Folders of the shipped models and of those for the reproduction."""


def cards() -> list[Path]:
    """Return the cards of shipped models, then of the others, sorted by name."""
    return [card for folder in FOLDERS for card in sorted(folder.glob("*/README.md"))]


class ModelCards(SphinxDirective):
    """Include all cards."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Parse the cards as Markdown, with titles one level down."""
        lines = []
        for card in cards():
            self.env.note_dependency(str(card))
            relative = os.path.relpath(card, Path(self.env.doc2path(self.env.docname)).parent)
            lines += [f"```{{include}} {relative}", ":heading-offset: 1", "```", ""]
        node = nodes.Element()
        self.state.nested_parse(
            StringList(lines, source="model cards"), self.content_offset, node, match_titles=True
        )
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("model-cards", ModelCards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
