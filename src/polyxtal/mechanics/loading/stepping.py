"""Follow a load path step by step, cutting back steps that do not converge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.argument_types import require_type
from polyxtal.crystal.kernel.rotation import rotations_of
from polyxtal.mechanics.loading.limit_load import (
    Averages,
    exhausted_component,
    smallest_piece,
)
from polyxtal.mechanics.loading.mixed_control import DYADS, MixedControl
from polyxtal.mechanics.loading.path import LoadPath, LoadStep
from polyxtal.mechanics.loading.stepper import CrystalStepper, Stepper, StepResult
from polyxtal.mechanics.response import Response

MAX_CUTS = 12
"""Largest number of times that an increment is halved."""
UNREACHABLE = 1e-7
"""Residual below which a step fails by rounding errors, not by its size. [-]"""
SAME_DIRECTION = 0.99
"""Cosine between two rates of F above which the last increment predicts the next one. [-]"""


def cut_note(statistics: Mapping[str, float]) -> str | None:
    """Say in a sentence that increments were cut, None if none was."""
    cuts = round(statistics.get("cuts", 0))
    times = "once" if cuts == 1 else f"{cuts} times"
    if cuts == 0:
        return None
    return (
        f"Increments that did not converge were cut into smaller time steps ({times}): the "
        "response in them differs slightly from that at the requested increments."
    )


@dataclass
class Progress:
    """The position of a stepper on its path, from which `follow` resumes.

    Attributes:
        step: Number of finished load steps.
        increment: Number of finished increments of the current step.
        time: Time reached. [s]
        rate: Rate of the volume-average F in the last increment, None at the start. [1/s]
        stress_controlled: Mask of the components of which P was prescribed then, None at the start.
        basis: Tensors that those components are along; None for e_i ⊗ e_j.
        counts: Increments, steps, cuts, iterations and largest relative residual so far.
    """

    step: int = 0
    increment: int = 0
    time: float = 0.0
    rate: np.ndarray | None = None
    stress_controlled: np.ndarray | None = None
    basis: np.ndarray | None = None
    counts: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(
            ("increments", "steps", "cuts", "iterations", "residual"), 0.0
        )
    )


def respond(
    path: LoadPath,
    stepper: CrystalStepper,
    weights: Float[Tensor, " crystals"],
    on_increment: Callable[[float], None] | None = None,
) -> Response:
    """Return the response of crystals along a load path.

    Args:
        path: The load path.
        stepper: The crystals, undeformed.
        weights: Volume fraction of every crystal. [-]
        on_increment: Called with the time [s] after every increment of the path.
    Returns:
        Averages and orientations after every increment; row 0 is the undeformed state.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
    """
    time, deformation, stress, elastic = [], [], [], []

    def record(now: float) -> None:
        f, p = stepper.averages()
        time.append(now)
        deformation.append(torch.from_numpy(f))
        stress.append(torch.from_numpy(p))
        elastic.append(stepper.elastic_deformation())

    def advance(now: float) -> None:
        record(now)
        if on_increment is not None:
            on_increment(now)

    record(0.0)
    statistics = follow(path, stepper, advance)
    return Response(
        torch.tensor(time, dtype=torch.float64),
        torch.stack(deformation),
        torch.stack(stress),
        _orientations(torch.stack(elastic)),
        weights.detach().clone(),
        statistics,
    )


def follow_averages(path: LoadPath, stepper: Stepper) -> Response:
    """Return the volume averages F and P along a load path, as `respond` does but no more."""
    times, averages = [0.0], [stepper.averages()]

    def keep(now: float) -> None:
        times.append(now)
        averages.append(stepper.averages())

    statistics = follow(path, stepper, keep)
    F, P = (torch.from_numpy(np.stack(values)) for values in zip(*averages, strict=True))
    return Response(torch.tensor(times, dtype=torch.float64), F, P, statistics=statistics)


def _orientations(
    elastic: Float[Tensor, "increments crystals 3 3"],
) -> Float[Tensor, "increments crystals 4"]:
    """Return the orientations of F_e."""
    found = np.empty((*elastic.shape[:-2], 4))
    rotations_of(elastic.detach().numpy().reshape(-1, 3, 3), found.reshape(-1, 4))
    return torch.from_numpy(found)


def follow(
    path: LoadPath,
    stepper: Stepper,
    on_increment: Callable[[float], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Advance a stepper along a path, increment by increment.

    An increment that does not converge is halved, up to `MAX_CUTS` times; its pieces grow again as
    they converge.

    Args:
        path: The load path.
        stepper: The stepper; its state advances to the end of the path.
        on_increment: Called with the time [s] after every increment of the path.
        progress: Position of the stepper on the path; updated before each `on_increment`.
    Returns:
        Statistics: increments, steps, cuts, iterations, largest relative residual.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
    """
    require_type(path, LoadPath, "path")
    at = Progress() if progress is None else progress
    for number, step in enumerate(path.steps[at.step :], start=at.step + 1):
        lengths = step.time_increments()
        for dt, remaining in zip(
            lengths[at.increment :].tolist(),
            np.cumsum(lengths[::-1])[::-1][at.increment :].tolist(),
            strict=True,
        ):
            start_f, start_p = stepper.averages()
            goal = step.goal(start_f, start_p, dt, remaining)
            end = step.goal(start_f, start_p, remaining, remaining)
            new = _changes_direction(step, goal, start_f, dt, at)
            where = _Place(number, at.time, step, end)
            _increment(stepper, dt, goal, new, at.counts, where)
            at.rate = (stepper.averages()[0] - start_f) / dt
            at.stress_controlled = step.stress_controlled
            at.basis = step.basis_matrix
            at.time += dt
            at.counts["increments"] += 1
            at.increment += 1
            if on_increment is not None:
                on_increment(at.time)
        at.step, at.increment = number, 0
    return at.counts


