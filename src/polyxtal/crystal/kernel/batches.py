"""The solution and the tangent at many material points of any laws.

Points of one compiled law form a group. Its batches, at most `LANES` points of one phase each, are
solved at once where the law has a form for that, see `lanes.py`; points that this leaves unsolved,
and those of small batches, are solved one by one.

F and P have 9 rows, one per component, and a column for every point.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled, compiled_overload
from polyxtal.crystal.kernel.lanes import solve_lanes
from polyxtal.crystal.kernel.linear import determinant, multiply
from polyxtal.crystal.kernel.newton import evaluate
from polyxtal.crystal.kernel.points import point_stress, point_tangent
from polyxtal.crystal.kernel.records import COUPLED, LANES
from polyxtal.crystal.kernel.solve import solve_point

SOLVED = -1
SMALL = LANES // 4
"""Batches of fewer points are not solved at once."""


@compiled
def _take(source, points, out):
    """Copy the rows of points into lanes; lanes to spare repeat the last point."""
    for lane in range(LANES):
        point = points[min(lane, len(points) - 1)]
        for c in range(out.shape[0]):
            out[c, lane] = source[point, c]


@compiled
def _fill_lanes(points, deformation, plastic_start, state_start, stress, state, lanes):
    """Copy the points of a batch into lanes."""
    for lane in range(LANES):
        point = points[min(lane, len(points) - 1)]
        for i in range(3):
            for j in range(3):
                lanes.deformation[i, j, lane] = deformation[3 * i + j, point]
                lanes.plastic_start[i, j, lane] = plastic_start[point, i, j]
    _take(stress, points, lanes.stress)
    _take(state, points, lanes.state)
    _take(state_start, points, lanes.state_start)


@compiled
def _give(law, lane, point, stress, state, plastic_inverse, piola, lanes):
    """Copy the solution in a lane to its point, if its F_p⁻¹ is possible; return whether it is."""
    local = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            local[i, j] = lanes.plastic_inverse[i, j, lane]
    if not determinant(local) > 0.0:
        return False
    for s in range(law.state_scale.shape[0]):
        if law.state_scale[s] == 0.0 and not lanes.state[s, lane] > 0.0:
            return False
    for i in range(3):
        for j in range(3):
            plastic_inverse[point, i, j] = local[i, j]
            piola[3 * i + j, point] = lanes.piola[i, j, lane]
    for m in range(6):
        stress[point, m] = lanes.stress[m, lane]
    for s in range(law.state_scale.shape[0]):
        state[point, s] = lanes.state[s, lane]
    return True


@compiled
def solve_points(
    laws,
    phase,
    members,
    batches,
    ws,
    lanes,
    deformation,
    plastic_start,
    state_start,
    dt,
    accuracy,
    stress,
    state,
    plastic_inverse,
    piola,
    first,
    last,
):
    """Solve the batches `first` to `last` - 1 of a group; return the point that failed, or -1.

    Args:
        laws: Constants of every phase with this law.
        phase: Index into `laws` of every member of the group.
        members: The points, batch by batch.
        batches: First member of every batch, and the one after the last; (batches, 2).
        ws, lanes: Scratch records of a point and of a batch; `lanes` may be None.
        deformation: F, (9, points).
        plastic_start, state_start: Accepted F_p⁻¹ (points, 3, 3) and z (points, width).
        dt: Length of the step; 0 for the elastic answer.
        accuracy: Largest relative error of drives. [-]
        stress, state: Newton's start, overwritten by the solution, (points, 6 and width).
        plastic_inverse: Out: F_p⁻¹, not normalised.
        piola: Out: P, (9, points).
        first, last: Range of batches.
    """
    local, answer = np.empty((3, 3)), np.empty((3, 3))
    for batch in range(first, last):
        start, end = batches[batch]
        law = laws[phase[start]]
        at_once = False
        if lanes is not None:
            at_once = end - start >= SMALL
            if at_once:
                points = members[start:end]
                _fill_lanes(points, deformation, plastic_start, state_start, stress, state, lanes)
                solve_lanes(law, dt, accuracy, lanes)
        for place in range(start, end):
            point = members[place]
            if lanes is not None:
                lane = place - start
                solved = at_once and lanes.error[lane] <= accuracy
                if solved and _give(law, lane, point, stress, state, plastic_inverse, piola, lanes):
                    continue
            for i in range(3):
                for j in range(3):
                    local[i, j] = deformation[3 * i + j, point]
            if not determinant(local) > 0.0:
                return point
            used = solve_point(
                law,
                local,
                plastic_start[point],
                state_start[point],
                dt,
                accuracy,
                stress[point],
                state[point],
                ws,
            )
            if used < 0:
                return point
            point_stress(plastic_start[point], stress[point], law, ws, answer)
            if not determinant(ws.plastic_inverse) > 0.0:  # a root without physical meaning
                return point
            for i in range(3):
                for j in range(3):
                    plastic_inverse[point, i, j] = ws.plastic_inverse[i, j]
                    piola[3 * i + j, point] = answer[i, j]
    return SOLVED


@compiled
def linearise_point(
    law, point, deformation, plastic_start, state_start, dt, stress, state, inactive, ws, tangent
):
    """Compute ∂P/∂F (into `tangent`, 9x9) and ∂S/∂F (in `ws`) at the solution of a point."""
    local = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            local[i, j] = deformation[3 * i + j, point]
    start, s, z = plastic_start[point], stress[point], state[point]
    multiply(local, start, ws.trial)
    evaluate(law, state_start[point], dt, s, z, COUPLED, ws)
    point_stress(start, s, law, ws, local)
    point_tangent(law, start, s, z, inactive, ws, tangent)


@compiled
def linearise_points(
    laws,
    phase,
    members,
    batches,
    ws,
    lanes,
    deformation,
    plastic_start,
    state_start,
    dt,
    stress,
    state,
    inactive,
    tangent,
    stress_gradient,
):
    """Compute the tangents of all points of a group that `solve_points` has solved.

    Args:
        inactive: Share of the largest slip below which systems are omitted. [-]
        tangent: Out: ∂P/∂F, (points, 9, 9).
        stress_gradient: Out: ∂S/∂F, (points, 6, 9).

    The others are those of `solve_points`.
    """
    for place in range(len(members)):
        point = members[place]
        linearise_point(
            laws[phase[place]],
            point,
            deformation,
            plastic_start,
            state_start,
            dt,
            stress,
            state,
            inactive,
            ws,
            tangent[point],
        )
        for m in range(6):
            for c in range(9):
                stress_gradient[point, m, c] = ws.stress_gradient[m, c]


def solve_groups(groups, *points):  # type: ignore[no-untyped-def]
    """Solve groups of points, each with another law; return the first that failed, or -1.

    Args:
        groups: Arguments `laws` to `lanes` of `solve_points`, one tuple per group.
        points: Arguments `deformation` to `piola`.
    """
    raise NotImplementedError


def linearise_groups(groups, *points):  # type: ignore[no-untyped-def]
    """Compute the tangents of groups of points.

    Args:
        groups: As for `solve_groups`.
        points: Remaining arguments of `linearise_points`.
    """
    raise NotImplementedError


@compiled_overload(solve_groups)
def _solve_groups(groups, *points):  # type: ignore[no-untyped-def]
    if len(groups) == 0:
        return lambda groups, *points: SOLVED

    def solve(groups, *points):  # type: ignore[no-untyped-def]
        laws, phase, members, batches, ws, lanes = groups[0]
        failed = solve_points(laws, phase, members, batches, ws, lanes, *points, 0, len(batches))
        if failed != SOLVED:
            return failed
        return solve_groups(groups[1:], *points)

    return solve


@compiled_overload(linearise_groups)
def _linearise_groups(groups, *points):  # type: ignore[no-untyped-def]
    if len(groups) == 0:
        return lambda groups, *points: None

    def linearise(groups, *points):  # type: ignore[no-untyped-def]
        laws, phase, members, batches, ws, lanes = groups[0]
        linearise_points(laws, phase, members, batches, ws, lanes, *points)
        linearise_groups(groups[1:], *points)

    return linearise
