"""The examples run and their assertions hold, also with few leaves."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, **arguments):
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.main(**arguments)


def test_stiffness_and_curve(capsys):
    response = run("01_stiffness_and_curve", leaves=8)
    assert float(response.strain("xx").max()) == pytest.approx(0.01)
    assert "stress at 1 % strain" in capsys.readouterr().out


def test_own_network(capsys):
    response = run("02_own_network", leaves=16, increments=60)
    assert len(response.time) == 61
    assert "texture strength" in capsys.readouterr().out


def test_texture(tmp_path, capsys):
    rve = run("03_texture", folder=tmp_path, grid=48, grains=250)
    assert rve.grains == 250
    assert len(list(tmp_path.glob("*.png"))) == 2
    assert "requested: aspects 4 and 2" in capsys.readouterr().out


def test_every_example_is_tested():
    tested = {"01_stiffness_and_curve.py", "02_own_network.py", "03_texture.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
