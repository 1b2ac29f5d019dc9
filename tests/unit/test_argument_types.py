"""Swapped arguments and wrong types are answered in one sentence, outside of tests, too."""

import subprocess
import sys

import pytest

from polyxtal.argument_types import require_type

# In a process of its own, because types are checked by beartype within the tests.
SETUP = """
import polyxtal as px
rve, material = px.tessellate(grid=3, grains=3, seed=0), px.load_material("AA6022-T4")
path, elasticity = px.LoadPath.uniaxial(1e-3, increments=1), material.elasticity
network = px.MaterialNetwork.from_polycrystal(rve, leaves=2)
def said(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return "nothing"
"""
CALLS = {
    "px.simulate(material, rve, path)": "Argument `rve` must be a Polycrystal, but is a Material.",
    "px.simulate(rve, path, material)": "Argument `path` must be a LoadPath, but is a Material.",
    "px.simulate(rve, elasticity, path)": (
        "Argument `material` must be a Material, or one for each phase name, "
        "but is a CubicElasticity."
    ),
    "px.homogenize(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.homogenize([[0, 1]], elasticity)": "Argument `rve` must be a Polycrystal, but is a list.",
    "px.homogenize(rve, material)": (
        "Argument `elasticity` must be an Elasticity, or one for each phase name, "
        "but is a Material."
    ),
    "px.voigt_average(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.self_consistent_average(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.taylor_response(material, rve, path)": (
        "Argument `rve` must be a Polycrystal, but is a Material."
    ),
    "px.taylor_response(rve, material, 0.05)": (
        "Argument `path` must be a LoadPath, but is a float."
    ),
    "px.MaterialNetwork.from_polycrystal(8)": (
        "Argument `rve` must be a Polycrystal, but is an int."
    ),
    "network.respond(material, 0.05)": "Argument `path` must be a LoadPath, but is a float.",
    "px.write('a.npz', rve)": "Argument `rve` must be a Polycrystal, but is a str.",
    "px.Polycrystal([[[0, 1], [0]]], [[1, 0, 0, 0]])": (
        "Argument `grain_id` must be an array, but its nested lists differ in length."
    ),
    "px.Polycrystal('grid', [[1, 0, 0, 0]])": (
        "Argument `grain_id` must be an array of numbers, but is a str of <U4."
    ),
}


def test_every_wrong_call_gets_its_sentence():
    code = f"{SETUP}for call in {list(CALLS)!r}: print(said(lambda: eval(call)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert dict(zip(CALLS, done.stdout.splitlines(), strict=True)) == CALLS


def test_the_right_type_passes():
    require_type(True, int, "n")
    with pytest.raises(ValueError, match="Argument `n` must be an int, but is a str"):
        require_type("1", int, "n")
