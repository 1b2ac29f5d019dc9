"""One step of Newton for stress and state at one material point, for any law."""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.dispatch import condense_law, evaluate_law, fill_drive, law_step
from polyxtal.crystal.kernel.linear import (
    SQRT1_2,
    eliminate,
    factorise,
    multiply,
    symmetric_product,
)


@compiled
def slip_velocity(law, ws):
    """Fill `interim` with I - Σ_a Δγ_a s_a ⊗ n_a."""
    for i in range(3):
        for j in range(3):
            ws.interim[i, j] = 1.0 if i == j else 0.0
    for a in range(law.schmid.shape[0]):
        slip = ws.slip[a]
        for i in range(3):
            for j in range(3):
                ws.interim[i, j] -= slip * law.schmid[a, i, j]


@compiled
def resolve(law, stress, out):
    """Resolve a stress onto all systems: τ_a = S : P_a."""
    for a in range(law.schmid.shape[0]):
        out[a] = 0.0
    for m in range(6):
        component = stress[m]
        for a in range(law.schmid.shape[0]):
            out[a] += component * law.schmid_mandel[m, a]


@compiled
def evaluate(law, state_start, dt, stress, state, coupled, ws):
    """Evaluate the residual at (S, z); return its norm in strain, of S alone if not `coupled`."""
    resolve(law, stress, ws.resolved)
    worst = evaluate_law(law, state_start, dt, state, ws)
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
    # A relative error of ξ acts like the same relative error of the elastic strain, about 1e-3.
    return max(norm, 1e-3 * worst) if coupled else norm


@compiled
def select_active(law, inactive, ws):
    """Fill `active` with the systems above a share of the largest slip; return their number."""
    systems = law.schmid.shape[0]
    largest = 0.0
    for a in range(systems):
        largest = max(largest, abs(ws.slip[a]))
    count = 0
    for a in range(systems):
        if abs(ws.slip[a]) > inactive * largest:
            ws.active[count] = a
            count += 1
    return count


@compiled
def linearise(law, state, inactive, coupled, ws):
    """Condense the state and factorise Newton's matrix; return the number of active systems.

    Unless `coupled`, the state is fixed. Column 6 of `jacobian` carries the contribution of the
    state's residual to the right-hand side.
    """
    systems = law.schmid.shape[0]
    count = select_active(law, inactive, ws)
    for m in range(6):
        for k in range(6):
            ws.jacobian[m, k] = law.compliance[m, k]
        ws.jacobian[m, 6] = ws.jacobian[m, 7] = 0.0
    if count == 0:
        factorise(ws.jacobian, 6)
        return 0
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.elastic[0, i] * ws.trial[0, j]
                + ws.elastic[1, i] * ws.trial[1, j]
                + ws.elastic[2, i] * ws.trial[2, j]
            )
    if coupled:
        condense_law(law, state, count, ws)
    else:
        for row in range(count):
            for column in range(count):
                ws.system[row, column] = 1.0 if row == column else 0.0
            ws.slip_tangent[row, 6] = 0.0
    for row in range(count):
        a = ws.active[row]
        softening = ws.softening[a] if ws.slip[a] >= 0.0 else -ws.softening[a]
        for column in range(count, systems):
            ws.system[row, column] = 0.0
        for m in range(6):
            ws.system[row, systems + m] = softening * law.schmid_mandel[m, a]
        ws.system[row, systems + 6] = ws.slip_tangent[row, 6]
        ws.system[row, systems + 7] = 0.0
    eliminate(ws.system, count, ws.slip_tangent)
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
def newton_step(law, count, state, coupled, ws):
    """Compute Newton's correction of S (into `step`) and z (into `state_step`).

    Returns:
        The largest relative change of any drive. [-]
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
    resolve(law, ws.step, ws.resolved_step)
    for row in range(count):
        slip = ws.slip_tangent[row, 6]
        for m in range(6):
            slip += ws.slip_tangent[row, m] * ws.step[m]
        ws.slip_step[row] = slip
    relative = law_step(law, state, count, ws)
    if not coupled:
        relative = _fixed_state_step(law, state, ws)
    for m in range(6):
        if ws.step[m] != ws.step[m]:
            return np.inf
    return relative


@compiled
def _fixed_state_step(law, state, ws):
    """Leave the state unchanged; return the largest change of any drive, for both signs."""
    for s in range(law.state_scale.shape[0]):
        ws.state_step[s] = 0.0
    relative = 0.0
    fill_drive(law, ws.resolved_step, state, ws.drive)
    for a in range(law.schmid.shape[0]):
        ws.drive_new[a] = -ws.resolved_step[a]
        relative = max(relative, ws.drive[a])
    fill_drive(law, ws.drive_new, state, ws.drive)
    for a in range(law.schmid.shape[0]):
        relative = max(relative, ws.drive[a])
    return relative
