"""Load paths: what they prescribe, and how DAMASK's files are read."""

from __future__ import annotations

import copy
import json
import math
import warnings

import numpy as np
import pytest
import yaml
from places import EXAMPLES

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep

EXAMPLE = EXAMPLES / "damask_case" / "load.yaml"
X = math.nan
ZERO = ((0.0,) * 3,) * 3
DIAGONAL = np.eye(3, dtype=bool)
TENSION = ((1e-3, 0.0, 0.0), (0.0, X, 0.0), (0.0, 0.0, X))
FREE_SIDES = ((X, X, X), (X, 0.0, X), (X, X, 0.0))


def end(path: LoadPath, component: tuple[int, int]) -> float:
    """Integrate a prescribed rate of F over the path."""
    return sum(step.deformation[component[0]][component[1]] * step.duration for step in path)


# --- one step -------------------------------------------------------------------------------------


def test_goals_of_rates_and_end_values():
    f, p = np.eye(3) + 0.01, np.arange(9.0).reshape(3, 3)
    step = LoadStep(10.0, 5, TENSION, stress=FREE_SIDES)
    goal = step.goal(f, p, dt=2.0, remaining=8.0)
    assert np.array_equal(step.stress_controlled, np.diag([False, True, True]))
    assert goal[0, 0] == pytest.approx(f[0, 0] + 2e-3)
    assert goal[0, 1] == f[0, 1]
    assert goal[1, 1] == pytest.approx(p[1, 1] * 0.75)  # linear in time towards zero
    last = step.goal(f, p, dt=2.0, remaining=2.0 * (1 - 1e-15))
    assert last[2, 2] == 0.0  # never beyond the goal, however the remainder rounds


def test_goals_of_f_and_of_a_stress_rate():
    target = ((1.1, 0.0, 0.0), (0.0, X, 0.0), (0.0, 0.0, X))
    rate = ((X, X, X), (X, 5.0, X), (X, X, -3.0))
    step = LoadStep(10.0, 5, target, "F", rate, "dot_P")
    f, p = np.eye(3), 100 * np.eye(3)
    goal = step.goal(f, p, dt=2.0, remaining=10.0)
    assert goal[0, 0] == pytest.approx(1.02)
    assert goal[1, 1] == pytest.approx(110.0)
    assert goal[2, 2] == pytest.approx(94.0)


def test_a_velocity_gradient_acts_on_the_current_deformation():
    gradient = ((1e-3, 2e-3, 0.0), (0.0, -1e-3, 0.0), (0.0, 4e-3, 0.0))
    step = LoadStep(10.0, 5, gradient, "L")
    f = np.array([[1.2, 0.1, 0], [0, 0.9, 0.3], [0, 0, 1]])
    expected = f + 2.0 * np.array(gradient) @ f
    np.testing.assert_allclose(step.goal(f, np.zeros((3, 3)), 2.0, 10.0), expected, rtol=1e-15)
    # Whole rows may be free.
    half = ((1e-3, 2e-3, 0.0), (X, X, X), (0.0, 4e-3, 0.0))
    stress = ((X, X, X), (1.0, 2.0, 3.0), (X, X, X))
    goal = LoadStep(10.0, 5, half, "L", stress).goal(f, np.zeros((3, 3)), 2.0, 2.0)
    np.testing.assert_allclose(goal[[0, 2]], expected[[0, 2]], rtol=1e-15)
    assert goal[1].tolist() == [1.0, 2.0, 3.0]


