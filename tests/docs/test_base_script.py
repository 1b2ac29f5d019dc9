"""examples/pretrain/base.sh, tried whole on the CPU: resumed, exported, probed, compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from places import EXAMPLES, ROOT

import polyxtal as px
from polyxtal.training.pretrain.config import read_pretrain_config

SCRIPT = EXAMPLES / "pretrain" / "base.sh"


def run(out, **environment):
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    chosen = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": paths,
        "ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": "1",
        **environment,
    }
    command = ["bash", str(SCRIPT), "tiny", str(out)]
    return subprocess.run(command, env=chosen, capture_output=True, text=True, timeout=900)


@pytest.mark.slow
def test_the_script_runs_whole_and_again_after_an_interruption(tmp_path):
    out = tmp_path / "out"
    first = run(out, SECONDS_LIMIT="0.5", SAMPLES=str(tmp_path))
    assert first.returncode == 0, first.stderr
    begun = json.loads((out / "run/model/config.json").read_text())["steps_done"]
    assert 0 < begun < 60
    done = run(out)
    assert done.returncode == 0, done.stderr
    assert "volumes/s" in done.stdout
    assert "% of" in done.stdout
    assert json.loads((out / "run/model/config.json").read_text())["steps_done"] == 60
    model = px.load_model(out / "weights")
    assert model.encode(px.tessellate(8, 9, seed=1)).shape == (24,)
    assert all(file.stat().st_size < 16 << 20 for file in (out / "weights").iterdir())
    card = (out / "weights" / "README.md").read_text(encoding="utf-8")
    assert "nearest visible" in card
    assert "pretrained cls" in card
    for name in ("base", "small"):
        probe = json.loads((out / name / "probe" / "probe.json").read_text())
        assert probe["data"]["grid"] == [8, 8, 8]


@pytest.mark.parametrize("name", ["base", "base-hull", "tiny", "small-v2", "small-v2-more"])
def test_configurations_are_valid(name):
    path = EXAMPLES / "pretrain" / f"{name}.yaml"
    config = read_pretrain_config(path)
    assert config.model.scale
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config.steps == asked["steps"]
