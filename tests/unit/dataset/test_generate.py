"""Making data sets: the same bytes however they are made, and one sentence when it fails."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.dataset import build as realize_module
from polyxtal.dataset import generate as module
from polyxtal.dataset import parts, workers
from polyxtal.dataset.generate import generate, make_part
from polyxtal.dataset.layout import MARK
from polyxtal.dataset.parts import check_part
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.store import open_dataset

BASE = {
    "count": 7,
    "grid": 6,
    "grains": [3, 8],
    "texture": {"kind": "hull", "resolution": 30},
    "labels": {"constants": [[107300, 60800, 28300]], "sampled": {"count": 1}},
    "part": 2,
}
RECIPE = make_recipe(BASE)
BARE = make_recipe(BASE | {"labels": None})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate") / "whole"
    generate(RECIPE, folder, workers=1)
    return tree(folder)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate") / "bare"
    generate(BARE, folder, workers=1)
    return tree(folder)


def tree(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def whole_parts(folder, recipe=RECIPE):
    return [part for part in range(recipe.parts) if not check_part(folder, recipe, part)]


def test_what_is_told(tmp_path, whole):
    told = []
    done = generate(RECIPE, tmp_path, workers=1, progress=lambda *given: told.append(given))
    assert told == [("RVEs", n, RECIPE.count) for n in (0, 2, 4, 6, 7)]
    assert (done.parts, done.found, done.damaged, done.made) == (4, 0, {}, [0, 1, 2, 3])
    assert done.seconds > 0
    (tmp_path / "parts" / "000002.json").unlink()
    (tmp_path / "parts" / "000001.json").write_text("x")
    told.clear()
    done = generate(RECIPE, tmp_path, workers=1, progress=lambda *given: told.append(given))
    assert [count for _, count, _ in told] == [4, 6, 7]
    assert (done.found, done.made) == (2, [1, 2])
    assert done.damaged == {1: "damaged: 000001.json can not be read"}
    assert generate(RECIPE, tmp_path).made == []
    assert tree(tmp_path) == whole


def test_number_of_threads_does_not_matter(tmp_path, whole):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        generate(RECIPE, tmp_path, workers=1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert tree(tmp_path) == whole


def test_parts_are_made_on_one_thread(monkeypatch):
    seen = []

    def look(*_):
        seen.append(torch.get_num_threads())
        return torch.zeros(2, 6, 6)

    monkeypatch.setattr(module, "label", look)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        make_part(RECIPE, 0)
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 1]


def test_two_processes_make_the_same_bytes(tmp_path, whole):
    done = generate(RECIPE, tmp_path, workers=2)
    assert sorted(done.made) == [0, 1, 2, 3]
    assert tree(tmp_path) == whole


def test_parts_that_do_not_exist():
    for part in (-1, 4):
        with pytest.raises(ValueError, match=f"There are 4 parts, but number {part} was asked"):
            make_part(RECIPE, part)
    assert make_part(BARE, 3) == make_part(BARE.model_dump_json(), 3)


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def test_dask_makes_the_same_bytes(tmp_path, whole, scheduler):
    done = generate(RECIPE, tmp_path, scheduler=scheduler)
    assert sorted(done.made) == [0, 1, 2, 3]
    assert tree(tmp_path) == whole


def test_dask_workers_of_another_version(tmp_path, scheduler, monkeypatch):
    monkeypatch.setattr(workers, "__version__", "9.9")
    with pytest.raises(RuntimeError, match=r"workers must have polyxtal 9\.9, but this has 0\."):
        generate(BARE, tmp_path, scheduler=scheduler)


def test_dask_workers_that_fail(tmp_path, scheduler, monkeypatch):
    monkeypatch.setattr(module, "make_part", diverging)
    with pytest.raises(ConvergenceError, match="RVE 2 of the data set: no"):
        generate(BARE, tmp_path, scheduler=scheduler)
    assert whole_parts(tmp_path, BARE) == [0, 2, 3]


def test_dask_without_workers(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
        pytest.raises(RuntimeError, match="the scheduler must have workers, but has none yet"),
    ):
        generate(BARE, tmp_path, scheduler=cluster.scheduler_address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "x://y", "127.0.0.1:x"])
def test_scheduler_that_does_not_answer(tmp_path, monkeypatch, address):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(workers, "PATIENCE", 0.3)
    with pytest.raises(OSError, match="a Dask scheduler must answer there, but does not") as caught:
        generate(BARE, tmp_path, scheduler=address)
    assert str(caught.value).startswith(address)


def test_dask_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(RuntimeError, match="needs Dask, but it is not installed"):
        generate(BARE, tmp_path, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_dask_workers_that_die(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    import dask

    monkeypatch.setattr(module, "make_part", dying)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
        ) as cluster,
        pytest.raises(RuntimeError, match="A worker died while it made part"),
    ):
        generate(BARE, tmp_path, scheduler=cluster.scheduler_address)


def diverging(recipe, part):
    """Stand in for `make_part`, in a worker."""
    if part == 1:
        raise ConvergenceError("RVE 2 of the data set: no.", 0.5)
    return make_part(recipe, part)


def dying(recipe, part):
    if part == 1:
        os._exit(9)
    return make_part(recipe, part)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_only_the_parent_ends_processes():
    """Ctrl-C reaches them at any moment without effect; the parent does not wait for their work."""

    def press(pool):
        for pid in pool.executor._processes:
            os.kill(pid, signal.SIGINT)

    def work_and_stop():
        with workers.processes(1) as pool:
            first = pool.executor.submit(os.getpid)
            press(pool)  # while it starts
            time.sleep(0.5)
            press(pool)
            assert first.result(60) in pool.executor._processes
            press(pool)  # when it is idle
            assert pool.executor.submit(abs, -1).result(60) == 1
            long = pool.executor.submit(time.sleep, 120)
            while not long.running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work_and_stop()
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_failure_in_a_process_lets_the_others_finish(tmp_path, bare, monkeypatch):
    monkeypatch.setattr(module, "make_part", diverging)
    with pytest.raises(ConvergenceError, match=r"^RVE 2 of the data set: no\.$") as caught:
        generate(BARE, tmp_path, workers=2)
    assert caught.value.residual == 0.5
    assert whole_parts(tmp_path, BARE) == [0, 2, 3]
    monkeypatch.undo()
    generate(BARE, tmp_path, workers=1)
    assert tree(tmp_path) == bare


def test_failure_names_the_rve(tmp_path, whole, monkeypatch):
    calls, homogenize = [], realize_module.homogenize

    def fail(*given, **options):
        calls.append(None)
        if len(calls) == 2 * 3 + 2:  # the second crystal of the fourth RVE
            raise ConvergenceError("It must converge, but does not.", 0.5)
        return homogenize(*given, **options)

    monkeypatch.setattr(realize_module, "homogenize", fail)
    with pytest.raises(ConvergenceError, match="RVE 3 of the data set: It must converge"):
        generate(RECIPE, tmp_path, workers=1)
    assert whole_parts(tmp_path) == [0]
    monkeypatch.undo()
    generate(RECIPE, tmp_path, workers=1)
    assert tree(tmp_path) == whole


def test_process_that_dies(tmp_path, bare, monkeypatch):
    monkeypatch.setattr(module, "make_part", dying)
    with pytest.raises(RuntimeError, match=r"A worker died while it made part \d, perhaps for w"):
        generate(BARE, tmp_path, workers=2)
    assert 1 not in whole_parts(tmp_path, BARE)
    monkeypatch.undo()
    generate(BARE, tmp_path, workers=1)
    assert tree(tmp_path) == bare


@pytest.mark.parametrize("number", [1, 4, 11, 13, 19, 24])
@pytest.mark.parametrize("how", ["half", "flush"])
def test_full_disk(tmp_path, bare, monkeypatch, number, how):
    """The n-th file does not fit: what was whole stays, and the rest is made later."""
    calls = []

    def full(act):
        def tried(first, *more):
            calls.append(None)
            if len(calls) == number:
                if how == "half":
                    act(first, more[0][: len(more[0]) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return act(first, *more)

        return tried

    if how == "half":
        monkeypatch.setattr(Path, "write_bytes", full(Path.write_bytes))
    else:
        monkeypatch.setattr(os, "fsync", full(os.fsync))
    with pytest.raises(OSError, match="must be written, but: No space left on device") as caught:
        generate(BARE, tmp_path, workers=1)
    monkeypatch.undo()
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith("Mend that and run the same again.")
    kept = whole_parts(tmp_path, BARE)
    if "part" in said.split("must be written")[0].rsplit(":", 1)[-1]:
        assert f": part {len(kept)} must be written" in said
        assert f"; {len(kept)} of 4 parts are whole." in said
        assert kept == list(range(len(kept)))
    found = tree(tmp_path)
    assert not [path for path in found if parts._temporary(Path(path).name)]
    assert all(bare[path] == data for path, data in found.items())
    done = generate(BARE, tmp_path, workers=1)
    assert done.found == len(kept)
    assert done.damaged == {}  # a record comes after its shards, so nothing looked whole
    assert tree(tmp_path) == bare


def test_two_writers(tmp_path, bare):
    """The second is refused at once, and the first does not notice."""
    reached, go, failures = threading.Event(), threading.Event(), []

    def pause(stage, done, total, note=""):
        if done == 2 * BARE.part:
            reached.set()
            go.wait(60)

    def first():
        try:
            generate(BARE, tmp_path, workers=1, progress=pause)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert reached.wait(60)
        for recipe in (BARE, RECIPE):
            with pytest.raises(BlockingIOError, match="only one process at a time may work"):
                generate(recipe, tmp_path, workers=1)
        assert whole_parts(tmp_path, BARE) == [0, 1]
    finally:
        go.set()
        thread.join()
    assert failures == []
    assert tree(tmp_path) == bare
    assert generate(BARE, tmp_path).made == []  # and the lock is free again


def test_lock_file_of_an_older_version_does_not_matter(tmp_path, bare):
    (tmp_path / ".lock").write_text("4711")
    generate(BARE, tmp_path, workers=1)
    (tmp_path / ".lock").unlink()
    assert tree(tmp_path) == bare


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "`workers` must be at least 1, but is 0"),
        ({"workers": 1, "scheduler": "x"}, "`workers` and `scheduler` must not both be given"),
    ],
)
def test_arguments(tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        generate(BARE, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_folders_of_others(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="must be a folder to write into, but is a file"):
        generate(BARE, tmp_path / "file", workers=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"but holds 'notes\.txt' and no data set"):
        generate(BARE, tmp_path / "full", workers=1)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    (tmp_path / "foreign" / "data.zarr").mkdir(parents=True)
    (tmp_path / "foreign" / "data.zarr" / "zarr.json").write_text('{"attributes": {"a": 1}}')
    with pytest.raises(FileExistsError, match=r"holds 'data\.zarr' and no data set"):
        generate(BARE, tmp_path / "foreign", workers=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "recipe.yaml").write_text("flour: 500 g")
    with pytest.raises(FileExistsError, match=r"holds 'recipe\.yaml' and no data set"):
        generate(BARE, tmp_path / "other", workers=1)
    assert (tmp_path / "other" / "recipe.yaml").read_text() == "flour: 500 g"
    (tmp_path / "other" / "recipe.yaml").write_bytes(MARK + b"flour: 500 g")
    with pytest.raises(ValueError, match=r"recipe\.yaml: field `count` must be given"):
        generate(BARE, tmp_path / "other", workers=1)


def test_another_recipe(tmp_path, bare):
    generate(BARE, tmp_path, workers=1)
    other = make_recipe(BASE | {"labels": None, "seed": 5, "part": 3})
    with pytest.raises(ValueError, match=r"begun with, but `seed` is 0 .* `part` is 2 there and 3"):
        generate(other, tmp_path, workers=1)
    assert tree(tmp_path) == bare


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_folder_that_is_read_only(tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(PermissionError):
        generate(BARE, tmp_path / "out", workers=1)


def test_begun_and_killed_before_the_metadata_were_written(tmp_path, bare):
    for names in (["recipe.yaml"], ["recipe.yaml", "data.zarr/grains/zarr.json"]):
        folder = tmp_path / str(len(names))
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(bare[name])
        generate(BARE, folder, workers=1)
        assert tree(folder) == bare
        assert len(open_dataset(folder)) == 7


def test_the_former_callback_still_works_and_warns(tmp_path):
    told = []
    with pytest.warns(DeprecationWarning, match="`on_part` of `generate` is deprecated"):
        generate(BARE, tmp_path, workers=1, on_part=lambda *given: told.append(given))
    assert told == [(done, BARE.parts) for done in range(BARE.parts + 1)]
