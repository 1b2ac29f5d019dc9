"""The size of files and functions, and no two names for one thing."""

from __future__ import annotations

import ast

import pytest
from places import ROOT

FILE, FUNCTION = 300, 60
"""Largest number of lines; docstrings of functions do not count."""
FILES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "reproduction").rglob("*.py")])


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[ast.get_docstring(function) is not None :]
    return first[-1].end_lineno - first[0].lineno + 1 if first else 0  # type: ignore[operator]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_fit_on_a_screen_or_five(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {n.name: length(n) for n in ast.walk(ast.parse(text)) if isinstance(n, functions)}
    assert {name: lines for name, lines in sizes.items() if lines > FUNCTION} == {}
