"""Help and errors of paths and options answer without waiting for torch or numba."""

from __future__ import annotations

import subprocess
import sys

import pytest
from places import EXAMPLES

GRID = str(EXAMPLES / "damask_case" / "grid.vti")
RUN = """
import sys
from polyxtal.cli import app
try:
    app(sys.argv[1:])
finally:
    slow = {"torch", "numba", "h5py", "matplotlib", "lightning"} & set(sys.modules)
    assert not slow, slow
"""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("--help", 0, "predict"),
        ("predict --help", 0, "--leaves"),
        ("simulate --help", 0, "--scheme"),
        ("predict missing.vti", 2, "missing.vti: No such file or directory."),
        ("homogenize missing.vti", 2, "missing.vti: No such file or directory."),
        ("simulate missing.vti", 2, "missing.vti: No such file or directory."),
        ("convert missing.vti out.npz", 2, "missing.vti: No such file or directory."),
        ("generate missing.yaml --out out", 2, "missing.yaml: No such file or directory."),
        ("pretrain missing.yaml --out out", 2, "missing.yaml: No such file or directory."),
        ("finetune stiffness missing.yaml --out out", 2, "missing.yaml: No such file"),
        (f"predict {GRID} --path twist", 2, "but is 'twist'"),
        (f"predict {GRID} --leaves 0", 2, "--leaves must be at least 1"),
        (f"predict {GRID} --material unobtainium", 2, "but is 'unobtainium'"),
        (f"simulate {GRID} --scheme guess", 2, "but is 'guess'"),
        (f"simulate {GRID} --load missing.yaml", 2, "missing.yaml: No such file"),
        (f"homogenize {GRID} --out {GRID}", 2, "must be a folder to write into"),
    ],
)
def test_nothing_slow_is_imported(arguments, code, sentence, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"COLUMNS": "200"},
    )
    assert done.returncode == code, done.stderr
    assert sentence in done.stdout + done.stderr
