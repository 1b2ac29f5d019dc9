"""The tutorials and the gallery run: their cells, in order, as in a notebook.

`make docs` runs them in Jupyter and shows their outputs; here the cells run in this process.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from places import ROOT
from typer.testing import CliRunner

from polyxtal.cli import app
from reproduction.cli import app as studies

DOCS = ROOT / "docs"
GALLERY = DOCS / "gallery.md"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL, LINE = "%%bash\n", re.compile(r"^!(.*)$", re.MULTILINE)
PROGRAMS = {("polyxtal",): app, ("python", "-m", "reproduction"): studies}
NOTEBOOKS = sorted(
    page
    for page in DOCS.rglob("*.md")
    if "results" not in page.parts and CELL.search(page.read_text(encoding="utf-8"))
)


def cells(page: Path) -> list[str]:
    return [body for _, body in CELL.findall(page.read_text(encoding="utf-8"))]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Change to a folder that looks like the root of a clone; figures are not shown."""
    for name in ("examples", "reproduction", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    plt.switch_backend("agg")
    yield tmp_path
    plt.close("all")


def run(cell: str, names: dict[str, object]) -> None:
    """Run a cell; the value of its last line is shown, unless it ends with a semicolon."""
    if cell.startswith(SHELL):
        for line in cell.removeprefix(SHELL).replace("\\\n", " ").splitlines():
            run_command(line)
        return
    tree = ast.parse(LINE.sub(r"_run(\1)", LINE.sub(lambda found: f"!{found[1]!r}", cell)))
    shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    names |= {"__name__": "__main__", "_run": run_command}
    exec(compile(tree, "cell", "exec"), names)
    if shown is not None:
        value = eval(compile(ast.Expression(shown.value), "cell", "eval"), names)
        getattr(value, "_repr_html_", value.__repr__)()


def run_command(line: str) -> None:
    """Run a command: our own in this process, others by the shell."""
    words = shlex.split(line)
    for start, program in PROGRAMS.items():
        if tuple(words[: len(start)]) == start:
            done = CliRunner().invoke(program, words[len(start) :])
            assert done.exit_code == 0, done.output
            return
    subprocess.run(["bash", "-c", line], check=True, stdout=subprocess.DEVNULL)


def test_a_failing_cell_or_command_would_be_found(clone):
    with pytest.raises(AssertionError, match=r"nowhere\.npz"):
        run("%%bash\npolyxtal info nowhere.npz", {})
    with pytest.raises(subprocess.CalledProcessError):
        run("import os\n!test -e nowhere.npz\n", {})
    with pytest.raises(NameError):
        run("1\nunknown", {})


def test_tutorials_and_gallery_are_notebooks():
    names = {page.relative_to(DOCS).as_posix() for page in NOTEBOOKS}
    listed = re.findall(r"\]\((\w+\.md)\)", (DOCS / "tutorials" / "index.md").read_text("utf-8"))
    assert names == {"gallery.md", *(f"tutorials/{name}" for name in listed)}
    assert len(cells(GALLERY)) == 12


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "page", [page for page in NOTEBOOKS if page != GALLERY], ids=lambda page: page.stem
)
def test_tutorials_run(page, clone):
    names: dict[str, object] = {}
    for cell in cells(page):
        run(cell, names)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(cells(GALLERY))))
def test_every_block_of_the_gallery_runs_on_its_own(number, clone):
    run(cells(GALLERY)[number], {})
    assert plt.get_fignums()


def test_figures_of_the_gallery_take_about_ten_lines():
    for cell in cells(DOCS / "gallery.md"):
        lines = [line for line in cell.splitlines() if line and not line.startswith("import")]
        assert len(lines) <= 12, cell
