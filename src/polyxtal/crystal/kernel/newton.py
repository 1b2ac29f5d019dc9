"""Newton for stress and slip resistance at one material point."""

from __future__ import annotations

import numpy as np

from polyxtal.crystal.kernel.linear import (
    SQRT1_2,
    factorise,
    invert,
    multiply,
    substitute,
    symmetric_product,
)
from polyxtal.crystal.kernel.records import INACTIVE, SLIP_SYSTEMS, compiled

MAX_ITERATIONS = 60
MAX_CONTINUATION_STEPS = 4096
SMALLEST_STRIDE = 1e-5
"""Continuation gives up below this share of the way. [-]"""
QUADRATIC = 1e-11
"""Newton stops once n δ², the error its relative step δ leaves behind, is below this. [-]"""
SMALL_STEP = 1e-2
"""Relative steps below this need neither growth limit nor line search. [-]"""
SMALL_RESIDUAL = 1e-2
"""Strain residuals below this come from a start that needs no taming. [-]"""
MAX_HALVINGS = 10
GROWTH = 10.0
"""Newton visits no |τ/ξ| that would slip more than this many times the trial strain. [-]"""
TINY = 1e-300


@compiled
def _powers(law, ws):
    """Fill `power` with `ratio` ** (n - 1); whole exponents by repeated squaring."""
    exponent = law.exponent - 1.0
    whole = int(exponent)
    if whole != exponent or whole > 256:
        for a in range(SLIP_SYSTEMS):
            ws.power[a] = ws.ratio[a] ** exponent
        return
    for a in range(SLIP_SYSTEMS):
        ws.power[a] = 1.0
    while whole > 0:
        if whole & 1:
            for a in range(SLIP_SYSTEMS):
                ws.power[a] *= ws.ratio[a]
        for a in range(SLIP_SYSTEMS):
            ws.ratio[a] *= ws.ratio[a]
        whole >>= 1


@compiled
def _saturation(law, resistance, ws):
    """Fill w(ξ) = sgn(1 - ξ/ξ_inf) |1 - ξ/ξ_inf|^a and dw/dξ."""
    inverse, exponent = 1.0 / law.saturation, law.hardening_exponent
    for a in range(SLIP_SYSTEMS):
        distance = 1.0 - resistance[a] * inverse
        size = max(abs(distance), TINY)
        magnitude = size**exponent
        ws.saturation_factor[a] = magnitude if distance >= 0.0 else -magnitude
        ws.saturation_slope[a] = -exponent * inverse * magnitude / size


@compiled
def slip_velocity(law, ws):
    """Fill `interim` with I - Σ_a Δγ_a s_a ⊗ n_a."""
    for i in range(3):
        for j in range(3):
            ws.interim[i, j] = 1.0 if i == j else 0.0
    for a in range(SLIP_SYSTEMS):
        slip = ws.slip[a]
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] -= slip * law.schmid[a, i, j]


@compiled
def _evaluate(law, resistance_start, dt, stress, resistance, ws):
    """Residual of the law at (S, ξ); returns its norm in units of strain."""
    rate, exponent = law.rate * dt, law.exponent
    for a in range(SLIP_SYSTEMS):
        ws.resolved[a] = 0.0
    for m in range(6):
        component = stress[m]
        for a in range(SLIP_SYSTEMS):
            ws.resolved[a] += component * law.schmid_mandel[m, a]
    for a in range(SLIP_SYSTEMS):
        ws.ratio[a] = abs(ws.resolved[a] / resistance[a])
    _powers(law, ws)
    for a in range(SLIP_SYSTEMS):
        softening = rate * ws.power[a] / resistance[a]
        ws.slip[a] = softening * ws.resolved[a]
        ws.softening[a] = exponent * softening
    slip_velocity(law, ws)
    multiply(ws.trial, ws.interim, ws.elastic)
    symmetric_product(ws.elastic, ws.elastic, ws.strain)
    norm = 0.0
    for m in range(6):
        value = -0.5 * ws.strain[m]
        if m < 3:
            value += 0.5
        for k in range(6):
            value += law.compliance[m, k] * stress[k]
        ws.residual[m] = value
        norm = max(norm, abs(value))
        if value != value:
            norm = np.inf
    _saturation(law, resistance, ws)
    for a in range(SLIP_SYSTEMS):
        ws.accumulated[a] = 0.0
    for b in range(SLIP_SYSTEMS):
        slip = abs(ws.slip[b])
        for a in range(SLIP_SYSTEMS):
            ws.accumulated[a] += slip * law.hardening[b, a]
    worst = 0.0
    for a in range(SLIP_SYSTEMS):
        value = resistance[a] - resistance_start[a] - ws.saturation_factor[a] * ws.accumulated[a]
        ws.resistance_residual[a] = value
        worst = max(worst, abs(value / resistance[a]))
    # A relative error of ξ acts like the same relative error of the elastic strain, about 1e-3.
    return max(norm, 1e-3 * worst)