def test_increments_are_equal_or_geometric():
    equal = LoadStep(10.0, 4, ZERO).time_increments()
    assert equal.tolist() == [2.5] * 4
    lengths = LoadStep(10.0, 4, ZERO, ratio=1.5).time_increments()
    np.testing.assert_allclose(lengths[1:] / lengths[:-1], 1.5, rtol=1e-14)
    assert lengths.sum() == pytest.approx(10.0, rel=1e-15)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"duration": 0.0}, "must last a positive time, but lasts 0.0 s"),
        ({"duration": math.inf}, "must last a positive time"),
        ({"duration": X}, "must last a positive time"),
        ({"increments": 0}, "must have 1 to 1000000 increments, but has 0"),
        ({"increments": 10**7}, "must have 1 to 1000000 increments"),
        ({"ratio": 0.0}, "ratio must be positive, but is 0.0"),
        ({"ratio": X}, "ratio must be positive"),
        ({"deformation": TENSION}, "but yy is in neither"),
        ({"stress": ((X, 1.0, X), (X, X, X), (X, X, X))}, "but xy is in both"),
        ({"deformation": ((math.inf, 0.0, 0.0), *ZERO[1:])}, "holds an infinite component"),
        (
            {"deformation": TENSION, "stress": FREE_SIDES, "deformation_kind": "L"},
            "must be prescribed in whole rows",
        ),
    ],
)
def test_an_invalid_step_is_refused(changes, sentence):
    arguments = {"duration": 1.0, "increments": 2, "deformation": ZERO} | changes
    with pytest.raises(ValueError, match=sentence):
        LoadStep(**arguments)


def test_a_path_has_a_step():
    with pytest.raises(ValueError, match="must have at least one step"):
        LoadPath(())


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("strain", [0.05, -0.02, 1e-3])
def test_uniaxial(axis, strain):
    k = "xyz".index(axis)
    path = LoadPath.uniaxial(strain, rate=2e-3, axis=axis)
    assert end(path, (k, k)) == pytest.approx(strain, rel=1e-12)
    assert sum(step.duration for step in path) == pytest.approx(abs(strain) / 2e-3)
    sides = DIAGONAL.copy()
    sides[k, k] = False
    for step in path:
        assert np.array_equal(step.stress_controlled, sides)
        assert np.array(step.stress)[sides].tolist() == [0.0, 0.0]
        assert (np.array(step.deformation)[~DIAGONAL] == 0).all()


def test_automatic_increments_are_fine_first():
    path = LoadPath.uniaxial(0.05, rate=1e-3)
    sizes = [step.duration * 1e-3 / step.increments for step in path]
    assert sizes == pytest.approx([2e-4, 1e-3])
    assert path.increments == 25 + 45
    assert LoadPath.uniaxial(0.003).increments == 15
    assert LoadPath.uniaxial(0.03, increments=7).increments == 7


def test_unloading_takes_all_normal_stresses_to_zero():
    release = LoadPath.uniaxial(0.05, unload=True, rate=1e-2).steps[-1]
    assert np.array_equal(release.stress_controlled, DIAGONAL)
    assert np.array(release.stress)[DIAGONAL].tolist() == [0.0] * 3
    assert release.duration == pytest.approx(0.5)


@pytest.mark.parametrize("cycles", [1, 3])
@pytest.mark.parametrize("strain", [0.02, -0.02, 0.001])
def test_cyclic_turns_at_the_amplitude_and_ends_at_zero(strain, cycles):
    path = LoadPath.cyclic(strain, axis="y", cycles=cycles, increments=8)
    assert path.increments == 4 * 8 * cycles
    position, turns = 0.0, []
    for step in path:
        position += step.deformation[1][1] * step.duration
        turns.append(position)
    assert turns == pytest.approx([strain, -strain] * cycles + [0.0], abs=1e-15)


@pytest.mark.parametrize("plane", ["xy", "yx", "zy", "xz"])
def test_shear_prescribes_one_component(plane):
    i, j = ("xyz".index(a) for a in plane)
    path = LoadPath.shear(-0.04, plane=plane)
    assert end(path, (i, j)) == pytest.approx(-0.04)
    for step in path:
        assert not step.stress_controlled.any()
        assert np.count_nonzero(step.deformation) == 1


