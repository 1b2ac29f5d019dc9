"""Convert the docstrings of this package for Sphinx, with indented equations as literal blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sphinx.application import Sphinx

_SECTION = re.compile(r"(Args|Arguments|Attributes|Returns|Raises|Example|Examples|Yields):\s*$")
_PROMPT = ">>>"


def set_equations(lines: Sequence[str]) -> Iterator[str]:
    """Convert indented text before the first section to literal blocks and escape the rest.

    `|x|` is a magnitude here and would be a substitution there, as `*` would begin emphasis.
    """
    literal, prose = False, True
    for number, line in enumerate(lines):
        if _SECTION.match(line):
            prose = False
        indented = line.startswith("    ")
        blank_before = number == 0 or not lines[number - 1].strip()
        if prose and indented and blank_before and not literal and _PROMPT not in line:
            literal = True
            yield "::"
            yield ""
        elif literal and line.strip() and not indented:
            literal = False
        yield line if literal or _PROMPT in line else escape(line)


def escape(line: str) -> str:
    """Escape reStructuredText markup outside of code."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(
        part if part.startswith("`") else re.sub(r"([|*]|(?<=\w)_(?=\W|$))", r"\\\1", part)
        for part in parts
    )


def _process(app: Sphinx, kind: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    lines[:] = list(set_equations(lines))


def _quote_types(
    app: Sphinx, kind: str, name: str, of: Any, options: Any, lines: list[str]
) -> None:
    """Format the types found by napoleon as code, for the stars of `Float[Tensor, "*batch"]`."""
    lines[:] = [re.sub(r"^(:vartype \w+:) (.+)$", r"\1 ``\2``", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register before and after napoleon, which has priority 500."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-docstring", _quote_types, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