@compiled
def linearise(law, resistance, inactive, ws):
    """Condense ξ and factorise Newton's matrix; returns the number of active systems.

    Column 6 of `jacobian` carries what ξ's residual adds to the right-hand side.
    """
    largest = 0.0
    for a in range(SLIP_SYSTEMS):
        largest = max(largest, abs(ws.slip[a]))
    count = 0
    for a in range(SLIP_SYSTEMS):
        if abs(ws.slip[a]) > inactive * largest:
            ws.active[count] = a
            count += 1
    for m in range(6):
        for k in range(6):
            ws.jacobian[m, k] = law.compliance[m, k]
        ws.jacobian[m, 6] = ws.jacobian[m, 7] = 0.0
    if count == 0:
        factorise(ws.jacobian, 6)
        return 0
    exponent = law.exponent
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.elastic[0, i] * ws.trial[0, j]
                + ws.elastic[1, i] * ws.trial[1, j]
                + ws.elastic[2, i] * ws.trial[2, j]
            )
    for row in range(count):
        a = ws.active[row]
        damping = 1.0 / (1.0 - ws.saturation_slope[a] * ws.accumulated[a])
        weight = exponent * abs(ws.slip[a]) / resistance[a] * damping
        coupling = weight * ws.saturation_factor[a]
        for column in range(count):
            ws.system[row, column] = coupling * law.hardening[ws.active[column], a]
        ws.system[row, row] += 1.0
        softening = ws.softening[a] if ws.slip[a] >= 0.0 else -ws.softening[a]
        for m in range(6):
            ws.slip_tangent[row, m] = softening * law.schmid_mandel[m, a]
        ws.slip_tangent[row, 6] = weight * ws.resistance_residual[a]
        ws.slip_tangent[row, 7] = 0.0
    factorise(ws.system, count)
    substitute(ws.system, count, ws.slip_tangent)
    for row in range(count):
        a = ws.active[row]
        # b_a = sgn(Δγ_a) mandel(sym(F_eᵀ A s ⊗ n))
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] = (
                    ws.pull[i, 0] * law.schmid[a, 0, j]
                    + ws.pull[i, 1] * law.schmid[a, 1, j]
                    + ws.pull[i, 2] * law.schmid[a, 2, j]
                )
        sign = 1.0 if ws.slip[a] >= 0.0 else -1.0
        ws.strain[0] = ws.interim[0, 0]
        ws.strain[1] = ws.interim[1, 1]
        ws.strain[2] = ws.interim[2, 2]
        ws.strain[3] = SQRT1_2 * (ws.interim[1, 2] + ws.interim[2, 1])
        ws.strain[4] = SQRT1_2 * (ws.interim[0, 2] + ws.interim[2, 0])
        ws.strain[5] = SQRT1_2 * (ws.interim[0, 1] + ws.interim[1, 0])
        for m in range(6):
            direction = sign * ws.strain[m]
            for k in range(8):
                ws.jacobian[m, k] += direction * ws.slip_tangent[row, k]
    factorise(ws.jacobian, 6)
    return count


@compiled
def _newton_step(law, count, resistance, ws):
    """Newton's correction of S (into `step`) and ξ (into `resistance_step`).

    Returns the largest relative change of any |τ/ξ| it asks for.
    """
    for m in range(6):
        ws.step[m] = -ws.residual[m] - ws.jacobian[m, 6]
    for k in range(6):
        for i in range(k + 1, 6):
            ws.step[i] -= ws.jacobian[i, k] * ws.step[k]
    for k in range(5, -1, -1):
        ws.step[k] /= ws.jacobian[k, k]
        for i in range(k):
            ws.step[i] -= ws.jacobian[i, k] * ws.step[k]
    for a in range(SLIP_SYSTEMS):
        ws.resolved_step[a] = 0.0
        ws.ratio[a] = 0.0
    for m in range(6):
        component = ws.step[m]
        for a in range(SLIP_SYSTEMS):
            ws.resolved_step[a] += component * law.schmid_mandel[m, a]
    for row in range(count):
        slip = ws.slip_tangent[row, 6]
        for m in range(6):
            slip += ws.slip_tangent[row, m] * ws.step[m]
        b = ws.active[row]
        for a in range(SLIP_SYSTEMS):
            ws.ratio[a] += slip * law.hardening[b, a]
    for a in range(SLIP_SYSTEMS):
        ws.resistance_step[a] = (
            ws.saturation_factor[a] * ws.ratio[a] - ws.resistance_residual[a]
        ) / (1.0 - ws.saturation_slope[a] * ws.accumulated[a])
    relative = 0.0
    for a in range(SLIP_SYSTEMS):
        relative = max(
            relative, (abs(ws.resolved_step[a]) + abs(ws.resistance_step[a])) / resistance[a]
        )
    for m in range(6):
        if ws.step[m] != ws.step[m]:
            return np.inf
    return relative


