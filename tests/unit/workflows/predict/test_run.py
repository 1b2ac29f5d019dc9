"""A prediction as a whole: what it is made of, its numbers, and its folder."""

import csv
import json
import math
from hashlib import sha256

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.crystal.shipped import shipped_materials
from polyxtal.mechanics.response import loaded_component
from polyxtal.texture.measure import texture_strength
from polyxtal.workflows.inputs.load import LoadSettings
from polyxtal.workflows.inputs.materials import choose_materials
from polyxtal.workflows.predict import write as writing
from polyxtal.workflows.predict.run import PredictionSettings, predict
from polyxtal.workflows.predict.settings import OUTPUT
from polyxtal.workflows.predict.write import write_prediction
from polyxtal.workflows.summary.curve import curve_numbers, elastic_slope

ALLOY = px.load_material("AA6022-T4")
ELASTIC = px.Material("stiff", px.CubicElasticity(166e3, 64e3, 80e3))


def tiny(phases=1):
    generator = torch.Generator().manual_seed(3)
    q = torch.nn.functional.normalize(
        torch.randn(8, 4, generator=generator, dtype=torch.float64), dim=1
    )
    names = ("Al", "Si")[:phases]
    phase = torch.arange(8) % phases
    return px.Polycrystal(torch.arange(8).reshape(2, 2, 2), q, (2.0, 2.0, 2.0), phase, names)


def load_of(increments=3, strain=0.006):
    return px.LoadPath.uniaxial(strain=strain, increments=increments)


