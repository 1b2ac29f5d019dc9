"""Kernels are compiled wherever polyxtal is installed."""

from __future__ import annotations

import json
import subprocess
import sys

from read_only import install_read_only

import polyxtal as px

PROGRAM = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import polyxtal as px
    px.homogenize  # whose kernels are in other files
    ids = px.tessellate(grid=4, grains=5, seed=1).grain_id.tolist()
print(json.dumps([px.__file__, [str(warning.message) for warning in caught], ids]))
"""


def test_a_read_only_installation_compiles_without_a_cache(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=install_read_only(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, warned, ids = json.loads(done.stdout)
    assert file.startswith(str(tmp_path))
    assert len(warned) == 1
    assert "set the environment variable NUMBA_CACHE_DIR to" in warned[0]
    assert ids == px.tessellate(grid=4, grains=5, seed=1).grain_id.tolist()
    assert not list(tmp_path.rglob("*.nb[ic]"))