def _changes_direction(
    step: LoadStep, goal: np.ndarray, start: np.ndarray, dt: float, at: Progress
) -> bool:
    """Return whether an increment changes the direction of the last one."""
    mask = at.stress_controlled
    if at.rate is None or mask is None or not np.array_equal(mask, step.stress_controlled):
        return True
    basis, before = (DYADS if b is None else b for b in (step.basis_matrix, at.basis))
    if basis is not before and not np.array_equal(basis, before):
        return True
    prescribed = ~step.stress_controlled
    wanted = ((goal - step.components(start)) / dt)[prescribed]
    last = step.components(at.rate)[prescribed]
    sizes = [np.abs(v).max(initial=0.0) for v in (wanted, last)]
    if min(sizes) == 0.0:
        return bool(sizes[0] != sizes[1])
    wanted, last = wanted / sizes[0], last / sizes[1]
    return float(wanted @ last) < SAME_DIRECTION * float(
        np.linalg.norm(wanted) * np.linalg.norm(last)
    )


class _Place(NamedTuple):
    """Where an increment is: its load step, its start [s], and what the step ends with."""

    number: int
    time: float
    step: LoadStep
    end: np.ndarray


def _increment(
    stepper: Stepper,
    dt: float,
    goal: np.ndarray,
    new_direction: bool,
    counts: dict[str, float],
    where: _Place,
) -> None:
    done, piece = 0.0, 1.0
    stress_controlled, basis = where.step.stress_controlled, where.step.basis_matrix

    def averages() -> Averages:
        return Averages(*map(where.step.components, stepper.averages()))

    before = at = averages()
    start = np.where(stress_controlled, at.stress, at.deformation)
    while done < 1.0:
        piece = min(piece, 1.0 - done)
        waypoint = goal if done + piece == 1.0 else start + (done + piece) * (goal - start)
        control = MixedControl.of(waypoint, stress_controlled, basis)
        result = stepper.attempt(piece * dt, control, new_direction)
        counts["steps"] += 1
        counts["iterations"] += result.iterations
        if result.converged:
            stepper.accept()
            before, at = at, averages()
            counts["residual"] = max(counts["residual"], result.residual)
            done, piece, new_direction = done + piece, piece * 2.0, False
            continue
        counts["cuts"] += 1
        piece *= 0.5
        if piece < smallest_piece(0.5**MAX_CUTS, start, goal, stress_controlled, at):
            worn = exhausted_component(before, at, where.end, stress_controlled)
            sentence = (
                _why_it_stops(result, where, dt, piece)
                if worn is None
                else _what_it_carries(worn, at.stress, where, where.time + done * dt)
            )
            residual = float("inf") if result.crystal_failed else result.residual
            raise ConvergenceError(sentence, residual, stepper.averages()[1])


def _why_it_stops(result: StepResult, where: _Place, dt: float, piece: float) -> str:
    left = (
        "the plasticity law still finds no solution in some crystal"
        if result.crystal_failed
        else f"the relative residual is still {result.residual:.3g}"
    )
    stuck = not result.crystal_failed and result.residual < UNREACHABLE
    advice = "allow a larger residual" if stuck else "take smaller increments or a slower rate"
    return (
        f"The step must converge, but at load step {where.number}, time {where.time + dt:.6g} s, "
        f"{left} after cutting the increment to {piece * dt:.3g} s; {advice}."
    )


def _what_it_carries(
    component: tuple[int, int], stress: np.ndarray, where: _Place, time: float
) -> str:
    name = "P_" + "".join("xyz"[k] for k in component)
    if where.step.basis is not None:
        name = f"the stress along tensor {3 * component[0] + component[1] + 1} of the load"
    return (
        f"At load step {where.number}, time {time:.6g} s, {name} reached "
        f"{stress[component]:.4g} MPa of the prescribed {where.end[component]:.4g} MPa: the "
        "material cannot carry more at this rate; prescribe a strain rate instead."
    )