def test_plane_strain_frees_the_third_axis_only():
    path = LoadPath.plane_strain(-0.05, axis="z", fixed="y")
    assert end(path, (2, 2)) == pytest.approx(-0.05)
    for step in path:
        assert np.array_equal(step.stress_controlled, np.diag([True, False, False]))
        assert step.deformation[1] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LoadPath.uniaxial(0.0), "`strain` must be finite, not zero and above -1"),
        (lambda: LoadPath.uniaxial(-1.0), "above -1, but is -1.0"),
        (lambda: LoadPath.uniaxial(X), "must be finite"),
        (lambda: LoadPath.uniaxial(rate=0.0), "`rate` must be positive and finite, but is 0.0 1/s"),
        (lambda: LoadPath.uniaxial(axis="w"), "must be 'x', 'y' or 'z', but is 'w'"),
        (lambda: LoadPath.uniaxial(increments=0), "must have 1 to 1000000 increments"),
        (lambda: LoadPath.cyclic(cycles=0), "`cycles` must be at least 1, but is 0"),
        (lambda: LoadPath.shear(plane="xx"), "two different axes, such as 'xy', but is 'xx'"),
        (lambda: LoadPath.shear(plane="x"), "two different axes"),
        (lambda: LoadPath.shear(plane="xw"), "two different axes"),
        (lambda: LoadPath.shear(0.0), "not zero"),
        (lambda: LoadPath.plane_strain(fixed="z"), "must differ, but both are 'z'"),
        (lambda: LoadPath.plane_strain(fixed="q"), "must be 'x', 'y' or 'z', but is 'q'"),
    ],
)
def test_an_invalid_path_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


# --- DAMASK's load files --------------------------------------------------------------------------


def test_the_example_load_file():
    path = LoadPath.from_damask(EXAMPLE)
    assert [step.increments for step in path] == [25, 45, 20, 5]
    assert [step.duration for step in path] == [5.0, 45.0, 4.0, 1.0]
    assert [step.deformation[0][0] for step in path.steps[:3]] == [1e-3, 1e-3, -1e-3]
    assert np.array_equal(path.steps[3].stress_controlled, DIAGONAL)
    assert LoadPath.from_damask(str(EXAMPLE)).to_damask() == path.to_damask()
    parsed = yaml.safe_load(EXAMPLE.read_text())
    assert LoadPath.from_damask(parsed).to_damask() == path.to_damask()
    assert LoadPath.from_damask(parsed["loadstep"]).to_damask() == path.to_damask()


def damask_step(mechanical: dict | None = None, **discretization: object) -> dict:
    return {
        "boundary_conditions": {"mechanical": mechanical or {"dot_F": [[0, 0, 0]] * 3}},
        "discretization": {"t": 10.0, "N": 5} | discretization,
    }


@pytest.mark.parametrize("kind", ["dot_F", "F", "L"])
def test_kinds_of_deformation(kind):
    rows = [[1e-3, 0, 0], [0, "1e-3", 0], [0, 0, 2e-3]]
    (step,) = LoadPath.from_damask([damask_step({kind: rows}, r=1.2)])
    assert step.deformation_kind == kind
    assert step.deformation == ((1e-3, 0, 0), (0, 1e-3, 0), (0, 0, 2e-3))
    assert (step.duration, step.increments, step.ratio) == (10.0, 5, 1.2)
    assert not step.stress_controlled.any()


@pytest.mark.parametrize("kind", ["P", "dot_P"])
def test_stresses_are_read_in_pascal(kind):
    load = {
        "dot_F": [[1e-3, 0, 0], [0, "x", 0], [0, 0, "x"]],
        kind: [["x", "x", "x"], ["x", 25e6, "x"], ["x", "x", -1]],
    }
    (step,) = LoadPath.from_damask([damask_step(load)])
    assert step.stress_kind == kind
    assert step.stress[1][1] == pytest.approx(25.0)
    assert step.stress[2][2] == pytest.approx(-1e-6)
    assert math.isnan(step.stress[0][0])


