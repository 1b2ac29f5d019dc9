"""`polyxtal simulate`: its numbers and files, and one sentence for every mistake.

An interrupted run is resumed by the same command and gives the result of an uninterrupted one.
"""

from __future__ import annotations

import csv
import json
import shlex
import signal
import subprocess
import sys
import time
from hashlib import sha256
from xml.etree.ElementTree import parse

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.plain import write_record
from polyxtal.mechanics.fullfield import simulate as engine
from polyxtal.workflows.simulate import folder as run_folder
from polyxtal.workflows.simulate import prepare as preparation
from polyxtal.workflows.simulate import run as workflow

ALLOY = px.load_material("AA6022-T4")
LOAD = px.LoadPath.uniaxial(strain=0.006, increments=3)
COMPILED_TWICE = {"rtol": 1e-8, "atol": 1e-6}
"""Machine code that a process has just compiled rounds otherwise than the stored one that the next
loads, and so changes where the law's solution stops; the same code gives the same bits."""
ALWAYS = {"curve.csv", "phases.csv", "orientations.csv", "grains.npz", "simulation.json"}


def cubes(edge, phases=("Al",)):
    """Eight cubic grains, and a ninth without voxels."""
    half = torch.arange(edge) // (edge // 2)
    ids = 4 * half[:, None, None] + 2 * half[:, None] + half
    phase = torch.zeros(9, dtype=torch.int64)
    phase[2] = len(phases) - 1
    return px.Polycrystal(ids, random_quaternions(9, 3), (float(edge),) * 3, phase, phases)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A DAMASK case of 4³ voxels, one of 8³, a grid with a pore, and a load of three increments."""
    folder = tmp_path_factory.mktemp("case")
    px.write(cubes(4), folder / "grid.vti", {"Al": ALLOY})
    (folder / "large").mkdir()
    px.write(cubes(8), folder / "large" / "grid.vti", {"Al": ALLOY})
    px.write(cubes(4, ("Al", "Pore")), folder / "pore.npz")
    (folder / "load.yaml").write_text(json.dumps(LOAD.to_damask()), encoding="utf-8")
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def run(case, out, *more, file="grid.vti"):
    """Run the smallest simulation."""
    load = ("--load", case / "load.yaml")
    return invoke(case / file, *load, "--no-picture", "--out", out, *more)


def names(folder):
    return {path.name for path in folder.iterdir()}


def summary(folder):
    return json.loads((folder / "simulation.json").read_text(encoding="utf-8"))


def table(path):
    """Read a CSV file of numbers: names of the columns, and rows."""
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    return header, np.array(rows, dtype=np.float64)


def test_numbers_are_printed_and_written(case, tmp_path):
    out = tmp_path / "out"
    result = run(case, out, "--tol", "1e-5")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert names(out) == ALWAYS | {"curve-taylor.csv"}

    rve = px.read(case / "grid.vti")
    truth = px.simulate(rve, ALLOY, LOAD, 1e-5)
    header, rows = table(out / "curve.csv")
    assert header[:3] == ["strain_xx [-]", "stress_xx [MPa]", "time [s]"]
    assert (header[3], header[11], header[12], header[20]) == (
        "F_xx [-]",
        "F_zz [-]",
        "P_xx [MPa]",
        "P_zz [MPa]",
    )
    expected = [truth.F[:, 0, 0] - 1, truth.P[:, 0, 0], truth.time]
    expected += [*truth.F.reshape(-1, 9).T, *truth.P.reshape(-1, 9).T]
    np.testing.assert_allclose(rows[:, :21], torch.stack(expected, 1), rtol=1e-10, atol=1e-10)
    for name in ("true_stress_xx [MPa]", "equivalent_stress [MPa]", "true_strain_xy [-]"):
        measure, _, component = name.partition(" ")[0].rpartition("_")
        whole = component == "stress"
        values = truth.equivalent_stress if whole else getattr(truth, measure)
        values = values if whole else values[:, 0, "xyz".index(component[1])]
        np.testing.assert_allclose(rows[:, header.index(name)], values, rtol=1e-9, atol=1e-9)
    with (out / "phases.csv").open(newline="") as stream:
        phases = list(csv.DictReader(stream))
    assert [row["phase"] for row in phases] == ["Al"] * 4
    slip = [float(phases[-1][f"slip_{number} [-]"]) for number in range(1, 13)]
    np.testing.assert_allclose(slip, truth.phase_slip()["Al"][-1], rtol=1e-4)
    assert float(phases[-1]["P_xx [MPa]"]) == pytest.approx(float(truth.P[-1, 0, 0]), rel=1e-9)
    taylor = px.taylor_response(rve, ALLOY, LOAD)
    header, rows = table(out / "curve-taylor.csv")
    np.testing.assert_allclose(rows[:, 1], taylor.P[:, 0, 0], rtol=1e-10, atol=1e-10)

    with np.load(out / "grains.npz") as grains:
        assert grains["grain"].tolist() == list(range(8))  # the ninth has no voxels
        assert grains["weight"].tolist() == [1 / 8] * 8
        for name, values in (
            ("orientation", truth.orientations),
            ("F", truth.grain_F),
            ("P", truth.grain_P),
        ):
            np.testing.assert_allclose(grains[name], values[:, :8], rtol=1e-9, atol=1e-9)
    header, rows = table(out / "orientations.csv")
    assert header[:4] == ["grain", "phase", "weight [-]", "start_q0 [-]"]
    assert header[-1] == "end_q3 [-]"
    assert rows[:, 0].tolist() == list(range(8))
    np.testing.assert_allclose(rows[:, 3:7], rve.orientations[:8], atol=1e-12)
    np.testing.assert_allclose(rows[:, 7:], truth.orientations[-1, :8], atol=1e-9)

    content = summary(out)
    assert content["polyxtal"] == px.__version__
    assert content["parameters"]["tol"] == 1e-5
    digest = sha256((case / "grid.vti").read_bytes()).hexdigest()
    assert content["inputs"]["microstructure"] == {"name": "grid.vti", "sha256": digest}
    assert content["solver"] == truth.statistics
    stiffness = px.homogenize(rve, ALLOY.elasticity).stiffness
    assert torch.allclose(torch.tensor(content["stiffness"]).double(), stiffness, rtol=1e-4)
    first, last = truth.orientations[0, :8], truth.orientations[-1, :8]
    dot = (first * last).sum(-1).abs().clamp(max=1)  # turns of less than 45° keep the symmetry
    angle = torch.rad2deg(2 * torch.arccos(dot))
    for text in (
        "MPa], xx",
        f"{content['curve']['proof_stress']:.1f}",
        f"{content['baselines']['Taylor']['curve']['proof_stress']:.1f}",
        f"{float(angle.mean()):.2f}°",
        f"{float(angle.max()):.2f}°",
        f"{truth.statistics['iterations']:.0f}",
        f"{truth.statistics['krylov_iterations']:.0f}",
        f"{truth.statistics['residual']:.1e}",
        "wall time",
    ):
        assert text in result.stdout
    assert result.stdout.rstrip().endswith(f"Written to {out}")


def test_picture_is_drawn_unless_refused(case, tmp_path):
    result = invoke(case / "grid.vti", "--load", case / "load.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "simulation.png").stat().st_size > 10_000


def test_cuts_are_told_on_screen_and_in_the_summary(case, tmp_path):
    load = tmp_path / "large.yaml"
    load.write_text(json.dumps(px.LoadPath.uniaxial(0.3, increments=1).to_damask()), "utf-8")
    out = tmp_path / "out"
    result = invoke(case / "grid.vti", "--load", load, "--no-picture", "--no-taylor", "--out", out)
    assert result.exit_code == 0, result.output
    note = summary(out)["note"]
    assert "cut into smaller time steps" in note
    assert f"Warning: {note}" in result.output


def test_options_reach_the_load(case, tmp_path):
    options = ("--strain", "-0.0004", "--rate", "0.01", "--axis", "z", "--no-taylor")
    out = tmp_path / "out"
    result = invoke(case / "grid.vti", "--no-picture", "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert names(out) == ALWAYS
    content = summary(out)
    assert content["baselines"] == {}
    assert content["curve"]["component"] == "zz"
    assert content["curve"]["strain"] == pytest.approx(-0.0004)
    assert content["load"][0]["boundary_conditions"]["mechanical"]["dot_F"][2][2] == -0.01


def test_progress_shows_on_a_terminal(case, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    shown = run(case, tmp_path / "out").stderr
    for text in (
        "read",
        "full field, compiling",
        "baseline",
        "write",
    ):
        assert text in shown


def test_fields_are_written_on_request(case, tmp_path):
    result = run(case, tmp_path / "out", "--fields", "vti", "--fields-every", 2, "--no-taylor")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ALWAYS | {"fields.pvd", "fields_0002.vti", "fields_0003.vti"}
    result = run(case, tmp_path / "out", "--fields", "hdf5", "--force", "--no-taylor")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ALWAYS | {"fields.hdf5"}


def test_voids(case, tmp_path):
    material = ("--material", "Al=AA6022-T4", "--scheme", "rotated")
    result = run(case, tmp_path / "out", *material, "--void", "Pore", file="pore.npz")
    assert result.exit_code == 0, result.output
    assert "The Taylor baseline is omitted: it does not support voids." in result.stdout
    content = summary(tmp_path / "out")
    assert content["materials"]["Pore"] is None
    _, rows = table(tmp_path / "out" / "orientations.csv")
    assert rows[:, 0].tolist() == [0, 1, 3, 4, 5, 6, 7]
    rve = px.read(case / "pore.npz")
    truth = px.simulate(rve, {"Al": ALLOY, "Pore": None}, LOAD, scheme="rotated")
    _, rows = table(tmp_path / "out" / "curve.csv")
    np.testing.assert_allclose(rows[:, 1], truth.P[:, 0, 0], rtol=1e-9, atol=1e-9)
    # The proof stress is measured from the slope of the cell with its void.
    slope = truth.P[1, 0, 0] / (truth.F[1, 0, 0] - 1)
    assert float(slope) < 1.01 * content["curve"]["elastic_slope"] < 70e3
    check_error(run(case, tmp_path / "b", *material, file="pore.npz"), "but 'Pore' has none")
    for void, sentence in (
        (("x",), "must name a phase of the grains (Al, Pore), but is 'x'"),
        (("Al", "Pore"), "must leave a phase that is none, but names Al, Pore"),
    ):
        options = [option for name in void for option in ("--void", name)]
        check_error(run(case, tmp_path / "b", *material, *options, file="pore.npz"), sentence)
    assert not (tmp_path / "b").exists()


def test_killed_run_goes_on_with_the_same_command(case, tmp_path, monkeypatch):
    def arguments(out):
        options = ("--strain", "0.02", "--checkpoint-every", "0", "--no-picture", "--no-taylor")
        fields = ("--fields", "vti", "--fields-every", "15")
        return case / "large" / "grid.vti", *options, *fields, "--out", out

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "polyxtal", "simulate", *map(str, arguments(killed))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while (run_folder.reached(killed) or 0) < 0.9:  # in the midst of it
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert {"unfinished.json", "checkpoint.npz"} <= names(killed)
    assert not ALWAYS & names(killed)
    reached = run_folder.reached(killed)
    assert reached is not None
    assert 0.9 < reached < 20

    times, solve = [], workflow.solve

    def watch(*given, on_increment, **options):
        return solve(*given, on_increment=lambda t: [times.append(t), on_increment(t)], **options)

    monkeypatch.setattr(workflow, "solve", watch)
    again = invoke(*arguments(killed))
    assert again.exit_code == 0, again.output
    assert times[0] == reached  # and nothing before it is computed again
    assert again.stdout.startswith(f"Resuming from t = {reached:.6g} s.\n")
    undisturbed = invoke(*arguments(whole))
    assert undisturbed.exit_code == 0, undisturbed.output
    assert "Resuming" not in undisturbed.stdout
    assert names(killed) == names(whole)
    for name in ("curve.csv", "orientations.csv"):
        (header, rows), (truth_header, truth) = table(killed / name), table(whole / name)
        assert header == truth_header
        np.testing.assert_allclose(rows, truth, **COMPILED_TWICE)
    with np.load(killed / "grains.npz") as grains, np.load(whole / "grains.npz") as truth:
        assert set(grains) == set(truth)
        for name in truth:
            np.testing.assert_allclose(grains[name], truth[name], **COMPILED_TWICE)
    first, second = (
        [entry.attrib for entry in parse(folder / "fields.pvd").iter("DataSet")]
        for folder in (killed, whole)
    )
    assert first == second
    assert len(first) == 3
    content, truth = summary(killed), summary(whole)
    assert content["cost"]["resumed_at"] == reached
    for name in ("increments", "cuts", "iterations"):
        assert content["solver"][name] == truth["solver"][name]
    assert content["solver"]["residual"] == pytest.approx(truth["solver"]["residual"], rel=1e-6)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_a_checkpoint_of_the_last_increment(case, tmp_path, number, code):
    """Long before the next periodic checkpoint, in the midst of an increment."""
    out = tmp_path / "out"
    fields = ("--fields", "vti", "--fields-every", "1")
    options = ("--strain", "0.01", "--checkpoint-every", "10000", "--no-picture", "--no-taylor")
    options = (*options, *fields)
    grid = case / "large" / "grid.vti"
    command = [sys.executable, "-m", "polyxtal", "simulate", str(grid), *options, "--out", str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not list(out.glob("fields_0003.vti")):  # the third increment is finished
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert run_folder.reached(out) == 0
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    reached = run_folder.reached(out)
    assert reached is not None
    assert 0 < reached < 10
    ours = f"polyxtal {shlex.join(command[3:])}"
    assert said.splitlines()[-1] == f"Interrupted; resume from t = {reached:.6g} s with: {ours}"
    again = invoke(*command[4:])
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith(f"Resuming from t = {reached:.6g} s.\n")
    whole = tmp_path / "whole"
    assert invoke(grid, *options, "--out", whole).exit_code == 0
    for name in ("curve.csv", "orientations.csv"):
        (header, rows), (truth_header, truth) = table(out / name), table(whole / name)
        assert header == truth_header
        np.testing.assert_allclose(rows, truth, **COMPILED_TWICE)


@pytest.fixture
def stopped(monkeypatch):
    """Press Ctrl-C after the second increment, whenever the block is entered."""
    solve = workflow.solve

    def stop(*arguments, on_increment, **options):
        def tell(now):
            on_increment(now)
            if now > 3:
                raise KeyboardInterrupt

        return solve(*arguments, on_increment=tell, **options)

    def press():
        monkeypatch.setattr(workflow, "solve", stop)

    def release():
        monkeypatch.setattr(workflow, "solve", solve)

    return press, release


def test_interrupted_run_says_how_to_go_on(case, tmp_path, stopped, monkeypatch):
    press, release = stopped
    out = tmp_path / "out"
    press()
    words = ["simulate", "my grid.vti", "--force", "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["/bin/polyxtal", *words])
    result = run(case, out, "--force")
    assert result.exit_code == 130
    assert result.stdout.split()[0] == "Input"
    # With --force it would start anew.
    assert result.stderr == (
        "Interrupted; resume from t = 4 s with: polyxtal simulate 'my grid.vti' --out out\n"
    )
    checkpoints = {"checkpoint.npz", "checkpoint.previous.npz"}
    assert names(out) == {"unfinished.json", *checkpoints}
    release()
    # How it is computed may change, and files of others stay where they are.
    (out / "notes.txt").write_text("mine")
    (out / f".checkpoint-{12 * 'a'}.npz").write_text("half")
    (out / f".fields-{12 * 'a'}.pvd").write_text("half")
    result = run(case, out, "--no-taylor", "--threads", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Resuming from t = 4 s.\n")
    assert names(out) == ALWAYS | {"notes.txt"}
    _, rows = table(out / "curve.csv")
    truth = px.simulate(px.read(case / "grid.vti"), ALLOY, LOAD)
    np.testing.assert_allclose(rows[:, 1], truth.P[:, 0, 0], rtol=1e-10, atol=1e-10)


def test_wall_time_of_all_runs_is_added_up(case, tmp_path, stopped):
    press, release = stopped
    out = tmp_path / "out"
    press()
    assert run(case, out, "--checkpoint-every", 0).exit_code == 130
    note = json.loads((out / "unfinished.json").read_text(encoding="utf-8"))
    assert 0 < note["seconds"] < 600
    note["seconds"] = 1000.0
    damaged = json.dumps(note)
    (out / "unfinished.json").write_text(damaged, encoding="utf-8")
    check_error(run(case, out), "unfinished.json: must be intact, but its checksum does not match")
    note.pop("sha256")
    write_record(out / "unfinished.json", note)
    assert run(case, out, "--checkpoint-every", 0).exit_code == 130
    note = json.loads((out / "unfinished.json").read_text(encoding="utf-8"))
    assert 1000 < note["seconds"] < 1600
    release()
    assert run(case, out).exit_code == 0
    assert note["seconds"] < summary(out)["cost"]["seconds"]["full field"] < 2000


def test_interrupted_before_the_start_leaves_nothing(case, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "homogenize", interrupt)
    result = run(case, tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == ("Interrupted before anything was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_killed_while_writing_is_unfinished(case, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:

        def die(_):
            raise KeyboardInterrupt

        patch.setattr(run_folder.Run, "finish", die)
        assert run(case, out).exit_code == 130
    assert names(out) >= ALWAYS | {"unfinished.json", "checkpoint.npz"}
    result = run(case, out)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Resuming from t = 6 s.\n")
    assert names(out) == ALWAYS | {"curve-taylor.csv"}


def test_run_without_a_checkpoint_starts_again(case, tmp_path, stopped):
    press, release = stopped
    out = tmp_path / "out"
    options = ("--fields", "vti", "--fields-every", 1, "--no-taylor")
    press()
    assert run(case, out, *options).exit_code == 130
    (out / "checkpoint.npz").unlink()
    release()
    result = run(case, out, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Restarting: the earlier run left no checkpoint.")
    assert len(list(out.glob("fields_*.vti"))) == 3


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--tol", "1e-3"), "tol"),
        (("--scheme", "rotated"), "scheme"),
        (("--fields", "vti"), "fields"),
        (("--material", "soft.yaml"), "material"),
        (("--load", "other.yaml"), "load"),
        (("large/grid.vti",), "polycrystal"),
    ],
)
def test_another_simulation_is_not_gone_on_with(case, tmp_path, monkeypatch, options, part):
    monkeypatch.chdir(case)
    text = (case / "material.yaml").read_text(encoding="utf-8")
    (case / "soft.yaml").write_text(text.replace("76000000.0", "77000000.0"), "utf-8")
    other = px.LoadPath.uniaxial(strain=0.007, increments=3).to_damask()
    (case / "other.yaml").write_text(json.dumps(other), encoding="utf-8")
    load = () if part == "load" else ("--load", "load.yaml")
    file = () if part == "polycrystal" else ("grid.vti",)
    first = preparation.prepare("grid.vti", preparation.SimulationSettings(load="load.yaml"))
    out = tmp_path / "out"
    with run_folder.open_run(out, first.identity()) as started:
        started.checkpoint.write_bytes(b"so that it is kept")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    result = invoke(*file, *load, "--out", out, *options)
    check_error(result, f"of this very simulation, but its {part} is another; pass --force")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_finished_simulation_is_replaced_by_force_only(case, tmp_path):
    out = tmp_path / "out"
    assert run(case, out, "--fields", "vti").exit_code == 0
    before = (out / "simulation.json").read_bytes()
    check_error(run(case, out), "holds a finished one with another fields; pass --force to replace")
    again = run(case, out, "--fields", "vti")
    assert (again.exit_code, again.stderr) == (0, "")
    assert again.stdout.startswith(f"Finished before; the results are in {out}")
    check_error(run(case, out, "--force", "--tol", 2), "--tol must be between 0 and 1")
    check_error(run(case, out, "--force", "--material", "x"), "but is 'x'")
    assert (out / "simulation.json").read_bytes() == before
    (out / "notes.txt").write_text("mine")
    result = run(case, out, "--force", "--tol", "1e-3", "--no-taylor")
    assert result.exit_code == 0, result.output
    assert "Resuming" not in result.stdout
    assert names(out) == ALWAYS | {"notes.txt"}
    assert summary(out)["parameters"]["tol"] == 1e-3


def test_unfinished_simulation_is_replaced_by_force(case, tmp_path, stopped):
    press, release = stopped
    out = tmp_path / "out"
    press()
    assert run(case, out, "--checkpoint-every", 0).exit_code == 130
    release()
    result = run(case, out, "--force", "--tol", "1e-3")
    assert result.exit_code == 0, result.output
    assert "Resuming" not in result.stdout
    assert summary(out)["cost"]["resumed_at"] is None


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("name", ["curve.csv", "simulation.json", "unfinished.json"])
def test_folders_of_others_are_left_alone(case, tmp_path, force, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    result = run(case, tmp_path / "out", *force)
    check_error(result, f"must be new, empty or of an earlier simulation, but holds '{name}'")
    assert (tmp_path / "out" / name).read_text() == "{}"


def test_folder_errors(case, tmp_path):
    (tmp_path / "file").write_text("")
    check_error(run(case, tmp_path / "file"), "must be a folder to write into, but is a file")
    check_error(run(case, tmp_path / "file" / "out"), "must lie in a folder")


def test_only_one_process_runs_in_a_folder(case, tmp_path):
    out = tmp_path / "out"
    settings = preparation.SimulationSettings(load=str(case / "load.yaml"))
    prepared = preparation.prepare(case / "grid.vti", settings)
    with run_folder.open_run(out, prepared.identity()) as other:
        check_error(
            run(case, out),
            "only one process at a time may work on a simulation, but another one is",
        )
        check_error(
            run(case, out, "--force"), "only one process at a time may work on a simulation"
        )
        other.checkpoint.write_bytes(b"")
    check_error(run(case, out), "checkpoint.npz: must be an intact checkpoint, but")
    assert run(case, out, "--force").exit_code == 0


def test_checkpoint_of_another_version_is_refused(case, tmp_path, stopped):
    press, release = stopped
    out = tmp_path / "out"
    press()
    assert run(case, out, "--checkpoint-every", 0).exit_code == 130
    release()
    with open_arrays(out / "checkpoint.npz") as file:
        arrays, about = {name: file.read(name) for name in file.names}, file.about
    write_arrays(out / "checkpoint.npz", arrays, about | {"fingerprint": "another"})
    problem = "it belongs to another polycrystal"
    check_error(run(case, out), problem, starts="Resuming from t = 4 s.\n")
    assert "checkpoint.npz" in names(out)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--material", "unobtainium"), "martensite), but is 'unobtainium'"),
        (("--strain", "0.1"), "--load must stand alone, but --strain is given"),
        (("--load", "nosuch.yaml"), "nosuch.yaml: No such file"),
        (("--tol", "0"), "--tol must be between 0 and 1, but is 0"),
        (("--tol", "nan"), "--tol must be between 0 and 1, but is nan"),
        (("--scheme", "x"), "--scheme must be fourier or rotated, but is 'x'"),
        (("--engine", "x"), "--engine must be polyxtal or damask, but is 'x'"),
        (("--fields", "vtkhdf"), "--fields must be vti or hdf5, but is 'vtkhdf'"),
        (("--fields-every", "2"), "--fields-every must come with --fields"),
        (("--fields", "vti", "--fields-every", "0"), "--fields-every must be at least 1"),
        (("--threads", "0"), "--threads must be 1 to 1024, but is 0"),
        (("--checkpoint-every", "-1"), "must be finite and not negative, but is -1.0"),
        (("--engine", "damask", "--tol", "1e-3"), "--tol must be left out with engine damask"),
        (("--engine", "damask", "--fields", "vti"), "--fields must be left out with engine"),
        (("--engine", "damask"), "must find the program DAMASK_grid on the PATH, but does not"),
    ],
)
def test_option_errors(case, tmp_path, monkeypatch, options, sentence):
    monkeypatch.setattr(preparation, "find_damask", lambda: None)
    check_error(run(case, tmp_path / "out", *options), sentence)
    assert not (tmp_path / "out").exists()


def test_file_errors(case, tmp_path):
    check_error(run(case, tmp_path / "out", file="missing.vti"), "missing.vti: No such file")
    check_error(run(case, tmp_path / "out", file="pore.npz"), "but 'Al' has none; pass --material")
    assert not (tmp_path / "out").exists()


def test_no_convergence_has_its_own_exit_code(case, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("The step must converge, but does not.", 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "solve", fail)
        check_error(run(case, tmp_path / "out"), "The step must converge", code=3, starts="")
        assert list(tmp_path.iterdir()) == []
    # A baseline that fails costs nothing but itself.
    monkeypatch.setattr(workflow, "taylor_response", fail)
    result = run(case, tmp_path / "out")
    assert result.exit_code == 0
    assert "The Taylor baseline is omitted: The step must converge" in result.stdout
    assert names(tmp_path / "out") == ALWAYS


def test_debug_shows_where(case, tmp_path):
    result = run(case, tmp_path / "out", "--threads", 0, "--debug")
    assert isinstance(result.exception, ValueError)


def test_damask_is_given_the_folder(case, tmp_path, monkeypatch):
    """A stand-in for DAMASK answers with Taylor's model, for the grains that have voxels."""

    def stand_in(rve, material, path, *, folder, on_increment):
        folder.mkdir()
        for name in ("grid.vti", "material.yaml", "result.hdf5", "result.sta", "damask.log"):
            (folder / name).write_text("")
        return px.taylor_response(rve, material, path, on_increment)

    monkeypatch.setattr(preparation, "find_damask", lambda: case / "DAMASK_grid")
    monkeypatch.setattr(engine, "simulate_with_damask", stand_in)
    out = tmp_path / "out"
    result = invoke(
        case / "grid.vti", "--load", case / "load.yaml", "--engine", "damask", "--out", out
    )
    assert result.exit_code == 0, result.output
    assert names(out) == ALWAYS - {"phases.csv"} | {"curve-taylor.csv", "simulation.png", "damask"}
    assert (out / "curve.csv").read_bytes() == (out / "curve-taylor.csv").read_bytes()
    with np.load(out / "grains.npz") as grains:
        assert set(grains) == {"time", "grain", "phase", "weight", "orientation"}
        assert grains["orientation"].shape == (4, 8, 4)
    assert run(case, out, "--force").exit_code == 0
    assert names(out) == ALWAYS | {"curve-taylor.csv"}


def check_error(result, sentence, code=2, starts=None):
    """One sentence on the error stream, on the other at most the input, no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    if starts is None:
        assert result.stdout == ""
    else:
        assert result.stdout.startswith(starts)
        assert result.stdout[len(starts) :].split()[0] == "Input"
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
