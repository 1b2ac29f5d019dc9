"""Following a path with a toy that fails on demand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_to_matrix,
    random_quaternions,
    rotational_part,
)
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep
from polyxtal.mechanics.loading.stepper import Stepper, StepResult
from polyxtal.mechanics.loading.stepping import MAX_CUTS, _orientations, cut_note, follow

X = math.nan
RATE = ((1e-3, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
STIFFNESS = 1e4


class Toy:
    """P = k (F - I), component by component; refuses steps that `converges` does not like."""

    def __init__(self, converges: Callable[[float, float], bool] = lambda start, dt: True) -> None:
        self.converges = converges
        self.f = self.trial = np.eye(3)
        self.time = self.dt = 0.0
        self.log: list[tuple[float, bool, bool]] = []

    def attempt(self, dt, control, new_direction) -> StepResult:
        goal, stress_controlled = (
            part.numpy().reshape(3, 3) for part in (control.target, control.stress_controlled)
        )
        accepted = self.converges(self.time, dt)
        self.log.append((dt, bool(new_direction), accepted))
        self.dt = dt
        self.trial = np.where(stress_controlled, np.eye(3) + goal / STIFFNESS, goal)
        return StepResult(accepted, 3, 1e-9 if accepted else 0.5)

    def accept(self) -> None:
        self.f, self.time = self.trial, self.time + self.dt

    def averages(self):
        return self.f, STIFFNESS * (self.f - np.eye(3))

    @property
    def lengths(self) -> list[float]:
        return [dt for dt, _, _ in self.log]


def one_step(increments: int = 1, **changes) -> LoadPath:
    return LoadPath(
        (LoadStep(**({"duration": 8.0, "increments": increments, "deformation": RATE} | changes)),)
    )


def test_the_toy_is_a_stepper():
    assert isinstance(Toy(), Stepper)


def test_an_easy_path_takes_its_own_increments():
    toy, times = Toy(), []
    statistics = follow(one_step(4), toy, times.append)
    assert toy.lengths == [2.0] * 4
    assert times == [2.0, 4.0, 6.0, 8.0]
    assert toy.f[0, 0] == pytest.approx(1.008, rel=1e-15)
    assert statistics == {
        "increments": 4, "steps": 4, "cuts": 0, "iterations": 12, "residual": 1e-9,
    }  # fmt: skip


def test_a_failed_step_is_halved_and_grows_back():
    toy = Toy(lambda start, dt: dt <= 2.0 or start >= 4.0)
    statistics = follow(one_step(), toy)
    # 8 and 4 fail; 2, then 4 fails again; 2; then 4 = the rest in one piece.
    assert [(dt, ok) for dt, _, ok in toy.log] == [
        (8.0, False), (4.0, False), (2.0, True), (4.0, False), (2.0, True), (4.0, True),
    ]  # fmt: skip
    assert statistics["cuts"] == 3
    assert statistics["steps"] == 6
    assert statistics["iterations"] == 18
    assert toy.f[0, 0] == pytest.approx(1.008, rel=1e-15)
    assert toy.time == 8.0


def test_a_cut_of_one_increment_does_not_cut_the_next():
    toy = Toy(lambda start, dt: start >= 4.0 or dt < 4.0)
    follow(one_step(2), toy)
    assert toy.lengths == [4.0, 2.0, 2.0, 4.0]


def test_the_goal_is_reached_exactly_after_cuts():
    target = ((1.1, 0.03, 0.0), (0.0, X, 0.0), (0.0, 0.0, X))
    stress = ((X, X, X), (X, 17.0, X), (X, X, -3.3))
    toy = Toy(lambda start, dt: dt < 0.3)
    follow(one_step(3, deformation=target, deformation_kind="F", stress=stress), toy)
    f, p = toy.averages()
    np.testing.assert_allclose([f[0, 0], f[0, 1], f[1, 0]], [1.1, 0.03, 0.0], rtol=1e-15)
    assert p[1, 1] == pytest.approx(17.0, rel=1e-12)
    assert p[2, 2] == pytest.approx(-3.3, rel=1e-12)


def test_pieces_of_a_cut_increment_lie_on_the_way():
    """F is linear within an increment: the cut changes the steps, not the path."""
    visited = []

    class Recorder(Toy):
        def accept(self):
            super().accept()
            visited.append((self.time, self.f[0, 0]))

    follow(one_step(), Recorder(lambda start, dt: dt <= 1.0))
    for time, f in visited:
        assert f == pytest.approx(1 + 1e-3 * time, rel=1e-14)
    assert len(visited) == 8


def test_a_step_that_never_converges_raises():
    toy = Toy(lambda start, dt: start < 5.0)
    path = LoadPath((LoadStep(4.0, 2, RATE), LoadStep(6.0, 3, RATE)))
    with pytest.raises(ConvergenceError) as caught:
        follow(path, toy)
    # It stops at 6 s, the first time beyond 5 s, and tells where, how small, how far off.
    sentence = str(caught.value)
    assert "load step 2, time 8 s" in sentence
    assert f"to {2.0 * 0.5 ** (MAX_CUTS + 1):.3g} s" in sentence
    assert "residual is still 0.5" in sentence
    assert "take smaller increments or a slower rate" in sentence
    assert caught.value.residual == 0.5
    assert [ok for _, _, ok in toy.log] == [True] * 3 + [False] * (MAX_CUTS + 1)
    assert toy.time == 6.0  # what was accepted stays
    assert toy.f[0, 0] == pytest.approx(1.006)


def test_under_prescribed_stress_other_failures_keep_their_advice():
    """The toy is elastic: its stress grows with its strain to the last piece."""
    free, stress = ((X, 0.0, 0.0), *RATE[1:]), ((400.0, X, X), (X, X, X), (X, X, X))
    toy = Toy(lambda start, dt: start + dt < 5.0)
    with pytest.raises(ConvergenceError, match="take smaller increments") as caught:
        follow(one_step(deformation=free, stress=stress), toy)
    assert caught.value.stress[0, 0] == pytest.approx(400.0 * 5 / 8, rel=1e-2)


@pytest.mark.parametrize(("cuts", "times"), [(1, "once"), (5, "5 times")])
def test_cuts_are_told_in_a_sentence(cuts, times):
    assert f"smaller time steps ({times})" in cut_note({"cuts": cuts})
    assert cut_note({"cuts": 0.0}) is None


def directions(path: LoadPath) -> list[bool]:
    toy = Toy()
    follow(path, toy)
    return [new for _, new, _ in toy.log]


def rate(f11: float, f12: float = 0.0) -> tuple:
    return ((f11, f12, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_a_steady_path_turns_only_at_its_start():
    steady = LoadPath((LoadStep(1.0, 3, rate(1e-3)), LoadStep(9.0, 2, rate(5e-3))))
    assert directions(steady) == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("second", "turns"),
    [
        (rate(-1e-3), True),
        (rate(1e-3, 1e-4), False),  # cos 5.7° = 0.995
        (rate(1e-3, 2e-4), True),  # cos 11.3° = 0.981
        (rate(0.0, 1e-3), True),
        (rate(0.0), True),
    ],
)
def test_a_change_of_direction_is_told(second, turns):
    path = LoadPath((LoadStep(1.0, 2, rate(1e-3)), LoadStep(1.0, 2, second)))
    assert directions(path) == [True, False, turns, False]


def test_starting_from_rest_is_a_turn():
    path = LoadPath((LoadStep(1.0, 2, rate(0.0)), LoadStep(1.0, 2, rate(1e-3))))
    assert directions(path) == [True, False, True, False]


def test_a_change_of_control_is_a_turn():
    free = ((1e-3, 0.0, 0.0), (0.0, X, 0.0), (0.0, 0.0, 0.0))
    stress = ((X, X, X), (X, 0.0, X), (X, X, X))
    path = LoadPath((LoadStep(1.0, 2, rate(1e-3)), LoadStep(1.0, 2, free, stress=stress)))
    assert directions(path) == [True, False, True, False]


def test_the_direction_is_new_until_a_piece_converges():
    toy = Toy(lambda start, dt: dt <= 2.0)
    follow(one_step(), toy)
    assert [new for _, new, _ in toy.log[:3]] == [True, True, True]
    assert not any(new for _, new, _ in toy.log[3:])


def test_orientations_are_the_rotational_parts():
    q = random_quaternions(40, 3)
    stretch = torch.matrix_exp(0.2 * torch.eye(3, dtype=torch.float64).roll(1, 0))
    elastic = (quaternion_to_matrix(q) @ (stretch + stretch.T)).reshape(2, 20, 3, 3)
    found = _orientations(elastic)
    expected = matrix_to_quaternion(rotational_part(elastic))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(found.reshape(-1, 4), q, rtol=0, atol=1e-14)