def test_a_load_that_leaves_the_rotation_free_is_refused():
    with pytest.raises(ValueError, match=r"must fix the rotation .* xy and yx"):
        LoadPath.from_damask([damask_step({"P": [[0, 0, 0]] * 3})])
    upper = [[0, 0, 0], ["x", 0, 0], ["x", "x", 0]]
    lower = [["x", "x", "x"], [0, "x", "x"], [0, 0, "x"]]
    (step,) = LoadPath.from_damask([damask_step({"P": upper, "dot_F": lower})])
    assert step.stress_controlled.sum() == 6


def test_a_target_without_volume_is_refused():
    with pytest.raises(ValueError, match="positive determinant"):
        LoadPath.from_damask([damask_step({"F": [[-0.5, 0, 0], [0, 1, 0], [0, 0, 1]]})])


def test_rows_that_hold_themselves_and_booleans_are_refused():
    endless: list = []
    endless += [endless, endless, endless]
    with pytest.raises(ValueError, match="step 1 is invalid"):
        LoadPath.from_damask([damask_step({"dot_F": endless})])
    with pytest.raises(ValueError, match="a number is needed"):
        LoadPath.from_damask([damask_step(t=True)])


def test_paths_survive_a_round_trip():
    target = ((1.1, 0.0, 0.0), (0.0, X, 0.0), (0.0, 0.0, X))
    rate = ((X, X, X), (X, 5.0, X), (X, X, -3.0))
    paths = [
        LoadPath.uniaxial(0.03, unload=True, axis="y"),
        LoadPath.plane_strain(),
        LoadPath((LoadStep(10.0, 5, target, "F", rate, "dot_P", 1.3),)),
        LoadPath((LoadStep(1.0, 2, ZERO, "L"),)),
    ]
    for path in paths:
        text = yaml.safe_dump(path.to_damask())
        again = LoadPath.from_damask(yaml.safe_load(text))
        for a, b in zip(again, path, strict=True):
            np.testing.assert_allclose(a.deformation, b.deformation, rtol=1e-15)
            np.testing.assert_allclose(a.stress, b.stress, rtol=1e-15)
            assert (a.deformation_kind, a.stress_kind) == (b.deformation_kind, b.stress_kind)
            assert (a.duration, a.increments, a.ratio) == (b.duration, b.increments, b.ratio)


def broken(change: str) -> object:
    step = copy.deepcopy(damask_step())
    mechanical, discretization = (
        step["boundary_conditions"]["mechanical"],
        step["discretization"],
    )
    match change:
        case "no step":
            return []
        case "a string":
            return {"loadstep": "fast"}
        case "no list":
            return {"solver": {}}
        case "no mapping":
            return [3]
        case "no boundary":
            del step["boundary_conditions"]
        case "no mechanical":
            step["boundary_conditions"] = {}
        case "thermal":
            step["boundary_conditions"]["thermal"] = {}
        case "no discretization":
            del step["discretization"]
        case "unknown key":
            step["f_outt"] = 1
        case "unknown load":
            mechanical["dot_G"] = 1
        case "unknown time":
            discretization["n"] = 1
        case "no t":
            del discretization["t"]
        case "no N":
            del discretization["N"]
        case "nothing":
            mechanical.clear()
        case "two":
            mechanical["L"] = [[0, 0, 0]] * 3
        case "shape":
            mechanical["dot_F"] = [[0, 0], [0, 0]]
        case "number":
            mechanical["dot_F"] = 3
        case "word":
            mechanical["dot_F"] = [["free", 0, 0], [0, 0, 0], [0, 0, 0]]
        case "null":
            mechanical["dot_F"] = [[None, 0, 0], [0, 0, 0], [0, 0, 0]]
        case "neither":
            mechanical["dot_F"] = [["x", 0, 0], [0, 0, 0], [0, 0, 0]]
        case "N word":
            discretization["N"] = "many"
        case "t zero":
            discretization["t"] = 0
        case "r":
            discretization["r"] = -1
        case _:
            raise AssertionError(change)
    return [damask_step(), step]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("no step", "The load must hold a list of load steps, but holds"),
        ("a string", "must hold a list of load steps, but holds 'fast'"),
        ("no list", "The load must have a `loadstep` list"),
        ("no mapping", "step 1 must have the key `boundary_conditions`"),
        ("no boundary", "step 2 must have the key `boundary_conditions`"),
        ("no mechanical", "step 2 must have the key `mechanical`"),
        ("thermal", "step 2 must use the keys .*but has `thermal`"),
        ("no discretization", "step 2 must have the key `discretization`"),
        ("unknown key", "step 2 must use the keys .*but has `f_outt`"),
        ("unknown load", "must use the keys .*but has `dot_G`"),
        ("unknown time", "must use the keys .*but has `n`"),
        ("no t", "step 2.* must have the key `t`"),
        ("no N", "step 2.* must have the key `N`"),
        ("nothing", r"must prescribe one of dot_F, F, L and at most .*prescribes \[\]"),
        ("two", r"but prescribes \['dot_F', 'L'\]"),
        ("shape", "step 2 is invalid: a boundary condition must be a 3x3 matrix"),
        ("number", "step 2 is invalid: a boundary condition must be a 3x3 matrix, but is 3"),
        ("word", "step 2 is invalid: could not convert"),
        ("null", "step 2 is invalid"),
        ("neither", "step 2 is invalid: .*xx is in neither"),
        ("N word", "step 2 is invalid"),
        ("t zero", "step 2 is invalid: A load step must last a positive time"),
        ("r", "step 2 is invalid: A load step's ratio must be positive"),
    ],
)
def test_an_invalid_load_file_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        LoadPath.from_damask(broken(change))