def dump_load(path, load):
    path.write_text(json.dumps(load.to_damask()), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A DAMASK case of 2³ voxels, and a load of three increments."""
    folder = tmp_path_factory.mktemp("case")
    px.write(tiny(), folder / "grid.vti", {"Al": ALLOY})
    dump_load(folder / "load.yaml", load_of())
    return folder


@pytest.fixture(scope="module")
def prediction(case):
    settings = PredictionSettings(load=str(case / "load.yaml"), leaves=4, ensemble=2, seed=5)
    return predict(case / "grid.vti", settings)


def test_prediction_is_what_the_network_says(case, prediction):
    rve = px.read(case / "grid.vti")
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=4, seed=5, ensemble=2)
    response = network.respond(ALLOY, load_of())
    assert torch.equal(prediction.stiffness["network"], network.stiffness(ALLOY.elasticity))
    assert torch.equal(prediction.stiffness["voigt"], px.voigt_average(rve, ALLOY.elasticity))
    assert torch.equal(prediction.stiffness["reuss"], px.reuss_average(rve, ALLOY.elasticity))
    assert torch.equal(prediction.stiffness["hill"], px.hill_average(rve, ALLOY.elasticity))
    torch.testing.assert_close(prediction.response.P, response.P, rtol=1e-9, atol=1e-9)
    assert prediction.constants["reuss"] == px.engineering_constants(prediction.stiffness["reuss"])
    start = float(texture_strength(response.orientations[0], response.weights))
    assert prediction.texture.strength_start == pytest.approx(start, abs=1e-12)
    assert prediction.texture.mean_rotation > 0
    assert set(prediction.seconds) == {"read", "stiffness", "response", "baseline"}


def test_baseline_is_taylors(case, prediction):
    response = px.taylor_response(px.read(case / "grid.vti"), ALLOY, load_of())
    torch.testing.assert_close(prediction.baselines["Taylor"].P, response.P, rtol=1e-9, atol=1e-9)
    curve = prediction.baseline_curves["Taylor"]
    assert curve.stress == pytest.approx(float(response.P[-1, 0, 0]))
    voigt = elastic_slope(prediction.stiffness["voigt"], load_of(), "xx")
    assert curve.elastic_slope == pytest.approx(voigt)


def test_progress_counts_every_increment_of_every_network(case):
    reports = []
    settings = PredictionSettings(load=str(case / "load.yaml"), leaves=2, ensemble=2)
    predict(case / "grid.vti", settings, lambda *report: reports.append(report))
    stages = [(stage, total) for stage, done, total, _ in reports if not done]
    assert stages == [("read", 0), ("stiffness", 0), ("response", 6), ("baseline", 3)]
    assert sum(done > 0 for _, done, *_ in reports) == 9


def test_phases_without_plasticity_answer_elastically(tmp_path):
    px.write(tiny(2), tmp_path / "grid.vti", {"Al": ELASTIC, "Si": ELASTIC})
    load = dump_load(tmp_path / "load.yaml", load_of(strain=1e-4))
    answer = predict(tmp_path / "grid.vti", PredictionSettings(load=load, leaves=4, ensemble=1))
    assert set(answer.reading.materials) == {"Al", "Si"}
    assert set(answer.phase.tolist()) == {0, 1}
    assert answer.curve.proof_stress is None
    slope = answer.curve.stress / answer.curve.strain
    assert slope == pytest.approx(answer.curve.elastic_slope, rel=1e-3)
    assert answer.texture.mean_rotation < 1e-3


# --- materials


def test_materials_given_go_before_those_of_the_file(case, tmp_path):
    assert choose_materials(tiny(), case / "grid.vti")["Al"].plasticity == ALLOY.plasticity
    stiff = tmp_path / "stiff"
    stiff.mkdir()
    px.write(tiny(2), stiff / "grid.vti", {"Al": ELASTIC, "Si": ALLOY})
    one = choose_materials(tiny(), case / "grid.vti", [str(stiff / "material.yaml")])
    assert one["Al"].elasticity.c44 == pytest.approx(80e3)
    mixed = choose_materials(tiny(2), stiff / "grid.vti", ["Al=AA6022-T4"])
    assert mixed["Al"].elasticity == ALLOY.elasticity
    assert mixed["Si"].elasticity.c44 == pytest.approx(28.3e3)


def test_material_file_holds_the_grains_of_a_lone_grid(case, tmp_path):
    (tmp_path / "grid.vti").write_bytes((case / "grid.vti").read_bytes())
    settings = PredictionSettings(
        material=(str(case / "material.yaml"),),
        load=str(case / "load.yaml"),
        leaves=2,
        ensemble=1,
    )
    answer = predict(tmp_path / "grid.vti", settings)
    assert torch.equal(answer.rve.orientations, px.read(case / "grid.vti").orientations)
    assert set(answer.inputs) == {"microstructure", "material given", "load"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], r"'crystal' has none; pass --material .*AA6022-T4"),
        (["nosuch"], r"martensite\), but is 'nosuch'"),
        (["Fe=AA6022-T4"], r"each phase \(crystal\) at most once, but names 'Fe'"),
        (["crystal=AA6022-T4", "crystal=AA6022-T4"], r"names 'crystal' again"),
        (["AA6022-T4", "AA6022-T4"], r"must be one name, or PHASE=NAME"),
    ],
)
def test_material_errors(tmp_path, given, sentence):
    rve = px.Polycrystal([[[0]]], [[1, 0, 0, 0]])
    px.write(rve, tmp_path / "grains.npz")
    with pytest.raises(ValueError, match=sentence):
        choose_materials(rve, tmp_path / "grains.npz", given)


def test_grid_written_without_properties_asks_for_a_material(tmp_path):
    px.write(tiny(), tmp_path / "grid.vti")
    with pytest.raises(ValueError, match="'Al' has none; pass --material"):
        choose_materials(tiny(), tmp_path / "grid.vti")


def test_shipped_materials_load():
    assert "AA6022-T4" in shipped_materials()
    for name in shipped_materials():
        assert px.load_material(name).elasticity.bulk_modulus > 0


# --- loads


@pytest.mark.parametrize(
    ("kind", "axis", "same"),
    [
        ("uniaxial", None, px.LoadPath.uniaxial(0.02, 1e-2, "x")),
        ("uniaxial", "z", px.LoadPath.uniaxial(0.02, 1e-2, "z")),
        ("cyclic", "y", px.LoadPath.cyclic(0.02, 1e-2, "y")),
        ("shear", "yz", px.LoadPath.shear(0.02, 1e-2, "yz")),
        ("plane-strain", "xz", px.LoadPath.plane_strain(0.02, 1e-2, "x", "z")),
    ],
)
def test_named_loads(kind, axis, same):
    chosen = LoadSettings(kind, 0.02, 1e-2, axis).load_path()
    assert repr(chosen.steps) == repr(same.steps)  # NaN differs from itself, so compare the print
    assert repr(chosen.steps) != repr(LoadSettings(kind, 0.03, 1e-2, axis).load_path().steps)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"path": "twist"}, "must be one of uniaxial, cyclic, shear, plane-strain"),
        ({"axis": "q"}, "must be 'x', 'y' or 'z', but is 'q'"),
        ({"strain": 0.0}, "must be finite, not zero"),
        ({"strain": math.nan}, "must be finite, not zero"),
        ({"rate": -1.0}, "must be positive and finite"),
        ({"path": "shear", "unload": True}, "only uniaxial unloads"),
        ({"path": "plane-strain", "axis": "z"}, "loaded and the held axis"),
    ],
)
def test_load_errors(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        LoadSettings(**arguments).load_path()


def test_a_load_file_stands_alone(case):
    with pytest.raises(ValueError, match="`load` must stand alone, but `strain` is given"):
        PredictionSettings(load=str(case / "load.yaml"), strain=0.1)


# --- key numbers


def curve(strain, stress):
    n = len(strain)
    f = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
    p = torch.zeros(n, 3, 3, dtype=torch.float64)
    f[:, 1, 1] += torch.tensor(strain, dtype=torch.float64)
    p[:, 1, 1] = torch.tensor(stress, dtype=torch.float64)
    p[:, 0, 0] = 1e4  # held: much stress, no work
    return px.Response(torch.arange(n, dtype=torch.float64), f, p)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_key_numbers_of_a_bilinear_curve(sign):
    stiffness = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3).stiffness()
    slope = px.engineering_constants(stiffness).E_y
    yielded, tangent, end = 1e-3, 1e3, 0.04
    strains = [0.0, yielded, end, end - 1e-3, 0.5 * end]
    stresses = [0.0, slope * yielded, slope * yielded + tangent * (end - yielded), 0.0, -100.0]
    response = curve([sign * e for e in strains], [sign * s for s in stresses])
    load = px.LoadPath.uniaxial(sign * end, axis="y")
    numbers = curve_numbers(response, stiffness, load)
    # The shifted elastic line meets the second branch where both are equal.
    proof = (slope * yielded - tangent * yielded + tangent * 2e-3) / (1 - tangent / slope)
    assert numbers.component == "yy"
    assert numbers.elastic_slope == pytest.approx(slope, rel=1e-9)
    assert numbers.proof_stress == pytest.approx(sign * proof, rel=1e-9)
    assert (numbers.strain, numbers.stress) == pytest.approx((sign * end, sign * stresses[2]))
    assert numbers.hardening == pytest.approx(tangent, rel=1e-9)


def test_elastic_slope_of_shear_is_the_shear_modulus():
    stiffness = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3).stiffness()
    path = px.LoadPath.shear(0.01, plane="xy")
    assert elastic_slope(stiffness, path, "xy") == pytest.approx(28.3e3)
    assert elastic_slope(stiffness, path, "zz") is None


def test_loaded_component_of_shear_is_the_one_that_works():
    f = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    p = torch.zeros(2, 3, 3, dtype=torch.float64)
    f[1, 0, 2], p[1, 0, 2], p[1, 2, 0] = 0.1, 50.0, 70.0
    assert loaded_component(px.Response(torch.tensor([0.0, 1.0]).double(), f, p)) == (0, 2)


# --- files


def test_json_holds_what_was_computed(prediction, case, tmp_path):
    write_prediction(prediction, tmp_path / "out", picture=False)
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    assert content["polyxtal"] == px.__version__
    grid = (case / "grid.vti").read_bytes()
    assert content["inputs"]["microstructure"] == {
        "name": "grid.vti",
        "sha256": sha256(grid).hexdigest(),
    }
    assert set(content["inputs"]) == {"microstructure", "material", "load"}
    assert content["parameters"]["seed"] == 5
    assert content["parameters"]["leaves"] == 4
    for name, stiffness in prediction.stiffness.items():
        assert content["stiffness"][name] == stiffness.tolist()
    assert content["engineering_constants"]["hill"]["E_x"] == prediction.constants["hill"].E_x
    assert repr(px.LoadPath.from_damask(content["load"]).steps) == repr(load_of().steps)
    assert content["curve"]["stress"] == prediction.curve.stress
    assert content["materials"]["Al"]["elasticity"]["c11"] == pytest.approx(107.3e3)


def test_csv_holds_what_was_computed(prediction, tmp_path):
    write_prediction(prediction, tmp_path / "out", picture=False)
    with (tmp_path / "out" / "curve.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header[:4] == ["strain_xx [-]", "stress_xx [MPa]", "time [s]", "F_xx [-]"]
    table = np.loadtxt(tmp_path / "out" / "curve.csv", delimiter=",", skiprows=1)
    response = prediction.response
    assert table.shape == (4, 35)
    assert np.array_equal(table[:, 0], response.strain("xx").numpy())
    assert np.array_equal(table[:, 1], response.stress("xx").numpy())
    assert np.array_equal(table[:, 2], response.time.numpy())
    assert np.array_equal(table[:, 3:12], response.F.reshape(-1, 9).numpy())
    assert np.array_equal(table[:, 12:21], response.P.reshape(-1, 9).numpy())
    assert np.array_equal(table[:, -1], response.equivalent_stress.numpy())
    assert header[-1] == "equivalent_stress [MPa]"
    assert header[13] == "P_xy [MPa]"

    leaves = np.loadtxt(tmp_path / "out" / "orientations.csv", delimiter=",", skiprows=1)
    assert leaves.shape == (8, 10)
    assert leaves[:, 1].sum() == pytest.approx(1)
    assert np.array_equal(leaves[:, 2:6], response.orientations[0].numpy())
    assert np.array_equal(leaves[:, 6:], response.orientations[-1].numpy())


def test_same_input_same_bytes(prediction, case, tmp_path):
    again = predict(case / "grid.vti", prediction.settings)
    write_prediction(prediction, tmp_path / "a", picture=False)
    write_prediction(again, tmp_path / "b", picture=False)
    for name in ("stiffness.json", "curve.csv", "orientations.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_picture_and_baseline(prediction, tmp_path):
    write_prediction(prediction, tmp_path / "new" / "out")
    names = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {
        "stiffness.json",
        "curve.csv",
        "curve-taylor.csv",
        "numbers.csv",
        "orientations.csv",
        "prediction.png",
    }
    assert (tmp_path / "new" / "out" / "prediction.png").read_bytes()[:4] == b"\x89PNG"
    taylor = np.loadtxt(tmp_path / "new" / "out" / "curve-taylor.csv", delimiter=",", skiprows=1)
    assert np.array_equal(taylor[:, 1], prediction.baselines["Taylor"].stress("xx").numpy())


def test_failure_in_the_middle_leaves_nothing(prediction, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "write_orientations", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_prediction(prediction, tmp_path / "out", picture=False)
    assert list(tmp_path.iterdir()) == []


def test_failure_while_replacing_keeps_the_earlier_one(prediction, tmp_path, monkeypatch):
    write_prediction(prediction, tmp_path / "out", picture=False)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(writing, "write_orientations", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_prediction(prediction, tmp_path / "out", force=True, picture=False)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_earlier_prediction_is_replaced_only_by_force(prediction, tmp_path):
    out = tmp_path / "out"
    write_prediction(prediction, out, picture=False)
    (out / "prediction.png").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="pass --force"):
        write_prediction(prediction, out, picture=False)
    assert (out / "prediction.png").exists()
    write_prediction(prediction, out, force=True, picture=False)
    assert not (out / "prediction.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_never_removes_what_no_prediction_wrote(prediction, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"holds 'thesis\.tex'"):
        write_prediction(prediction, tmp_path, force=True, picture=False)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_folder_errors(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is a file"):
        OUTPUT.check(tmp_path / "file")
    with pytest.raises(NotADirectoryError, match="must lie in a folder"):
        OUTPUT.check(tmp_path / "file" / "out")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    with pytest.raises(PermissionError, match="writable, but Permission denied"):
        OUTPUT.check(tmp_path / "out")


def test_default_folder_is_named_after_the_file():
    assert OUTPUT.default("a/b/sample.vti").as_posix() == "out/sample-prediction"


def test_cuts_of_the_network_are_told(case, monkeypatch):
    respond = px.MaterialNetwork.respond

    def cut(*arguments, **options):
        response = respond(*arguments, **options)
        response.statistics["cuts"] = 2.0
        return response

    monkeypatch.setattr(px.MaterialNetwork, "respond", cut)
    settings = PredictionSettings(leaves=4, ensemble=1, taylor=False, load=str(case / "load.yaml"))
    with pytest.warns(UserWarning, match=r"cut into smaller time steps \(2 times\)"):
        prediction = predict(case / "grid.vti", settings)
    assert "2 times" in writing.summary(prediction)["note"]
