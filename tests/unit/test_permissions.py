"""Whatever is written gets the permissions of any new file."""

from __future__ import annotations

import os
import stat
import warnings

import pytest
from places import EXAMPLES
from tiny_model import SIZES
from tiny_stiffness import tiny_rve, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.dataset.recipe import make_recipe
from polyxtal.files.plain import write_csv, write_json, write_table

ALLOY = px.load_material("AA6022-T4")


def models(folder):
    tiny_stiffness_model().save(folder / "model")


def polycrystals(folder):
    px.write(tiny_rve(), folder / "rve.npz")
    px.write(tiny_rve(), folder / "rve.vti", {"crystal": ALLOY})


def tables(folder):
    write_json(folder / "a.json", {"a": 1})
    write_csv(folder / "a.csv", ["a"], [[1.0]])
    write_table(folder / "b.csv", ["a"], [{"a": 1.0}])


def simulations(folder):
    path = px.LoadPath.uniaxial(0.001, increments=1)
    files = {"checkpoint": folder / "checkpoint.h5", "fields": folder / "fields.vti"}
    px.simulate(tiny_rve(), ALLOY, path, **files)


def commands(folder):
    arguments = ["homogenize", EXAMPLES / "damask_case" / "grid.vti", "--out", folder / "out"]
    assert CliRunner().invoke(app, [*map(str, arguments)]).exit_code == 0


def data_sets(folder):
    px.generate(make_recipe({"count": 2, "grid": 4, "grains": 3}), folder / "data", workers=1)


def pretrainings(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that Lightning imports
        from polyxtal.training.pretrain.config import PretrainConfig
        from polyxtal.training.pretrain.run import pretrain

        few = {"steps": 2, "batch": 2, "warmup": 1, "validate_every": 1, "validation": 2}
        sizes = SIZES | {"features": "harmonic"}
        config = PretrainConfig(
            model=sizes, grains=[2, 6], precision="32-true", workers=0, summary=0.1, **few
        )
        pretrain(config, folder / "run", accelerator="cpu", devices=1)


WRITERS = models, polycrystals, tables, simulations, commands, data_sets, pretrainings


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_permissions_are_those_of_any_new_file(write, tmp_path):
    folder, mask = tmp_path / "written", 0o027
    folder.mkdir()
    before = os.umask(mask)
    try:
        if write is pretrainings:  # Lightning writes with fsspec, which reads the umask only once
            os.umask(mask := before)
        write(folder)
    finally:
        os.umask(before)
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert found
    assert found == {path: (0o777 if path.is_dir() else 0o666) & ~mask for path in found}
