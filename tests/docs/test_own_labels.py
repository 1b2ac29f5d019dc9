"""The three commands of `docs/finetuning.md` on labels of one's own, and its table."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys

import pytest
from places import ROOT

PAGE = (ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8")
SECTION = PAGE.split("### Two hundred volumes, three commands\n")[1]
COMMANDS = re.search(r"^```\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| ([a-z][\w ]+) \| ([\d.]+) \| (-?[\d.]+) \| ([\d.]+) \| (-?[\d.]+) \|$", re.M)
LABELS = ("stress at 1 % strain", "grain size")


@pytest.mark.slow
def test_the_commands_give_the_table_of_the_page(tmp_path):
    assert COMMANDS is not None
    commands = COMMANDS[1].splitlines()
    assert len(commands) == 3
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for line in commands:
        words = shlex.split(line)
        program = ["-m", "polyxtal"] if words[0] == "polyxtal" else []
        assert words[0] in ("polyxtal", "python")
        done = subprocess.run(
            [sys.executable, *program, *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    out = tmp_path / "out" / "own_labels"
    with (out / "run" / "table.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["label"], row["estimate"]): row for row in csv.DictReader(file)}
    rows = ROW.findall(SECTION)[:5]
    assert len(rows) * len(LABELS) == len(found)
    for estimate, *numbers in rows:
        for label, error, share in zip(LABELS, numbers[::2], numbers[1::2], strict=True):
            row = found[label, estimate]
            # Rounding of single precision may end a fit an epoch earlier or later.
            assert float(row["mean_absolute"]) == pytest.approx(float(error), rel=0.05)
            assert float(row["r_squared"]) == pytest.approx(float(share), abs=0.05)
    # The prediction of a volume is that of the fit.
    content = json.loads((out / "first" / "stiffness.json").read_text(encoding="utf-8"))
    with (out / "run" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        first = next(row for row in csv.DictReader(file) if row["file"] == "volumes/000.npz")
    for label, value in content["properties"].items():
        assert value == pytest.approx(float(first[f"predicted {label}"]), rel=1e-4)
        assert f"{value:.4g}" in done.stdout
    assert set(content["properties"]) == {"stress at 1 % strain [MPa]", "grain size [um]"}
