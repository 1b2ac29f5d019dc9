"""The tutorial on pretraining on own volumes does what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
from places import ROOT

PAGE = ROOT / "docs" / "tutorials" / "pretraining_own_volumes.md"
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path):
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    chosen = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    python = ""
    for kind, body in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "yaml":
            (tmp_path / "own.yaml").write_text(body)
            continue
        if kind == "python":
            python = "import polyxtal as px\n" + body
            commands = [[sys.executable, "-c", python]]
        else:
            words = [shlex.split(line) for line in body.splitlines()]
            commands = [
                [sys.executable, "-m", *line]
                if line[0] == "polyxtal"
                else [sys.executable, *line[1:]]
                for line in words
            ]
        for command in commands:
            done = subprocess.run(
                command, cwd=tmp_path, env=chosen, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/own/model/model.safetensors").is_file()