def test_the_file_is_named(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("loadstep: [{boundary_conditions: {}}]")
    with pytest.raises(ValueError, match=r"bad\.yaml: the load, step 1 must have the key"):
        LoadPath.from_damask(file)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"boundary_conditions": {"mechanical": None}, "discretization": {"t": 1, "N": 1}}, "map"),
        (
            {
                "boundary_conditions": {"mechanical": {"dot_F": np.zeros((3, 3)).tolist()}},
                "discretization": 5,
            },
            "map the keys",
        ),
        (
            {
                "boundary_conditions": {"mechanical": {"dot_F": np.zeros((3, 3)).tolist()}},
                "discretization": {"t": 1, "N": 2.7},
            },
            "whole number",
        ),
    ],
)
def test_a_damask_step_of_the_wrong_kind_is_named(step, sentence):
    with pytest.raises(ValueError, match=f"step 1.*{sentence}"):
        LoadPath.from_damask([step])


def test_a_cycle_does_not_turn_the_body_inside_out():
    with pytest.raises(ValueError, match="between -1 and 1"):
        LoadPath.cyclic(1.5)


def test_increments_that_vanish_are_refused():
    step = LoadStep(1.0, 1000, ((0.0,) * 3,) * 3, ratio=1.01)
    assert step.time_increments().sum() == pytest.approx(1.0, abs=1e-14)
    with pytest.raises(ValueError, match="positive length"):
        LoadStep(1.0, 2000, ((0.0,) * 3,) * 3, ratio=2.0)


def test_a_load_file_of_many_increments_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(LoadStep, "time_increments", None)  # of a million increments each
    file = tmp_path / "load.yaml"
    zero = "{boundary_conditions: {mechanical: {dot_F: [[0,0,0],[0,0,0],[0,0,0]]}}, "
    file.write_text(
        f"loadstep:\n- &a {zero}discretization: {{t: 1, N: 1000000, r: 1.000001}}}}\n"
        + "- *a\n" * 100
    )
    with pytest.raises(ValueError, match=r"at most 1000000 increments .*, but has 101000000"):
        LoadPath.from_damask(file)


@pytest.mark.parametrize("ratio", [1.0, 1.0 + 1e-12, 0.5, 1.7])
def test_the_shortest_increment_is_that_of_the_series(ratio):
    step = LoadStep(3.0, 50, ((0.0,) * 3,) * 3, ratio=ratio)
    assert step._shortest() == pytest.approx(step.time_increments().min(), rel=1e-9)


