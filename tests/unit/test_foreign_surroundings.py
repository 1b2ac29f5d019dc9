"""The core of the suite passes in programs, installations and folders that are not its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from places import ROOT
from read_only import install_read_only

CORE = [
    "files",
    "algebra",
    "crystal/test_elasticity.py",
    "crystal/test_lattice.py",
    "crystal/test_material.py",
    "texture",
    "microstructure/io",
    "microstructure/test_tessellate.py",
    "microstructure/test_segment.py",
    "mechanics/bounds",
    "mechanics/elastic",
    "mechanics/loading",
    "mechanics/fullfield/test_resume.py",
    "network",
    "dataset/test_stream.py",
    "model/test_default_dtype.py",
    "model/test_foundation.py",
    "model/test_mae.py",
    "model/heads",
    "cli/test_convert.py",
    "cli/test_homogenize.py",
    "cli/test_simulate.py",
    "workflows/predict/test_run.py",
    "viz/test_plot.py",
]


def comma_locale(folder):
    """Make a locale with a decimal comma, which many systems do not have."""
    name, made = "de_DE.UTF-8", folder / "de_DE.UTF-8"
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", made], check=False)
    if not made.is_dir():
        pytest.skip("there is no locale with a decimal comma, nor the data to make one")
    return {"LC_ALL": name, "LOCPATH": str(folder)}


SURROUNDINGS = {
    "double precision": lambda _: {},
    "two threads": lambda _: {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"},
    "decimal comma": comma_locale,
    "other folder": lambda _: {},
    "read-only": install_read_only,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_core_of_the_suite_passes(name, tmp_path, capsys):
    given = {"PYTHONPATH": str(ROOT / "src"), **SURROUNDINGS[name](tmp_path)}
    given["PYTHONPATH"] += os.pathsep + str(ROOT / "tests" / "support")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "foreign", "-c", ROOT / "pyproject.toml"]
    command += ["--rootdir", ROOT, "-W", "ignore:Machine code must be stored"]
    done = subprocess.run(
        [*command, *(ROOT / "tests" / "unit" / part for part in CORE)],
        cwd=tmp_path if name == "other folder" else ROOT,
        env={**os.environ, "FOREIGN": name, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    with capsys.disabled():
        print(f"{name}: {done.stdout.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
