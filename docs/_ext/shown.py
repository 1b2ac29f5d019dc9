"""Directive `{shown}`: Python code whose last line is an expression, and its display in Jupyter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Shown(SphinxDirective):
    """Run the code and insert it with the HTML of its last line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the code and the display."""
        *before, last = self.content
        names: dict[str, Any] = {}
        exec("\n".join(before), names)
        code = nodes.literal_block("", "\n".join(self.content), language="python")
        display = eval(last, names)._repr_html_()
        return [code, nodes.raw("", f'<div class="shown">{display}</div>', format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("shown", Shown)
    return {"parallel_read_safe": True}