def test_words_of_a_load_file_are_shortened(tmp_path):
    file = tmp_path / "load.yaml"
    for change in ({"x" * 5000: 1}, {"discretization": {"t": "x" * 5000, "N": 1}}):
        step = {
            "boundary_conditions": {"mechanical": {"dot_F": np.zeros((3, 3)).tolist()}},
            "discretization": {"t": 1, "N": 1},
        }
        file.write_text(yaml.safe_dump({"loadstep": [step | change]}))
        with pytest.raises(ValueError, match="step 1") as error:
            LoadPath.from_damask(file)
        assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: LoadPath.uniaxial(5), "at most 0.5, but is 5, which is 500 %"),
        (lambda: LoadPath.plane_strain(-0.6), "but is -0.6, which is -60 %"),
        (lambda: LoadPath.uniaxial(0.01, rate=1e5), "1e-08 to 10000 1/s.*but is 100000 1/s"),
        (lambda: LoadPath.shear(0.01, rate=1e-9), "but is 1e-09 1/s"),
    ],
)
def test_strains_and_rates_in_another_unit_are_warned_of(build, sentence):
    with pytest.warns(UserWarning, match=sentence):
        build()


HOLD = {"dot_F": [[0, 0, 0]] * 3}
PULL = {"dot_F": [[1e-3, 0, 0], [0, "x", 0], [0, 0, "x"]]}
SIDES = [["x", "x", "x"], ["x", 0, "x"], ["x", "x", 0]]
CREEP = {"dot_F": [["x", 0, 0], [0, "x", 0], [0, 0, "x"]]}


def creep(pascal):
    return CREEP | {"P": [[pascal, "x", "x"], ["x", 0, "x"], ["x", "x", 0]]}


@pytest.mark.parametrize(
    ("steps", "sentences"),
    [
        # Tension, a hold, compression and release are usual, and so is creep.
        ([(PULL | {"P": SIDES}, 100), (HOLD, 1e5), (creep(0), 5)], ()),
        ([(creep(50e6), 1e6)], ()),
        ([(HOLD, 10)], ("a strain rate or a stress should be prescribed, but all are zero",)),
        ([(PULL | {"P": SIDES}, 600)], ("at most 0.5, but is 0.6, which is 60 %",)),
        ([({"F": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]}, 1e3)], ("but is 1, which is 100 %",)),
        ([({"L": [[0, -0.01, 0], [0, 0, 0], [0, 0, 0]]}, 90)], ("but is -0.9, which is -90 %",)),
        ([({"dot_F": [[0, 0, 1e5], [0, 0, 0], [0, 0, 0]]}, 1e-6)], ("but is 100000 1/s",)),
        ([({"dot_F": [[0, 0, 1e-9], [0, 0, 0], [0, 0, 0]]}, 1e6)], ("but is 1e-09 1/s",)),
        ([(creep(250), 10)], ("0.01 to 20000 MPa, but is 0.00025 MPa: in DAMASK's files",)),
        ([(creep(250e12), 10)], ("but is 2.5e+08 MPa",)),
        ([(creep(250e6), 1e9)], ("should last 1e-08 to 1e+08 s, but lasts 1e+09 s",)),
        # Each unit is in doubt once.
        ([(PULL | {"P": SIDES}, 600), (PULL | {"P": SIDES}, 600)], ("step 1: a strain",)),
        ([(PULL | {"P": SIDES}, 300), (PULL | {"P": SIDES}, 300)], ("step 2: a strain",)),
    ],
)
def test_unusual_sizes_in_load_files_are_remarked(tmp_path, steps, sentences):
    file = tmp_path / "load.yaml"
    file.write_text(json.dumps({"loadstep": [damask_step(m, t=t) for m, t in steps]}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LoadPath.from_damask(file)
    said = [str(one.message) for one in caught]
    assert len(said) == len(sentences)
    for one, sentence in zip(said, sentences, strict=True):
        assert one.startswith(f"{file}: the load, step ")
        assert sentence in one
