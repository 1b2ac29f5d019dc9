"""A simulation that was stopped ends like one that was not; foreign files are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.mechanics.fullfield import checkpoint as checkpoint_module
from polyxtal.microstructure.io.vti import read_image

ALUMINIUM = px.load_material("AA6022-T4")
PATH = px.LoadPath.uniaxial(0.006, increments=12, unload=True)


def polycrystal(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return px.Polycrystal(
        torch.randint(6, (4, 5, 3), generator=generator), random_quaternions(6, generator)
    )


class Stop(Exception):
    """What a test stops a simulation with."""


def stop_after(increments):
    left = [increments]

    def on_increment(_: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Stop

    return on_increment


def replace(file: h5py.File, name: str, values: np.ndarray) -> None:
    del file[name]
    file[name] = values


def stopped(file: Path, increments: int, **options) -> None:
    with pytest.raises(Stop):
        px.simulate(
            polycrystal(),
            ALUMINIUM,
            PATH,
            checkpoint=file,
            checkpoint_seconds=0,
            on_increment=stop_after(increments),
            **options,
        )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("increments", [1, 12, 15])  # at the start, at a turn, after it
def test_a_resumed_run_ends_the_same(tmp_path, increments, compiled):
    path = PATH if compiled else px.LoadPath.uniaxial(0.003, increments=3)
    increments = increments if compiled else min(increments, 2)
    whole = px.simulate(polycrystal(), ALUMINIUM, path, compiled=compiled)
    file = tmp_path / "run.h5"
    with pytest.raises(Stop):
        px.simulate(
            polycrystal(),
            ALUMINIUM,
            path,
            compiled=compiled,
            checkpoint=file,
            checkpoint_seconds=0,
            on_increment=stop_after(increments),
        )
    times = []
    resumed = px.simulate(
        polycrystal(),
        ALUMINIUM,
        path,
        compiled=compiled,
        checkpoint=file,
        on_increment=times.append,
    )
    assert len(times) == path.increments - increments + 1
    assert times[0] == float(whole.time[increments])
    for name in ("time", "F", "P", "orientations", "grain_F", "grain_P"):
        torch.testing.assert_close(getattr(resumed, name), getattr(whole, name), rtol=0, atol=1e-10)
    torch.testing.assert_close(resumed.fields.P, whole.fields.P, rtol=0, atol=1e-10)
    assert resumed.statistics == whole.statistics


def test_a_finished_run_is_not_run_again(tmp_path):
    file = tmp_path / "run.h5"
    first = px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file)
    times = []
    again = px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file, on_increment=times.append)
    assert times == [float(first.time[-1])]
    assert again.statistics == first.statistics
    assert torch.equal(again.P, first.P)
    assert torch.equal(again.fields.P, first.fields.P)


@pytest.mark.parametrize(
    "other",
    [
        {"rve": polycrystal(1)},
        {"material": px.load_material("AA6022-T4").elasticity},
        {"path": px.LoadPath.uniaxial(0.007, increments=12, unload=True)},
        {"tol": 1e-5},
        {"scheme": "rotated"},
        {"compiled": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_checkpoint_of_another_simulation_is_refused(tmp_path, other):
    file = tmp_path / "run.h5"
    stopped(file, 2)
    if "material" in other:
        other = {
            "material": px.Material(
                "other",
                other["material"],
                ALUMINIUM.plasticity.__class__(
                    **{**ALUMINIUM.plasticity.__dict__, "slip_resistance_initial": 77.0}
                ),
            )
        }
    arguments = {"rve": polycrystal(), "material": ALUMINIUM, "path": PATH, "checkpoint": file}
    with pytest.raises(ValueError, match=r"run\.h5.*must belong to this simulation"):
        px.simulate(**(arguments | other))


def test_damaged_checkpoints_are_refused(tmp_path):
    file = tmp_path / "run.h5"
    stopped(file, 2)
    whole = file.read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(ValueError, match=match):
            px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file)

    file.write_bytes(whole[: len(whole) // 2])
    refused(r"run\.h5: must be an intact HDF5 file")
    file.write_bytes(b"nothing")
    refused(r"run\.h5: must be an intact HDF5 file")
    for change, match in (
        (lambda f: f["state"].__delitem__("piola"), "must hold 'piola'"),
        (lambda f: f["state/law.tangent"].__setitem__(..., np.nan), "must be finite"),
        (lambda f: replace(f, "state/piola", np.zeros((9, 7))), r"'piola' must be \(9, 60\)"),
        (lambda f: replace(f, "state/piola", np.zeros((9, 60), "f4")), "but is .* of float32"),
        (lambda f: f["state"].create_dataset("huge", (10**12,), "f8", chunks=(1000,)), "not hold"),
        (lambda f: f["state"].__delitem__("predictor.rate.mean"), "predictor/rate/mean"),
        (lambda f: f["state/predictor.lengths"].__setitem__(..., 0), "must be positive"),
        (lambda f: f["state/law.internal"].__setitem__(3, -1), "det F_p > 0"),
        (lambda f: f["history"].__delitem__("grain_P"), "must hold 'grain_P'"),
        (lambda f: f["history/P"].__setitem__(1, np.nan), "must be finite"),
        (lambda f: f["progress"].__delitem__("counts"), "must hold 'counts'"),
        (lambda f: f["progress/counts"].__setitem__(0, np.nan), "must be finite"),
        (lambda f: f["progress/counts"].__setitem__(0, 100), "position"),
        (lambda f: f["progress/time"].__setitem__((), -5.0), "time must be that"),
        (lambda f: f["progress/position"].__setitem__(0, 7), "position"),
        (lambda f: f["progress/position"].__setitem__(1, -3), "position"),
        (lambda f: replace(f, "progress/rate", np.zeros(2)), "'rate' must be"),
        (lambda f: f["progress"].__delitem__("rate"), "must hold the last rate"),
        (lambda f: f.attrs.__setitem__("kind", "else"), "must be a checkpoint"),
        (lambda f: f.attrs.__setitem__("kind", np.arange(3)), "must be a checkpoint"),
    ):
        file.write_bytes(whole)
        with h5py.File(file, "r+") as opened:
            change(opened)
        refused(match)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    file = tmp_path / "run.h5"
    stopped(file, 3)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file, checkpoint_seconds=0)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.h5"]


def test_a_folder_that_does_not_exist_is_found_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder to write into must exist"):
        px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=tmp_path / "no" / "run.h5")


def test_fields_are_written_and_go_on_after_a_stop(tmp_path):
    file, series = tmp_path / "run.h5", tmp_path / "run.vti"
    whole = tmp_path / "whole.vti"
    response = px.simulate(polycrystal(), ALUMINIUM, PATH, fields=whole, fields_every=5)
    stopped(file, 11, fields=series, fields_every=5)
    px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file, fields=series, fields_every=5)
    last = PATH.increments
    names = [f"run_{number:04d}.vti" for number in [*range(5, last, 5), last]]
    assert sorted(entry.name for entry in tmp_path.glob("run_*")) == sorted(set(names))
    for name in names:  # times included
        other = tmp_path / name.replace("run", "whole")
        assert (tmp_path / name).read_bytes() == other.read_bytes()
    snapshot = read_image(tmp_path / names[-1])
    np.testing.assert_allclose(matrices(snapshot, "F"), response.fields.F.numpy(), atol=1e-6)
    mean = matrices(snapshot, "P / MPa").mean((0, 1, 2))
    np.testing.assert_allclose(mean, response.P[-1].numpy(), atol=1e-3)


def matrices(image, name):
    return image.cell_array(name).reshape(*image.grid, 3, 3)


def test_series_of_an_earlier_run_are_replaced_only_on_demand(tmp_path):
    short = px.LoadPath.shear(0.001, increments=1)
    for options in ({}, {"replace": True}):
        px.simulate(polycrystal(), ALUMINIUM, short, fields=tmp_path / "run.vti", **options)
    with pytest.raises(FileExistsError):
        px.simulate(polycrystal(), ALUMINIUM, short, fields=tmp_path / "run.vti")


def snapshots(folder: Path, name: str) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.glob(f"{name}*")}


def test_series_of_other_runs_are_never_touched(tmp_path):
    short = px.LoadPath.shear(0.003, increments=3)
    series, file = tmp_path / "old.vti", tmp_path / "new.h5"
    px.simulate(polycrystal(1), ALUMINIUM, short, fields=series, fields_every=1)
    before = snapshots(tmp_path, "old")
    assert len(before) == 4
    for _ in range(2):  # the refusal leaves nothing behind that makes the next call dangerous
        with pytest.raises(FileExistsError):
            px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file, fields=series)
        assert snapshots(tmp_path, "old") == before
    assert not file.exists()
    # Nor does a simulation that was begun without fields adopt what lies there.
    px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file)
    with pytest.raises(FileExistsError):
        px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file, fields=series)
    assert snapshots(tmp_path, "old") == before
    px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file, fields=series, replace=True)
    assert sorted(snapshots(tmp_path, "old")) == ["old.pvd", "old_0003.vti"]


def test_a_finished_run_still_gives_its_last_fields(tmp_path):
    file = tmp_path / "run.h5"
    short = px.LoadPath.shear(0.002, increments=2)
    response = px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file)
    px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file, fields=tmp_path / "a.vti")
    snapshot = read_image(tmp_path / "a_0002.vti")
    np.testing.assert_allclose(matrices(snapshot, "F"), response.fields.F.numpy(), atol=1e-6)
