"""Render equations as MathML, which browsers display without scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
BOLD_ITALIC = {"Α": 0x1D71C, "α": 0x1D736}
"""First code points of bold italic Greek capital and small letters."""


def to_mathml(latex: str, display: str, where: nodes.Node | None = None) -> str:
    """Convert an equation; unknown commands give a warning, and thus an error."""
    written = convert(latex, display=display)
    if "\\" in written or "<mi>&</mi>" in written:
        LOGGER.warning("equation has a command that is not understood: %s", latex, location=where)
    # Browsers draw letters as they are and take no notice of `mathvariant`.
    bold = r'<mi mathvariant="bold-italic">&#x0*([0-9A-F]+);</mi>'
    return re.sub(bold, lambda found: f"<mi>{_bold(chr(int(found[1], 16)))}</mi>", written)


def _bold(letter: str) -> str:
    for first, start in BOLD_ITALIC.items():
        if 0 <= ord(letter) - ord(first) < 25:
            return chr(start + ord(letter) - ord(first))
    return {"ϵ": "\U0001d750"}.get(letter, letter)


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(to_mathml(node.astext(), "inline", node))
    raise nodes.SkipNode


def _display(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="equation">{to_mathml(node.astext(), "block", node)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer as "mathml"."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
