"""Runs that are killed, or meet a full disk, end like undisturbed ones once they are repeated."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from places import ROOT
from tiny_runs import command_line, digest, environment, moments, tiny_runs

pytestmark = pytest.mark.slow
KILLS = 10
FULL_DISK = ROOT / "tests" / "support" / "full_disk.py"
KINDS = ("generate", "simulate", "pretrain", "finetune", "property", "paper")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tiny_runs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def elsewhere():
    """A temporary folder on another file system than the output, where there is one."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_runs_end_as_undisturbed_ones(runs, kind, elsewhere, tmp_path):
    run, env = runs[kind], environment(elsewhere)
    options = {"env": env, "cwd": tmp_path, "capture_output": True, "text": True}
    for out in ("warm-up", "whole"):  # the first one compiles
        started = time.monotonic()
        subprocess.run(command_line(run, tmp_path / out), check=True, **options)
    seconds = time.monotonic() - started
    expected = digest(kind, tmp_path / "whole")
    killed = 0
    for number, moment in enumerate(moments(seconds, KILLS, seed=len(kind))):
        out = tmp_path / f"killed-{number}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command_line(run, out), env=env, cwd=tmp_path, **quiet)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        again = subprocess.run(command_line(run, out), **options)
        assert again.returncode == 0, (kind, moment, again.stderr)
        assert digest(kind, out) == expected, (kind, moment)
        shutil.rmtree(out)
    print(f"{kind}: {killed} of {KILLS} runs of {seconds:.1f} s killed, all as undisturbed")
    assert killed > KILLS / 2
    # A finished run may be repeated.
    done = subprocess.run(command_line(run, tmp_path / "whole"), **options)
    assert done.returncode == 0, done.stderr
    assert digest(kind, tmp_path / "whole") == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_one_sentence_and_the_run_resumes(runs, kind, tmp_path):
    """Sizes of the disk from nearly nothing to nearly enough; then room is made."""
    allowed = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path], capture_output=True
    )
    if allowed.returncode:
        pytest.skip("small file systems cannot be mounted here")
    run, env = runs[kind], environment(tmp_path)
    whole = tmp_path / "whole"
    subprocess.run(command_line(run, whole), env=env, check=True, capture_output=True)
    size = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file())
    full = 0
    for share in (0.02, 0.2, 0.5, 0.8, 0.95):
        disk = tmp_path / f"disk-{share}"
        disk.mkdir()
        given = [kind, str(disk), str(int(share * size) + 8192)]
        result = subprocess.run(
            ["unshare", "-rm", sys.executable, str(FULL_DISK), *given],
            input="\0".join(run),
            env=env,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, (kind, share, result.stdout, result.stderr)
        full += "full" in result.stdout
        assert result.stdout.split()[-1] == digest(kind, whole), (kind, share)
    print(f"{kind}: {full} of 5 runs met a full disk, all ended as undisturbed")
    assert full >= 3
