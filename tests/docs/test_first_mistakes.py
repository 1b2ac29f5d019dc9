"""Each command of `docs/howto/first_mistakes.md` gets the answer in its row."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from small_map import write_map
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "first_mistakes.md"
ROW = re.compile(
    r"^\| (?P<mistake>[^|]+) \| `polyxtal (?P<command>[^`|]+)` \| `+ ?(?P<answer>.+?)`+ \|$"
)
ROWS = [row for line in PAGE.read_text(encoding="utf-8").splitlines() if (row := ROW.match(line))]
ENGINES = (
    "polyxtal.workflows.predict.run.coarse_field",
    "polyxtal.workflows.predict.run.networks",
    "polyxtal.workflows.homogenize.run.solve",
    "polyxtal.workflows.simulate.run.homogenize",
)


def cubes(edge: float = 4.0, phases: tuple[str, ...] = ("Al",)) -> px.Polycrystal:
    """Eight cubic grains of 2³ voxels, with one voxel of another grain."""
    half = torch.arange(4) // 2
    ids = 4 * half[:, None, None] + 2 * half[:, None] + half
    ids[0, 0, 0] = 8
    phase = torch.arange(9) % len(phases)
    return px.Polycrystal(ids, random_quaternions(9, 3), (edge,) * 3, phase, phases)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the commands name, in the current folder; nothing is computed."""
    monkeypatch.chdir(tmp_path)
    for name in ("case", "alone", "full"):
        Path(name).mkdir()
    alloy = px.load_material("AA6022-T4")
    px.write(cubes(), "case/grid.vti", {"Al": alloy})
    Path("alone/grid.vti").write_bytes(Path("case/grid.vti").read_bytes())
    px.write(cubes(), "volume.npz")
    px.write(cubes(phases=("Aluminium", "Iron fcc")), "two.npz")
    px.write(cubes(edge=4e6), "metres.npz")
    write_map(Path("map.ang"))
    Path("full/results.csv").write_text("")
    Path("notes.txt").write_text("not a grid")
    Path("load.yaml").write_text(str(px.LoadPath.uniaxial().to_damask()))
    percent = px.LoadPath.uniaxial(0.05).to_damask()
    for step in percent["loadstep"]:
        step["discretization"]["t"] *= 100
    Path("percent.yaml").write_text(str(percent))
    free = [[0.0, 0.0, 0.0], [0.0, "x", 0.0], [0.0, 0.0, "x"]]
    stress = [["x"] * 3, ["x", 100.0, "x"], ["x", "x", 0.0]]
    conditions = {"mechanical": {"dot_F": free, "P": stress}}
    creep = {"boundary_conditions": conditions, "discretization": {"t": 10, "N": 10}}
    Path("mpa.yaml").write_text(str({"loadstep": [creep]}))
    recipe = "count: 1\ngrid: 8\ngrains: [4, 8]\n"
    Path("recipe.yaml").write_text(recipe)
    Path("typo.yaml").write_text(recipe + "textures: {kind: hull}\n")

    def stop(*_, **__):
        raise ConvergenceError("Stopped.", 1.0)

    for engine in ENGINES:
        monkeypatch.setattr(engine, stop)
    return tmp_path


def test_the_page_has_its_rows():
    assert len(ROWS) >= 25
    assert len({row["command"] for row in ROWS}) == len(ROWS)
    kinds = ("file", "unit", "name", "axis", "folder", "frame", "model", "size")
    assert {row["mistake"].split(",")[0] for row in ROWS} >= set(kinds)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["command"][:60])
def test_every_command_gets_its_answer(folder, row):
    result = CliRunner().invoke(app, shlex.split(row["command"]))
    said = result.stderr.replace(f"{folder.resolve()}/", "").splitlines()
    assert row["answer"].strip() in said
    assert "Traceback" not in result.output
