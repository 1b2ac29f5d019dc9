"""A simulation that was stopped ends like one that was not; foreign files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.mechanics.fullfield import checkpoint as checkpoint_module
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.checkpoint import time_reached
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


def rewritten(change):
    """Return how to change the arrays and the description of a checkpoint; checksums are new."""

    def rewrite(file: Path) -> None:
        with open_arrays(file) as archive:
            arrays, about = (
                {name: archive.read(name).copy() for name in archive.names},
                archive.about,
            )
        change(arrays, about)
        write_arrays(file, arrays, about)

    return rewrite


def without(name):
    return lambda arrays, about: arrays.pop(name)


def with_values(name, values, *place):
    def change(arrays, about):
        if place:
            arrays[name][place[0]] = values
        else:
            arrays[name] = values

    return change


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
    file = tmp_path / "run.npz"
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
    for name in ("time", "F", "P", "orientations", "grain_F", "grain_P", "grain_slip"):
        torch.testing.assert_close(getattr(resumed, name), getattr(whole, name), rtol=0, atol=1e-10)
    torch.testing.assert_close(resumed.fields.P, whole.fields.P, rtol=0, atol=1e-10)
    assert resumed.statistics == whole.statistics


def test_a_finished_run_is_not_run_again(tmp_path):
    file = tmp_path / "run.npz"
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
    file = tmp_path / "run.npz"
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
    with pytest.raises(ValueError, match=r"run\.npz.*it belongs to another polycrystal"):
        px.simulate(**(arguments | other))


def test_damaged_checkpoints_are_refused(tmp_path):
    file = tmp_path / "run.npz"
    stopped(file, 2)
    whole = file.read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(ValueError, match=match):
            px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file)

    file.write_bytes(whole[: len(whole) // 2])
    refused(r"run\.npz: must be an intact checkpoint, but .* rename run\.previous\.npz to run\.npz")
    file.write_bytes(b"nothing")
    refused(r"run\.npz: must be an intact checkpoint")
    for change, match in (
        (without("state/piola"), "must hold 'piola'"),
        (with_values("state/law/tangent", np.nan, ...), "must be finite"),
        (with_values("state/piola", np.zeros((9, 7))), r"'piola' must be \(9, 60\)"),
        (with_values("state/piola", np.zeros((9, 60), "f4")), "but is .* of float32"),
        (with_values("state/huge", np.zeros(3)), "holds 'huge'"),
        (with_values("other/huge", np.zeros(3)), "holds 'other/huge'"),
        (without("state/predictor/rate/mean"), "predictor/rate/mean"),
        (with_values("state/predictor/lengths", 0, ...), "must be positive"),
        (with_values("state/law/internal", -1, 3), "det F_p > 0"),
        (without("history/grain_P"), "must hold 'grain_P'"),
        (without("history/grain_slip"), "must hold 'grain_slip'"),
        (without("state/law/slip"), "must hold 'law/slip'"),
        (with_values("history/P", np.nan, 1), "must be finite"),
        (without("progress/counts"), "must hold 'counts'"),
        (with_values("progress/counts", np.nan, 0), "must be finite"),
        (with_values("progress/counts", 100, 0), "position"),
        (with_values("progress/time", -5.0, ()), "time must be that"),
        (with_values("progress/position", 7, 0), "position"),
        (with_values("progress/position", -3, 1), "position"),
        (with_values("progress/rate", np.zeros(2)), "'rate' must be"),
        (without("progress/rate"), "must hold the last rate"),
        (lambda _, about: about.update(kind="else"), "it is another file"),
        (lambda _, about: about.update(kind=[1, 2]), "it is another file"),
        (lambda _, about: about.pop("series"), "does not name its series"),
    ):
        file.write_bytes(whole)
        rewritten(change)(file)
        refused(match)


def test_a_flipped_bit_is_refused_and_the_checkpoint_before_is_offered(tmp_path):
    file = tmp_path / "run.npz"
    stopped(file, 3)
    expected = px.simulate(polycrystal(), ALUMINIUM, PATH)
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 4
    file.write_bytes(whole)
    with pytest.raises(ValueError, match=r"checksum .* rename run\.previous\.npz to run\.npz"):
        px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file)
    (tmp_path / "run.previous.npz").rename(file)
    resumed = px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file)
    torch.testing.assert_close(resumed.P, expected.P, rtol=0, atol=1e-10)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    file = tmp_path / "run.npz"
    stopped(file, 3)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module, "write_arrays", full)
    with pytest.raises(OSError, match="No space left"):
        px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=file, checkpoint_seconds=0)
    assert file.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run.npz", "run.previous.npz"]


def test_a_folder_that_does_not_exist_is_found_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder to write into must exist"):
        px.simulate(polycrystal(), ALUMINIUM, PATH, checkpoint=tmp_path / "no" / "run.npz")


def test_fields_are_written_and_go_on_after_a_stop(tmp_path):
    file, series = tmp_path / "run.npz", tmp_path / "run.vti"
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
    np.testing.assert_allclose(matrices(snapshot, "F [-]"), response.fields.F.numpy(), atol=1e-6)
    mean = matrices(snapshot, "P [MPa]").mean((0, 1, 2))
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
    series, file = tmp_path / "old.vti", tmp_path / "new.npz"
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
    file = tmp_path / "run.npz"
    short = px.LoadPath.shear(0.002, increments=2)
    response = px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file)
    px.simulate(polycrystal(), ALUMINIUM, short, checkpoint=file, fields=tmp_path / "a.vti")
    snapshot = read_image(tmp_path / "a_0002.vti")
    np.testing.assert_allclose(matrices(snapshot, "F [-]"), response.fields.F.numpy(), atol=1e-6)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("attempts", [2, 3, 4])
def test_an_interrupted_increment_is_given_up(tmp_path, monkeypatch, attempts, compiled):
    """A hold of the key in an increment that was cut: half of it is reached, and not saved."""
    path = px.LoadPath.uniaxial(0.006, increments=3)
    calls = []

    def attempt(self, dt, control, new_direction):
        calls.append(dt)
        result = whole_attempt(self, dt, control, new_direction)
        if pressed and len(calls) == attempts:
            raise KeyboardInterrupt
        # The second increment fails at first, and is cut.
        return result._replace(converged=result.converged and len(calls) != 2)

    whole_attempt = PeriodicCell.attempt
    monkeypatch.setattr(PeriodicCell, "attempt", attempt)
    options = {"compiled": compiled, "checkpoint": tmp_path / "run.npz"}
    pressed = True
    with pytest.raises(KeyboardInterrupt):
        px.simulate(polycrystal(), ALUMINIUM, path, **options)
    assert time_reached(tmp_path / "run.npz") == pytest.approx(2.0)
    pressed, calls[1:] = False, []
    with pytest.warns(UserWarning, match="were cut"):
        resumed = px.simulate(polycrystal(), ALUMINIUM, path, **options)
    calls.clear()
    with pytest.warns(UserWarning, match="were cut"):
        whole = px.simulate(polycrystal(), ALUMINIUM, path, compiled=compiled)
    assert torch.equal(resumed.P, whole.P)
    assert torch.equal(resumed.orientations, whole.orientations)
    assert resumed.statistics == whole.statistics
