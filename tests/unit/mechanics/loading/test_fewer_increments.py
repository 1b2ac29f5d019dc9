"""The same load in fewer increments."""

from __future__ import annotations

import numpy as np
import pytest

import polyxtal as px
from polyxtal.mechanics.loading.fewer_increments import fewer_increments

PATHS = {
    "tension": px.LoadPath.uniaxial(0.03, unload=True),
    "cycle": px.LoadPath.cyclic(0.01),
    "shear": px.LoadPath.shear(0.04, rate=1e-2),
    "given": px.LoadPath.uniaxial(0.03, increments=3),
}


def lengths(path: px.LoadPath) -> list[np.ndarray]:
    return [step.time_increments() for step in path]


@pytest.mark.parametrize("name", PATHS)
def test_steps_and_durations_stay_and_increments_are_bounded(name):
    path = PATHS[name]
    found = fewer_increments(path, 2.5e-3)
    rate = 1e-2 if name == "shear" else 1e-3
    for before, after in zip(path, found, strict=True):
        assert after.increments == len(after.time_increments())
        np.testing.assert_allclose(after.time_increments().sum(), before.duration, rtol=1e-12)
        np.testing.assert_array_equal(after.deformation, before.deformation)
        np.testing.assert_array_equal(after.stress, before.stress)
        if not before.stress_controlled.all():
            assert after.time_increments().max() <= 2.5e-3 / rate * (1 + 1e-9)


def test_increments_grow_from_the_first_of_each_load():
    first, second, third = lengths(fewer_increments(PATHS["tension"], 2.5e-3))
    np.testing.assert_allclose(first[:4], [0.2, 0.3, 0.45, 0.675])  # s, at 1e-3 1/s
    assert second[0] == pytest.approx(2.5)  # goes on, does not begin again
    assert third[0] == pytest.approx(0.2)  # unloading is another load
    fewer = sum(map(len, (first, second, third)))
    assert fewer <= PATHS["tension"].increments / 2.5


def test_wanted_times_are_ends_of_increments():
    times = [0.1, 4.0, 5.0, 11.7]
    found = np.concatenate(lengths(fewer_increments(PATHS["tension"], 2.5e-3, times))).cumsum()
    for time in times:
        assert np.abs(found - time).min() < 1e-9
    assert np.diff(found).min() > 1e-3  # no crumbs


def test_knees_keep_the_increments_of_the_path():
    path = px.LoadPath.cyclic(0.01)
    own, found = (np.concatenate(lengths(p)) for p in (path, fewer_increments(path, 2.5e-3)))
    turn = np.searchsorted(own.cumsum(), 10.0 - 1e-9) + 1  # reversal at 1 %
    back = np.searchsorted(found.cumsum(), 10.0 - 1e-9) + 1
    np.testing.assert_allclose(found[back : back + 25], own[turn : turn + 25])  # 0.5 %
    assert found[:back].max() > 5 * own[0]  # not before it
    early = fewer_increments(path, 2.5e-3, [2.0])
    np.testing.assert_allclose(lengths(early)[0][:10], own[:10])  # up to the time that is wanted


def test_a_stress_that_changes_keeps_its_increments_only_where_times_are_wanted():
    creep, unloaded = px.LoadPath.uniaxial_creep(100.0, 1000.0), PATHS["tension"]
    for path, at, time in ((creep, 0, 1.0), (unloaded, 2, 35.0)):
        own = path.steps[at].time_increments()
        np.testing.assert_allclose(lengths(fewer_increments(path, 2.5e-3, [time]))[at], own)
        assert len(lengths(fewer_increments(path, 2.5e-3))[at]) < 0.6 * len(own)
    assert len(lengths(fewer_increments(creep, 2.5e-3, [500.0]))[0]) < 20
    relaxation = px.LoadPath.relaxation(0.01, 1000.0)
    held = lengths(fewer_increments(relaxation, 2.5e-3, [1010.0]))[-1]
    assert len(held) < 0.8 * relaxation.steps[-1].increments
