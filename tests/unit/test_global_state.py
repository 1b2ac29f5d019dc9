"""Answers do not depend on the program's global state, and leave it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.dataset.recipe import make_recipe
from polyxtal.model.predicted_network import FitEffort

HERE = str(Path(__file__).parent)
CRYSTAL = px.CubicElasticity(107300.0, 60800.0, 28300.0)
ANG = """# Phase 1
# MaterialName Iron
# Symmetry 43
# LatticeConstants 3.66 3.66 3.66 90 90 90
# GRID: SqrGrid
# XSTEP: 1
# YSTEP: 1
# NCOLS_ODD: 2
# NCOLS_EVEN: 2
# NROWS: 1
0.1 0.2 0.3 0 0 100 0.5 1 1 1.5
1.1 0.7 2.5 1 0 100 0.5 1 1 1.5
"""


def rve(grid: int = 5) -> px.Polycrystal:
    return px.tessellate(grid=grid, grains=6, texture=px.texture_type("S1", seed=2), seed=1)


def path() -> px.LoadPath:
    return px.LoadPath.uniaxial(0.002, increments=2)


def crystals(folder):
    return rve().orientations, px.sample_texture_hull(2, 30.0, seed=5).coefficients()


def averages(folder):
    known = px.voigt_average, px.reuss_average, px.hill_average, px.self_consistent_average
    return *(average(rve(), CRYSTAL) for average in known), px.homogenize(rve(), CRYSTAL).stiffness


def responses(folder):
    material = px.load_material("Al")
    network = px.MaterialNetwork.from_polycrystal(rve(), leaves=4, seed=2, ensemble=2)
    full = px.simulate(rve(3), material, path())
    taylor = px.taylor_response(rve(), material, path())
    return full.P, taylor.P, network.respond(material, path()).P, network.stiffness(CRYSTAL)


def files(folder):
    px.write(rve(), folder / "a.npz")
    px.write(rve(), folder / "a.vti", {"crystal": px.load_material("Al")})
    (folder / "a.ang").write_text(ANG, encoding="utf-8")
    ebsd = px.read_ebsd(folder / "a.ang", frame="map")
    texts = [(folder / name).read_bytes() for name in ("a.vti", "material.yaml")]
    found = [px.read(folder / name).orientations for name in ("a.npz", "a.vti")]
    return *found, ebsd.orientations, *texts


def streams(folder):
    recipe = make_recipe({"count": 1, "grid": 4, "grains": [3, 5], "texture": {"kind": "hull"}})
    batches = [px.PolycrystalStream(recipe, 2, at_once=made).batch(1) for made in (False, True)]
    return [batch[name] for batch in batches for name in ("field", "summary")]


def predictions(folder):
    model = px.load_model("polyxtal-small")
    score = torch.tensor(model.out_of_distribution_score(rve(25)), dtype=torch.float64)
    return model.encode(rve(25)), score, model.predict_stiffness(rve(25), CRYSTAL)


def networks(folder):
    model, few = px.load_model("polyxtal-small"), FitEffort(2, 8, 2)
    network = model.predict_network(rve(), 4, effort=few)
    return network.weights, network.normals, network.stiffness(CRYSTAL)


GIVEN = crystals, averages, responses, files, streams, predictions, networks
CALLS = {call.__name__: call for call in GIVEN}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The answers in a state that nothing has touched."""
    return {name: call(tmp_path_factory.mktemp(name)) for name, call in CALLS.items()}


@pytest.fixture(params=["dtype", "generators", "threads", "folder"])
def foreign(request, monkeypatch, tmp_path):
    """A program that has settings of its own."""
    threads, default = torch.get_num_threads(), torch.get_default_dtype()
    drawn, drawn_by_numpy = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    if request.param == "dtype":
        torch.set_default_dtype(torch.float64)
    if request.param == "generators":
        torch.manual_seed(99)
        np.random.seed(99)  # noqa: NPY002
    if request.param == "threads":
        torch.set_num_threads(2 if threads == 1 else 1)
    if request.param == "folder":
        monkeypatch.chdir(tmp_path)
    yield request.param
    torch.set_rng_state(drawn)
    np.random.set_state(drawn_by_numpy)  # noqa: NPY002
    torch.set_default_dtype(default)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", CALLS)
def test_answers_are_the_same_in_a_foreign_state(name, plain, foreign, tmp_path):
    # Sums in another order, of single precision where a model encodes.
    loose = {"rtol": 1e-5, "atol": 1e-5} if name == "predictions" else {"rtol": 1e-9, "atol": 1e-9}
    for found, known in zip(CALLS[name](tmp_path), plain[name], strict=True):
        if isinstance(known, bytes):
            assert found == known
        elif foreign == "threads":
            torch.testing.assert_close(found, known, **loose)
        else:
            assert found.dtype == known.dtype
            assert torch.equal(found, known)


# In a program of its own: the checks of types in tests draw from Python's generator.
FRESH = """
from pathlib import Path
from program_state import program_state
from test_global_state import CALLS
for name in ["predictions", *CALLS]:  # a model first, with all that it imports
    before = program_state()
    CALLS[name](Path())
    after = program_state()
    changed = [key for key in before if after[key] != before[key]]
    assert not changed, (name, changed)
"""


def run(program, folder, **variables):
    (folder / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *sys.path]), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_global_generators_and_settings_are_left_alone(tmp_path):
    run(FRESH, tmp_path)


IN_ASCII = """
import locale
import polyxtal as px
assert locale.getpreferredencoding(False) != "UTF-8", locale.getpreferredencoding(False)
rve = px.tessellate(grid=4, grains=5, seed=1)
rve = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, phase_names=("α-iron",))
assert "Al" in px.materials()
for name in ("a.npz", "a.vti"):
    px.write(rve, name)
    assert px.read(name).phase_names == ("α-iron",), name
"""


def test_files_are_utf_8_in_a_program_that_is_not(tmp_path):
    run(IN_ASCII, tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
