"""`polyxtal homogenize`: its numbers, its files, and one sentence for every mistake."""

import csv
import json
import re
from hashlib import sha256

import pytest
import torch
import yaml
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.files.yaml import read_yaml
from polyxtal.workflows.homogenize import write as writing
from polyxtal.workflows.homogenize.run import HomogenizationSettings, homogenize
from polyxtal.workflows.inputs.materials import choose_elasticity

COPPER = px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
STIFF = px.CubicElasticity(500e3, 120e3, 160e3)
FILES = {"homogenization.json", "stiffness.csv", "constants.csv", "young_modulus.png"}
MODELS = ["full_field", "reuss", "hill", "voigt"]


def polycrystal(phases=("Cu",)):
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(6, (4, 3, 5), generator=generator)
    phase = torch.arange(6) % len(phases)
    return px.Polycrystal(ids, random_quaternions(6, 2), (4.0, 3.0, 5.0), phase, phases)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A DAMASK case of one phase, and a file of two phases without properties."""
    folder = tmp_path_factory.mktemp("case")
    px.write(polycrystal(), folder / "grid.vti", {"Cu": px.Material("Cu", COPPER)})
    px.write(polycrystal(("Cu", "X")), folder / "two.npz")
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, ["homogenize", *map(str, arguments)])


def run(case, out, *more, file="grid.vti"):
    return invoke(case / file, "--out", out, "--no-picture", *more)


def load(out):
    return json.loads((out / "homogenization.json").read_text(encoding="utf-8"))


def full_field(out):
    return torch.tensor(load(out)["stiffness"]["full_field"], dtype=torch.float64)


def other_law(case, folder, **phase):
    """Copy the case with another plasticity law, and other keys of its phase."""
    folder.mkdir()
    text = (case / "grid.vti").read_bytes()
    (folder / "grid.vti").write_bytes(text)
    document = yaml.safe_load((case / "material.yaml").read_text(encoding="utf-8"))
    document["phase"]["Cu"]["mechanical"]["plastic"] = {"type": "dislotwin", "rho_mob_0": [1e12]}
    document["phase"]["Cu"] |= phase
    (folder / "material.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder


def test_any_plasticity_law_has_a_stiffness_and_is_kept_by_convert(case, tmp_path):
    other = other_law(case, tmp_path / "other", damage={"type": "isobrittle"})
    assert run(case, tmp_path / "a").exit_code == 0
    result = run(other, tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert torch.equal(full_field(tmp_path / "a"), full_field(tmp_path / "b"))
    file = f"Cu={other / 'material.yaml'}"
    assert run(case, tmp_path / "c", "--material", file).exit_code == 0
    assert torch.equal(full_field(tmp_path / "a"), full_field(tmp_path / "c"))
    (tmp_path / "new").mkdir()
    command = ["convert", str(other / "grid.vti"), str(tmp_path / "new" / "grid.vti")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "without properties" not in result.stdout
    before, after = (read_yaml(f / "material.yaml")["phase"] for f in (other, tmp_path / "new"))
    assert before == after


@pytest.mark.parametrize("options", [["--elastic", "168,121,75"], ["--material", "AA6022-T4"]])
def test_a_lattice_of_the_file_is_kept_to(case, tmp_path, options):
    elastic = {"type": "Hooke", "C_11": 162e9, "C_12": 92e9, "C_13": 69e9, "C_33": 181e9}
    mechanical = {"elastic": elastic | {"C_44": 47e9}}
    titanium = {"lattice": "hP", "c/a": 1.587, "mechanical": mechanical}
    other = other_law(case, tmp_path / "other", **titanium)
    assert run(other, tmp_path / "a").exit_code == 0
    result = run(other, tmp_path / "b", *options)
    assert result.exit_code == 2
    assert "hexagonal" in result.stderr
    assert "cubic" in result.stderr


def test_stiffness_is_printed_and_written(case, tmp_path):
    out = tmp_path / "out"
    result = run(case, out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == FILES - {"young_modulus.png"}
    rve, (material,) = (
        px.read(case / "grid.vti"),
        px.load_materials(case / "material.yaml").values(),
    )
    elasticity = material.elasticity
    expected = {
        "full_field": px.homogenize(rve, elasticity).stiffness,
        "reuss": px.reuss_average(rve, elasticity),
        "hill": px.hill_average(rve, elasticity),
        "voigt": px.voigt_average(rve, elasticity),
    }
    content = load(out)
    assert content["polyxtal"] == px.__version__
    assert content["units"]["stiffness"] == content["units"]["stiffness_voigt_notation"] == "MPa"
    assert content["inputs"]["microstructure"]["sha256"] == (
        sha256((case / "grid.vti").read_bytes()).hexdigest()
    )
    assert set(content["inputs"]) == {"microstructure", "material"}
    assert list(content["stiffness"]) == MODELS
    for name, stiffness in expected.items():
        assert content["stiffness"][name] == stiffness.tolist()
        voigt = content["stiffness_voigt_notation"][name]
        assert voigt[0][1] == float(stiffness[0, 1])
        assert voigt[3][3] == pytest.approx(float(stiffness[3, 3]) / 2)
        assert voigt[0][3] == pytest.approx(float(stiffness[0, 3]) / 2**0.5)
        constants = px.engineering_constants(stiffness)
        assert content["engineering_constants"][name]["E_y"] == constants.E_y
    full, hill = expected["full_field"], expected["hill"]
    distance = float((hill - full).norm() / full.norm())
    assert set(content["distance_from_full_field"]) == {"reuss", "hill", "voigt"}
    assert content["distance_from_full_field"]["hill"] == pytest.approx(distance)
    for text in (
        f"{float(full[0, 0]) / 1e3:.2f}",
        f"{float(full[3, 3]) / 2e3:.3f}",
        f"{float(hill[2, 2]) / 1e3:.3f}",
        f"{100 * distance:.2g} %",
        f"{px.engineering_constants(full).nu_xy:.4f}",
        f"{content['solver']['iterations']} iterations, residual ",
        "Voigt notation",
    ):
        assert text in result.stdout
    assert result.stdout.rstrip().endswith(f"Written to {out}")


def test_tables_hold_the_same_numbers(case, tmp_path):
    assert run(case, tmp_path / "out").exit_code == 0
    content = load(tmp_path / "out")
    with (tmp_path / "out" / "stiffness.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["notation", "row", "column", *(f"{model} [MPa]" for model in MODELS)]
    assert len(rows) == 72
    for notation, row, column, *values in rows:
        key = {"Mandel": "stiffness", "Voigt": "stiffness_voigt_notation"}[notation]
        for model, value in zip(MODELS, values, strict=True):
            assert float(value) == content[key][model][int(row) - 1][int(column) - 1]
    with (tmp_path / "out" / "constants.csv").open(encoding="utf-8") as file:
        constants = list(csv.DictReader(file))
    assert {(row["constant"], row["unit"]) for row in constants} >= {("E_x", "MPa"), ("nu_xy", "-")}
    for row in constants:
        for model in MODELS:
            assert float(row[model]) == content["engineering_constants"][model][row["constant"]]


def test_options_reach_the_solver(case, tmp_path):
    assert run(case, tmp_path / "a", "--scheme", "rotated", "--tol", "1e-8").exit_code == 0
    rve = px.read(case / "grid.vti")
    (material,) = px.load_materials(case / "material.yaml").values()
    rotated = px.homogenize(rve, material.elasticity, 1e-8, scheme="rotated")
    assert torch.equal(full_field(tmp_path / "a"), rotated.stiffness)
    assert load(tmp_path / "a")["solver"]["residual"] <= 1e-8
    assert run(case, tmp_path / "b", "--float32").exit_code == 0
    single = px.homogenize(rve, material.elasticity, dtype=torch.float32)
    double = px.homogenize(rve, material.elasticity)
    assert torch.equal(full_field(tmp_path / "b"), single.stiffness)
    assert not torch.equal(single.stiffness, double.stiffness)
    parameters = load(tmp_path / "a")["parameters"] | {"float32": True}
    assert parameters == {
        "material": [],
        "elastic": [],
        "scheme": "rotated",
        "tol": 1e-8,
        "float32": True,
        "max_iterations": 1000,
        "ebsd": {
            "frame": None,
            "threshold": None,
            "exclude": [],
            "volume": None,
            "volume_seed": 0,
            "max_filled": None,
            "section_spacing": None,
            "align": True,
            "container": None,
            "array": None,
            "grains": None,
            "grid": None,
            "increment": None,
            "aspect": None,
        },
    }


def test_elastic_constants_are_in_gigapascals(case, tmp_path):
    assert run(case, tmp_path / "out", "--elastic", "168.4,121.4,75.4").exit_code == 0
    expected = px.homogenize(px.read(case / "grid.vti"), COPPER).stiffness
    torch.testing.assert_close(full_field(tmp_path / "out"), expected, rtol=1e-12, atol=1e-9)


def test_units_are_in_the_names_of_options(case, tmp_path):
    """In Python, constants are in MPa and angles in radians; here, the name says otherwise."""
    shown = " ".join(CliRunner().invoke(app, ["homogenize", "--help"]).stdout.split())
    for name in ("--elastic-gpa", "--threshold-deg", "GPA", "DEGREES"):
        assert name in shown
    found = []
    for name in ("--elastic-gpa", "--elastic"):  # the name before it stays
        assert run(case, tmp_path / name, name, "168.4,121.4,75.4").exit_code == 0
        found.append((tmp_path / name / "stiffness.csv").read_bytes())
    assert found[0] == found[1]
    for name in ("--threshold-deg", "--threshold"):
        result = run(case, tmp_path / "out", name, "70")
        check_error(result, "--threshold-deg must be above 0 and at most 62 degrees, but is 70")


def test_phases_are_told_apart(case, tmp_path):
    entries = ("--elastic", "X=500,120,160", "--elastic", "Cu=168.4,121.4,75.4")
    result = run(case, tmp_path / "out", *entries, file="two.npz")
    assert result.exit_code == 0, result.output
    rve = px.read(case / "two.npz")
    expected = px.homogenize(rve, {"Cu": COPPER, "X": STIFF}).stiffness
    torch.testing.assert_close(full_field(tmp_path / "out"), expected, rtol=1e-12, atol=1e-9)
    materials = ("--material", "X=AA6022-T4", "--material", f"Cu={case / 'material.yaml'}")
    assert run(case, tmp_path / "named", *materials, file="two.npz").exit_code == 0
    alloy = px.load_material("AA6022-T4").elasticity
    expected = px.homogenize(rve, {"Cu": COPPER, "X": alloy}).stiffness
    torch.testing.assert_close(full_field(tmp_path / "named"), expected, rtol=1e-12, atol=1e-9)
    assert set(load(tmp_path / "named")["inputs"]) == {"microstructure", "material of Cu"}


ENTRIES = {
    "hexagonal": ("162.5,91.8,68.9,180.6,46.8", Elasticity.hexagonal),
    "tetragonal": ("72.6,59.4,35.8,88.8,22.2,24.1", Elasticity.tetragonal),
    "trigonal": ("86.8,7,11.9,-18,105.8,58.2", Elasticity.trigonal),
    "orthorhombic": ("320.5,196.5,233.5,68.1,71.6,76.8,64,77,78.7", Elasticity.orthotropic),
}


@pytest.mark.parametrize("symmetry", ENTRIES)
def test_constants_of_any_symmetry(case, tmp_path, symmetry):
    numbers, build = ENTRIES[symmetry]
    entries = ("--elastic", f"X={symmetry}:{numbers}", "--elastic", "Cu=cubic:168.4,121.4,75.4")
    result = run(case, tmp_path / "out", *entries, file="two.npz")
    assert result.exit_code == 0, result.output
    crystal = build(*(1e3 * float(number) for number in numbers.split(",")))
    expected = px.homogenize(px.read(case / "two.npz"), {"Cu": COPPER, "X": crystal}).stiffness
    torch.testing.assert_close(full_field(tmp_path / "out"), expected, rtol=1e-12, atol=1e-8)
    content = load(tmp_path / "out")["materials"]
    assert content["Cu"]["elasticity"] == {
        "symmetry": "cubic",
        "c11": pytest.approx(168.4e3),
        "c12": pytest.approx(121.4e3),
        "c44": pytest.approx(75.4e3),
    }
    written = content["X"]["elasticity"]
    assert written.pop("symmetry") == symmetry
    assert list(written.values()) == pytest.approx([1e3 * float(x) for x in numbers.split(",")])
    assert list(written)[:2] == ["c11", "c22" if symmetry == "orthorhombic" else "c12"]


def test_constants_must_have_the_symmetry_of_the_lattice():
    cubic = polycrystal(("Ti",))
    lattice = px.Lattice("hP", 1.587)
    rve = px.Polycrystal(cubic.grain_id, cubic.orientations, phase_names=("Ti",), lattices=lattice)
    with pytest.raises(ValueError, match=r"'Ti' is hexagonal \(6/mmm\), but .* are cubic \(m-3m\)"):
        choose_elasticity(rve, ["168.4,121.4,75.4"])
    chosen = choose_elasticity(rve, ["hexagonal:162.5,91.8,68.9,180.6,46.8"])
    assert chosen["Ti"].lattice == lattice
    unknown = choose_elasticity(cubic, ["hexagonal:162.5,91.8,68.9,180.6,46.8"])
    assert unknown["Ti"].lattice.laue_group.name == "6/mmm"


def test_picture_is_drawn_unless_refused(case, tmp_path):
    assert invoke(case / "grid.vti", "--out", tmp_path / "out").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert (tmp_path / "out" / "young_modulus.png").stat().st_size > 10_000


def test_default_folder(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert invoke(case / "grid.vti", "--no-picture").exit_code == 0
    assert (tmp_path / "out" / "grid-homogenization" / "homogenization.json").is_file()


def test_progress_shows_on_a_terminal_only(case, tmp_path, monkeypatch):
    assert run(case, tmp_path / "a").stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run(case, tmp_path / "b").stderr
    for text in ("read", "full field", "baselines", "write"):
        assert text in shown


def test_iterations_are_counted_by_case(case):
    told = []
    answer = homogenize(case / "grid.vti", None, lambda *report: told.append(report))
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    assert stages == ["read", "full field", "baselines"]
    assert set(answer.seconds) == set(stages)
    form = r"load case (\d+), iteration (\d+), residual (\S+)"
    found = [re.fullmatch(form, note) for _, done, _, note in told if done]
    calls = [(int(one[1]), int(one[2]), float(one[3])) for one in found]
    cases = sorted({case for case, _, _ in calls})
    assert cases == [1, 2, 3, 4, 5]
    ends = []
    for case_number in cases:
        own = [(iteration, residual) for c, iteration, residual in calls if c == case_number]
        assert [iteration for iteration, _ in own] == list(range(1, len(own) + 1))
        assert all(residual > 1e-6 for _, residual in own[:-1])
        ends.append(own[-1])
    assert max(iteration for iteration, _ in ends) == answer.result.iterations
    largest = max(residual for _, residual in ends)
    assert largest == pytest.approx(answer.result.residual, rel=0.06)
    assert answer.result.residual <= 1e-6


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--material", "unobtainium"), "beta-Sn, ferrite, martensite), but is 'unobtainium'"),
        (("--elastic", "168,121"), "three numbers C11,C12,C44 [GPa], such as 107.3"),
        (("--elastic", "a,b,c"), "but is 'a,b,c'"),
        (("--elastic", "100,120,75"), "A stable cubic crystal must have"),
        (("--elastic", "Fe=1,0,1"), "each phase (Cu) at most once, but names 'Fe'"),
        (("--elastic", "1,0,1", "--elastic", "2,0,1"), "must be one set of constants, or PHASE="),
        (("--elastic", "3,1,1", "--material", "AA6022-T4"), "--elastic-gpa must stand alone, but"),
        (("--elastic", "hexagonal:162,92,69,181"), "must be hexagonal:C11,C12,C13,C33,C44 [GPa]"),
        (("--elastic", "hexagonal:162,92,69,181,x"), "but is 'hexagonal:162,92,69,181,x'"),
        (("--elastic", "hexagonal:1,2,0,1,1"), "must have a positive definite stiffness"),
        (("--elastic", "hcp:162,92,69,181,47"), "must name one of cubic, hexagonal, tetragonal, "),
        (("--elastic", "cubic:3,1"), "three numbers C11,C12,C44 [GPa], such as 107.3"),
        (("--scheme", "spectral"), "--scheme must be one of"),
        (("--tol", "0"), "--tol must be between 0 and 1, but is 0"),
        (("--tol", "nan"), "--tol must be between 0 and 1, but is nan"),
        (("--max-iterations", "0"), "--max-iterations must be at least 1, but is 0"),
    ],
)
def test_option_errors(case, tmp_path, options, sentence):
    check_error(run(case, tmp_path / "out", *options), sentence)
    assert list(tmp_path.iterdir()) == []


def test_every_phase_must_be_known(case, tmp_path):
    out = tmp_path / "out"
    check_error(run(case, out, file="two.npz"), "'Cu' has none; pass --material")
    lacking = ("--elastic", "Cu=168.4,121.4,75.4")
    check_error(run(case, out, *lacking, file="two.npz"), "every phase (Cu, X), but 'X' has none")
    check_error(run(case, out, file="missing.vti"), "missing.vti: No such file")


def test_no_convergence_has_its_own_exit_code(case, tmp_path):
    result = run(case, tmp_path / "out", "--max-iterations", 1)
    check_error(result, "must hold to 1e-06, but after 1 iterations", code=3, shown=True)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_result_is_replaced_only_by_force(case, tmp_path):
    out = tmp_path / "out"
    assert run(case, out, "--tol", "1e-3").exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    check_error(run(case, out), "pass --force to replace an earlier homogenization")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(case, out, "--force").exit_code == 0
    assert load(out)["parameters"]["tol"] == 1e-6
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (out / "thesis.tex").write_text("years of work")
    check_error(run(case, out, "--force"), "but holds 'thesis.tex'")


def test_failure_while_replacing_keeps_the_earlier_one(case, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run(case, out, "--tol", "1e-3").exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(writing, "_write_constants", lambda *_: 1 / 0)
    answer = homogenize(case / "grid.vti")
    with pytest.raises(ZeroDivisionError):
        writing.write_homogenization(answer, out, force=True, picture=False)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_same_input_same_bytes(case, tmp_path):
    for name in ("a", "b"):
        assert run(case, tmp_path / name).exit_code == 0
    for name in FILES - {"young_modulus.png"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_debug_shows_where(case, tmp_path):
    result = run(case, tmp_path / "out", "--tol", "2", "--debug")
    assert isinstance(result.exception, ValueError)
    with pytest.raises(ValueError, match="must stand alone"):
        HomogenizationSettings(material=("AA6022-T4",), elastic=("3,1,1",))


def check_error(result, sentence, code=2, shown=False):
    """One sentence on the error stream, on the other at most the input, no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert (result.stdout.split()[:1] == ["Input"]) if shown else (result.stdout == "")
    assert result.stderr.startswith("Error: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
