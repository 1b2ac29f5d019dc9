"""`polyxtal generate`: its output, and that a resumed run gives the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import pytest
import yaml
from typer.testing import CliRunner

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.cli import app, console
from polyxtal.dataset import build
from polyxtal.dataset.generate import generate
from polyxtal.dataset.layout import header_files
from polyxtal.dataset.parts import check_part
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.store import open_dataset
from polyxtal.files.run_folder import RunFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

BASE = {
    "count": 5,
    "grid": 6,
    "grains": [3, 8],
    "texture": {"kind": "hull", "resolution": 30},
    "labels": {"constants": [[107300, 60800, 28300]]},
    "part": 2,
}
RECIPE = make_recipe(BASE)


def tree(folder):
    """All files but the picture."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != PICTURE)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


PICTURE = "overview.png"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "whole"
    generate(RECIPE, folder, workers=1)
    return folder


@pytest.fixture
def recipe(tmp_path):
    return write(tmp_path / "recipe.yaml", BASE)


def write(path, content):
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, ["generate", *map(str, arguments)])


def start(*arguments, **options):
    command = [sys.executable, "-m", "polyxtal", "generate", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def records(folder):
    return len(list((folder / "parts").glob("[0-9]*.json"))) if folder.is_dir() else 0


def test_what_is_printed(recipe, tmp_path, whole):
    out = tmp_path / "out"
    result = invoke(recipe, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    made, size, index, c11, picture = result.stdout.splitlines()
    assert made.startswith("Generated 3 of 3 parts in ")
    assert size.startswith("5 RVEs of 6 x 6 x 6 voxels in 0.0 MB: ")
    assert index.startswith("Texture index: median ")
    values = open_dataset(out).read("stiffness")[:, 0, 0, 0] / 1e3
    assert c11 == (
        f"C11 for crystal 1: mean {values.mean():.1f} GPa, "
        f"from {values.min():.1f} to {values.max():.1f}."
    )
    assert picture == f"Figure: {out / PICTURE}"
    assert result.stderr == ""
    image = matplotlib.image.imread(out / PICTURE)
    assert image.shape[0] > 500
    assert image.shape[1] > 900
    assert image[:, :, :3].std() > 0.1
    assert tree(out) == tree(whole)


def test_without_a_picture_and_with_damage(recipe, tmp_path, whole):
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "parts" / "000001.json").write_text("x")
    result = invoke(recipe, "--out", out, "--workers", 1, "--no-picture")
    assert result.exit_code == 0, result.output
    first, second, *_ = result.stdout.splitlines()
    assert first == ("Part 1 was damaged: 000001.json can not be read; regenerated.")
    assert second.startswith("Generated 1 of 3 parts (2 already present) in ")
    assert "Figure" not in result.stdout
    assert not (out / PICTURE).exists()
    assert tree(out) == tree(whole)
    result = invoke(recipe, "--out", out, "--no-picture")
    assert result.stdout.startswith("Generated 0 of 3 parts (3 already present) in ")


def test_without_labels(tmp_path):
    bare = write(tmp_path / "a.yaml", BASE | {"labels": None, "count": 1})
    result = invoke(bare, "--out", tmp_path / "out", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "C11" not in result.stdout
    assert (tmp_path / "out" / PICTURE).stat().st_size > 10_000


def test_progress_is_said_from_time_to_time(recipe, tmp_path, monkeypatch):
    now = 0.0

    def clock():
        nonlocal now
        now += 20.0
        return now

    monkeypatch.setattr(console, "perf_counter", clock)
    result = invoke(recipe, "--out", tmp_path / "out", "--workers", 1, "--no-picture")
    assert result.stderr.splitlines() == [
        "2 of 5 RVEs, 20 s elapsed, 10 s each, 30 s remaining",
        "5 of 5 RVEs, 60 s elapsed, 12 s each, 0 s remaining",
    ]


def check_error(result, sentence, code=2):
    """One sentence on the error stream, after the progress, and no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    *progress, said = result.stderr.splitlines()
    assert all(" RVEs, " in line for line in progress)
    assert said.startswith("Error: ")
    assert sentence in said


def test_mistakes_are_one_sentence(recipe, tmp_path, whole):
    out = tmp_path / "out"
    check_error(invoke(tmp_path / "none.yaml", "--out", out), "none.yaml: No such file")
    check_error(invoke(recipe, "--out", out, "--workers", 0), "--workers must be at least 1")
    both = ("--workers", 1, "--scheduler", "tcp://127.0.0.1:9")
    check_error(invoke(recipe, "--out", out, *both), "must not both be given")
    wrong = write(tmp_path / "wrong.yaml", BASE | {"count": 0})
    check_error(invoke(wrong, "--out", out), "wrong.yaml: field `count` must be greater than")
    assert not out.exists()
    check_error(invoke(recipe, "--out", recipe), "must be a folder to write into, but is a file")
    check_error(invoke(recipe, "--out", tmp_path), "must be new, empty or hold a data set")
    other = write(tmp_path / "other.yaml", BASE | {"seed": 1})
    begun = shutil.copytree(whole, tmp_path / "begun")
    check_error(invoke(other, "--out", begun), "begun with, but `seed` is 0 there and 1 here.")
    with RunFolder(begun, "recipe.yaml", "a data set").lock():
        problem = "only one process at a time may work on a data set, but"
        check_error(invoke(recipe, "--out", begun), problem)
    assert tree(begun) == tree(whole)


def test_no_convergence_has_its_own_exit_code(recipe, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("It must converge, but does not.", 0.5)

    monkeypatch.setattr(build, "homogenize", fail)
    result = invoke(recipe, "--out", tmp_path / "out", "--workers", 1)
    check_error(result, "RVE 0 of the data set: It must converge", code=3)


def test_debug_shows_where(recipe, tmp_path):
    result = invoke(recipe, "--out", tmp_path / "out", "--workers", 0, "--debug")
    assert isinstance(result.exception, ValueError)


def test_limit_on_the_size_of_files(tmp_path):
    """The system refuses to write a shard: one sentence, and what was whole stays."""
    resource = pytest.importorskip("resource")
    content = BASE | {"labels": None, "grid": 14, "grains": [2, 400], "count": 8, "part": 1}
    asked = make_recipe(content)
    direct = tmp_path / "direct"
    generate(asked, direct, workers=1)
    expected = tree(direct)
    largest = [
        max(len(data) for path, data in expected.items() if f"/c/{part}" in path)
        for part in range(asked.parts)
    ]
    limit = max(len(data) for path, data in header_files(asked).items())
    limit = max(limit, *largest[:2])
    fails = next(part for part in range(2, asked.parts) if largest[part] > limit)
    assert fails < asked.parts

    recipe, out = write(tmp_path / "a.yaml", content), tmp_path / "out"
    process = start(
        recipe,
        "--out",
        out,
        "--workers",
        1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stdout == ""
    *_, said = stderr.splitlines()
    assert said == (
        f"Error: {out}: part {fails} must be written, but: File too large; "
        f"{fails} of {asked.parts} parts are whole. Mend that and run the same again."
    )
    whole = [part for part in range(asked.parts) if not check_part(out, asked, part)]
    assert whole == list(range(fails))
    assert all(expected[path] == data for path, data in tree(out).items())
    assert generate(asked, out, workers=1).found == fails
    assert tree(out) == expected


LONG = BASE | {"count": 80, "grid": 8}


def descendants(pid):
    """Processes below one, as /proc tells."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = entry.read_text().split(" ", 1)
            parents[int(number)] = int(rest.rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found, level = [], {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found += level
    return found


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def check_ended(pids, seconds=10):
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(0.05)


def wait_for(process, out, parts):
    deadline = time.monotonic() + 300
    while records(out) < parts:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_again_and_again(tmp_path, kills, content, step):
    """Kill the run `kills` times, then finish it and compare it with an undisturbed one."""
    asked, recipe = make_recipe(content), write(tmp_path / "a.yaml", content)
    direct, out = tmp_path / "direct", tmp_path / "out"
    generate(asked, direct, workers=1)
    chance, there = random.Random(4), []
    for _ in range(kills):
        before = records(out)
        process = start(recipe, "--out", out, "--workers", 2)
        wait_for(process, out, before + chance.randint(1, step))
        time.sleep(chance.uniform(0, 0.05))
        below = descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        there.append(records(out))
        assert before < there[-1] < asked.parts  # in the midst of it
        if Path("/proc/self/stat").exists():
            assert len(below) >= 2
            check_ended(below)
    print(f"killed with {there} of {asked.parts} parts")
    assert all(tree(direct)[path] == data for path, data in tree(out).items() if "/." not in path)
    done = generate(asked, out, workers=1)
    assert done.found >= there[-1]
    assert done.damaged == {}
    assert tree(out) == tree(direct)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")
def test_killed_runs_go_on(tmp_path):
    kill_again_and_again(tmp_path, 3, LONG | {"labels": None}, 5)


@pytest.mark.slow
def test_ten_kills(tmp_path):
    kill_again_and_again(tmp_path, 10, LONG | {"count": 320, "grid": 10}, 12)


def test_interrupted_run_says_how_to_go_on(tmp_path):
    """Ctrl-C in a terminal reaches all processes: nobody writes a traceback."""
    recipe, out = write(tmp_path / "a.yaml", LONG | {"count": 1000}), tmp_path / "out"
    process = start(recipe, "--out", out, "--workers", 2, start_new_session=True)
    wait_for(process, out, 1)
    below = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    *progress, said = stderr.splitlines()
    assert all(" of 1000 RVEs, " in line for line in progress)
    assert said == "Interrupted; completed parts are kept. Rerun the same command to resume."
    check_ended(below)
    assert records(out) >= 1
    assert not [path for path in tree(out) if "/." in path]