@compiled
def _ratio_limit(law, dt, ws):
    """Largest |τ/ξ| worth visiting: it already slips ten times the trial strain."""
    rate = law.rate * dt
    if rate == 0.0:
        return np.inf
    symmetric_product(ws.trial, ws.trial, ws.strain)
    strain = 1e-6
    for m in range(6):
        strain = max(strain, 0.5 * abs(ws.strain[m] - (1.0 if m < 3 else 0.0)))
    return (GROWTH * strain / rate) ** (1.0 / law.exponent)


@compiled
def _admissible_share(limit, resistance, ws):
    """Share of Newton's step that keeps ξ > 0 and |τ/ξ| within the growth limit."""
    share = 1.0
    for a in range(SLIP_SYSTEMS):
        step = ws.resistance_step[a] / resistance[a]
        if step < -0.5:
            share = min(share, -0.5 / step)
        new = abs(ws.resolved[a] + ws.resolved_step[a]) / (resistance[a] * (1.0 + max(step, -0.5)))
        old = abs(ws.resolved[a]) / resistance[a]
        if new > limit and new > old:
            share = min(share, max(0.05, (limit - old) / (new - old)))
    return share


@compiled
def _keep(stress, resistance, stress_copy, resistance_copy):
    for m in range(6):
        stress_copy[m] = stress[m]
    for a in range(SLIP_SYSTEMS):
        resistance_copy[a] = resistance[a]


@compiled
def _newton(law, deformation, plastic_start, resistance_start, dt, stress, resistance, ws):
    """Solve for (S, ξ) from the start values in place; returns iterations, or -1."""
    multiply(deformation, plastic_start, ws.trial)
    norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
    limit = np.inf
    if not norm < SMALL_RESIDUAL:
        limit = _ratio_limit(law, dt, ws)
        largest = 0.0
        for a in range(SLIP_SYSTEMS):
            largest = max(largest, abs(ws.resolved[a]) / resistance[a])
        if largest > limit:
            for m in range(6):
                stress[m] *= limit / largest
            norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
    if not norm < np.inf:
        return -1
    exponent = law.exponent
    for iteration in range(MAX_ITERATIONS):
        count = linearise(law, resistance, INACTIVE, ws)
        relative = _newton_step(law, count, resistance, ws)
        if not relative < np.inf:
            return -1
        share = 1.0
        if relative > SMALL_STEP:
            if limit == np.inf:
                limit = _ratio_limit(law, dt, ws)
            share = _admissible_share(limit, resistance, ws)
        _keep(stress, resistance, ws.stress_old, ws.resistance_old)
        best = norm
        for _ in range(MAX_HALVINGS):
            for m in range(6):
                stress[m] = ws.stress_old[m] + share * ws.step[m]
            for a in range(SLIP_SYSTEMS):
                resistance[a] = ws.resistance_old[a] + share * ws.resistance_step[a]
            norm = _evaluate(law, resistance_start, dt, stress, resistance, ws)
            if norm <= best or relative < SMALL_STEP:
                break
            share *= 0.5
        if share == 1.0 and exponent * relative * relative < QUADRATIC and norm < 1e-9:
            return iteration + 1
    return -1


@compiled
def solve_point(law, deformation, plastic_start, resistance_start, dt, stress, resistance, ws):
    """Solve the law at one point for the end of the step.

    `stress` (6,) and `resistance` (12,) hold the start of Newton and are overwritten by the
    solution. Where Newton fails, the same equations are solved for a deformation that travels
    from the stress-free trial state to the wanted one in steps that adapt (continuation): it
    changes the way to the solution, not the solution.

    Returns:
        Newton iterations, or -1 where no solution was found.
    """
    # λ = 1 is the wanted deformation; F(λ) = (1 - λ) F_p(old) + λ F is stress-free at λ = 0.
    reached, stride, iterations = 0.0, 1.0, 0
    for attempt in range(MAX_CONTINUATION_STEPS):
        goal = min(1.0, reached + stride)
        for i in range(3):
            for j in range(3):
                ws.deformation[i, j] = deformation[i, j]
                if goal < 1.0:
                    ws.deformation[i, j] += (1.0 - goal) * (ws.relaxed[i, j] - deformation[i, j])
        used = _newton(
            law, ws.deformation, plastic_start, resistance_start, dt, stress, resistance, ws
        )
        if used > 0:
            iterations += used
            if goal == 1.0:
                return iterations
            reached, stride = goal, stride * 1.5
            _keep(stress, resistance, ws.stress_kept, ws.resistance_kept)
            continue
        iterations += MAX_ITERATIONS
        if attempt == 0:
            invert(plastic_start, ws.relaxed)
            stride = 0.5
            _keep(ws.stress_kept, resistance_start, ws.stress_kept, ws.resistance_kept)
            for m in range(6):
                ws.stress_kept[m] = 0.0
        stride *= 0.25
        if stride < SMALLEST_STRIDE:
            return -1
        _keep(ws.stress_kept, ws.resistance_kept, stress, resistance)
    return -1
