"""The command line: what it prints, what it writes, and one sentence for every mistake."""

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.cli import app
from polyxtal.network.tree import MaterialNetwork


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A DAMASK case of 2³ voxels, and a load of three increments."""
    folder = tmp_path_factory.mktemp("case")
    half = 0.5**0.5
    grains = [[1, 0, 0, 0], [half, half, 0, 0], [half, 0, half, 0], [0.5, 0.5, 0.5, 0.5]]
    rve = px.Polycrystal([[[0, 1], [2, 3]], [[3, 2], [1, 0]]], grains, (2, 2, 2), None, ("Al",))
    px.write(rve, folder / "grid.vti", {"Al": px.load_material("AA6022-T4")})
    load = px.LoadPath.uniaxial(strain=0.006, increments=3).to_damask()
    (folder / "load.yaml").write_text(json.dumps(load), encoding="utf-8")
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def predict(case, out, *more, file="grid.vti"):
    """Run the smallest prediction."""
    load = () if "--no-load" in more else ("--load", case / "load.yaml")
    more = [m for m in more if m != "--no-load"]
    return invoke(
        "predict", case / file, *load, "--leaves", 4, "--ensemble", 1, "--out", out, *more
    )


def test_prediction_is_printed_and_written(case, tmp_path):
    out = tmp_path / "out"
    result = predict(case, out, "--no-picture", "--seed", 2)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "stiffness.json",
        "curve.csv",
        "curve-taylor.csv",
        "numbers.csv",
        "orientations.csv",
    }
    content = json.loads((out / "stiffness.json").read_text(encoding="utf-8"))
    rve = px.read(case / "grid.vti")
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=4, seed=2)
    stiffness = network.stiffness(px.load_material("AA6022-T4").elasticity)
    assert content["stiffness"]["network"] == stiffness.tolist()
    assert content["parameters"]["seed"] == 2
    printed = f"{float(stiffness[0, 0]) / 1e3:.2f}", f"{float(stiffness[3, 3]) / 2e3:.2f}"
    for text in (
        *printed,
        "Voigt notation",
        "0.2 % proof stress",
        "MPa], xx",
        "Taylor",
        "strength",
        "Took",
    ):
        assert text in result.stdout
    assert result.stdout.rstrip().endswith(f"Written to {out}")


def test_options_reach_the_load(case, tmp_path):
    strain = ("--strain", "-0.0004", "--rate", "0.01", "--axis", "z")
    switches = ("--no-load", "--no-picture", "--no-taylor")
    result = predict(case, tmp_path / "out", *switches, *strain)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    assert content["baselines"] == {}
    assert not (tmp_path / "out" / "curve-taylor.csv").exists()
    assert content["curve"]["component"] == "zz"
    assert content["curve"]["strain"] == pytest.approx(-0.0004)
    assert content["load"][0]["boundary_conditions"]["mechanical"]["dot_F"][2][2] == -0.01


def test_picture_is_drawn_unless_refused(case, tmp_path):
    assert predict(case, tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "prediction.png").stat().st_size > 10_000


def test_progress_shows_on_a_terminal_only(case, tmp_path, monkeypatch):
    assert predict(case, tmp_path / "a", "--no-picture").stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = predict(case, tmp_path / "b", "--no-picture").stderr
    for text in ("read", "response, compiling", "baseline", "write"):
        assert text in shown


def test_default_folder(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("--load", case / "load.yaml", "--leaves", 2, "--ensemble", 1, "--no-picture")
    result = invoke("predict", case / "grid.vti", *arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "grid-prediction" / "curve.csv").is_file()


def test_version_and_help():
    assert invoke("--version").stdout == f"polyxtal {px.__version__}\n"
    shown = invoke("predict", "--help").stdout
    for option in ("--material", "--strain", "--load", "--force", "--no-picture"):
        assert option in shown
    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "polyxtal")
    assert script.load() is app


def test_help_lists_every_verb_in_a_line():
    shown = invoke("--help").stdout
    assert [verb for verb in ("predict", "homogenize", "convert") if f"│ {verb} " in shown] == [
        "predict",
        "homogenize",
        "convert",
    ]


def test_help_and_version_answer_without_torch():
    code = (
        "import sys, polyxtal.cli as cli\n"
        "for arguments in (['--help'], ['--version'], ['convert', '--help']):\n"
        "    assert cli.app(arguments, standalone_mode=False) == 0\n"
        "slow = {'torch', 'numba', 'numpy', 'matplotlib', 'scipy', 'h5py'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"polyxtal {px.__version__}" in done.stdout


def test_module_runs_like_the_script():
    command = [sys.executable, "-m", "polyxtal"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"polyxtal {px.__version__}\n"
    done = subprocess.run([*command, "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "No such command 'fly'" in done.stderr


def empty(case, tmp_path):
    (tmp_path / "empty.vti").write_bytes(b"")
    return tmp_path / "empty.vti"


def truncated(case, tmp_path):
    (tmp_path / "cut.vti").write_bytes((case / "grid.vti").read_bytes()[:-200])
    return tmp_path / "cut.vti"


def unknown_key(case, tmp_path):
    text = (case / "material.yaml").read_text(encoding="utf-8").replace("C_12", "C_122")
    (tmp_path / "material.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "grid.vti").write_bytes((case / "grid.vti").read_bytes())
    return tmp_path / "grid.vti"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda case, tmp_path: tmp_path / "missing.vti", "missing.vti: No such file"),
        (lambda case, tmp_path: tmp_path / "grid.stl", "must end in .vti, .hdf5, .dream3d"),
        (empty, "empty.vti: "),
        (truncated, "cut.vti: "),
        (unknown_key, "'C_122' is given (did you mean 'C_12'?)"),
    ],
)
def test_file_errors(case, tmp_path, make, sentence):
    file = make(case, tmp_path)
    result = predict(case, tmp_path / "out", file=file)
    check_error(result, sentence)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--material", "unobtainium"), "martensite), but is 'unobtainium'"),
        (("--no-load", "--axis", "q"), "must be 'x', 'y' or 'z', but is 'q'"),
        (("--no-load", "--strain", "0"), "must be finite, not zero and above -1, but is 0.0"),
        (("--no-load", "--strain", "nan"), "must be finite, not zero and above -1, but is nan"),
        (("--strain", "0.1"), "--load must stand alone, but --strain is given"),
        (("--load", "nosuch.yaml"), "nosuch.yaml: No such file"),
        (("--leaves", "0"), "--leaves must be at least 1"),
        (("--accuracy", "1%"), "--accuracy must be left out with networks"),
    ],
)
def test_option_errors(case, tmp_path, options, sentence):
    check_error(predict(case, tmp_path / "out", *options), sentence)
    assert not (tmp_path / "out").exists()


def test_accuracy_and_time_on_the_command_line(case, tmp_path):
    given = ("predict", case / "grid.vti", "--load", case / "load.yaml", "--no-picture")
    out = tmp_path / "out"
    result = invoke(*given, "--accuracy", "2%", "--time", "1min", "--out", out)
    assert result.exit_code == 0, result.output
    content = json.loads((out / "stiffness.json").read_text(encoding="utf-8"))
    assert content["parameters"]["accuracy"] == 0.02
    assert content["parameters"]["seconds"] == 60.0
    assert content["error"]["largest"] <= 0.02
    for text in ("full field", "Full fields", "error [%]", "with a probability of 90 %"):
        assert text in " ".join(result.stdout.split())
    for options, sentence in (
        (("--accuracy", "0.5"), "--accuracy must be from 0.0001, the tolerance of the full field"),
        (("--accuracy", "half"), "--accuracy must be a number such as 5%, but is 'half'"),
        (("--time", "0s"), "--time must be positive, but is 0"),
        (("--time", "5h"), "--time must be a number such as 5s, but is '5h'"),
    ):
        check_error(invoke(*given, *options, "--out", tmp_path / "b"), sentence)


def test_folder_errors(case, tmp_path):
    (tmp_path / "file").write_text("")
    check_error(predict(case, tmp_path / "file" / "out"), "must lie in a folder")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "curve.csv").write_text("old")
    check_error(predict(case, tmp_path / "out"), "pass --force")
    assert (tmp_path / "out" / "curve.csv").read_text() == "old"
    assert predict(case, tmp_path / "out", "--force", "--no-picture").exit_code == 0
    assert (tmp_path / "out" / "curve.csv").read_text() != "old"


def test_no_convergence_has_its_own_exit_code(case, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("The step must converge, but does not.", 1.0)

    monkeypatch.setattr(MaterialNetwork, "respond", fail)
    check_error(predict(case, tmp_path / "out"), "The step must converge", code=3, shown=True)
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where(case, tmp_path):
    result = predict(case, tmp_path / "out", "--leaves", "0", "--debug")
    assert isinstance(result.exception, ValueError)


def check_error(result, sentence, code=2, shown=False):
    """One sentence on the error stream, on the other at most the input, no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert (result.stdout.split()[:1] == ["Input"]) if shown else (result.stdout == "")
    assert result.stderr.startswith("Error: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
