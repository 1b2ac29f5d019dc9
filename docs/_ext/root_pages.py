"""Adapt pages on reading, so that links work both on a code host and on the site.

Links to files at the repository's root lead to their pages here. Entries of the first page's tables
of contents that stand in `OPTIONAL` are left out where there is no such page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = {
    "CONVENTIONS.md": "/conventions.md",
    "CONTRIBUTING.md": "/contributing.md",
    "CHANGELOG.md": "/changelog.md",
}
OPTIONAL = ("results/index",)


def _change(app: Sphinx, page: str, source: list[str]) -> None:
    up = "../" * (page.count("/") + 1)
    for name, target in PAGES.items():
        source[0] = re.sub(rf"\({re.escape(up + name)}(?=[#)])", f"({target}", source[0])
    if page == app.config.root_doc:
        for entry in OPTIONAL:
            if not (Path(app.srcdir) / f"{entry}.md").is_file():
                source[0] = source[0].replace(f"\n{entry}\n", "\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the source filter."""
    app.connect("source-read", _change)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
