"""The tutorials and the gallery run: their cells, in order, as in a notebook.

`make docs` runs them, too, and shows their outputs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

DOCS = ROOT / "docs"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTEBOOKS = sorted(
    page
    for page in DOCS.rglob("*.md")
    if "results" not in page.parts and CELL.search(page.read_text(encoding="utf-8"))
)
RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor")
for cell in json.load(sys.stdin):
    shell.run_cell(cell).raise_error()
"""


def cells(page: Path) -> list[str]:
    return [body for _, body in CELL.findall(page.read_text(encoding="utf-8"))]


def run(cells: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run cells in a folder that looks like the root of a clone."""
    for name in ("examples", "tests"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = {"PATH": path, "MPLBACKEND": "agg", "IPYTHONDIR": str(folder / "ipython")}
    return subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(cells),
        cwd=folder,
        env={**os.environ, **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_failing_cell_or_command_would_be_found(tmp_path):
    done = run(["%%bash\npolyxtal info nowhere.npz"], tmp_path)
    assert done.returncode != 0
    assert "nowhere.npz" in done.stdout + done.stderr


def test_tutorials_and_gallery_are_notebooks():
    names = {page.relative_to(DOCS).as_posix() for page in NOTEBOOKS}
    listed = re.findall(r"\]\((\w+\.md)\)", (DOCS / "tutorials" / "index.md").read_text("utf-8"))
    listed.remove("pretraining_own_volumes.md")  # minutes of training: commands to copy
    assert names == {"gallery.md", *(f"tutorials/{name}" for name in listed)}
    assert len(cells(DOCS / "gallery.md")) == 12


@pytest.mark.slow
@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_notebooks_run(page, tmp_path):
    done = run(cells(page), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_figures_of_the_gallery_take_about_ten_lines():
    for cell in cells(DOCS / "gallery.md"):
        lines = [line for line in cell.splitlines() if line and not line.startswith("import")]
        assert len(lines) <= 12, cell
