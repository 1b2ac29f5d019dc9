"""Stress and consistent tangent of a solved point."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.linear import (
    SQRT1_2,
    fill_symmetric,
    multiply,
    substitute,
)
from polyxtal.crystal.kernel.newton import linearise, slip_velocity
from polyxtal.crystal.kernel.records import COUPLED


@compiled
def point_stress(plastic_start, stress, law, ws, out):
    """Compute P = F_e S F_p⁻ᵀ (into `out`) and F_p⁻¹ of the solution in `ws`."""
    slip_velocity(law, ws)
    multiply(plastic_start, ws.interim, ws.plastic_inverse)
    fill_symmetric(stress, ws.interim)
    multiply(ws.elastic, ws.interim, ws.pull)
    for i in range(3):
        for j in range(3):
            out[i, j] = (
                ws.pull[i, 0] * ws.plastic_inverse[j, 0]
                + ws.pull[i, 1] * ws.plastic_inverse[j, 1]
                + ws.pull[i, 2] * ws.plastic_inverse[j, 2]
            )


@compiled
def fill_strain_gradient(ws):
    """Fill `strain_gradient` with ∂E/∂F at fixed slip."""
    elastic, inverse = ws.elastic, ws.plastic_inverse
    for i in range(3):
        for j in range(3):
            column = 3 * i + j
            for m in range(3):
                ws.strain_gradient[m, column] = elastic[i, m] * inverse[j, m]
            ws.strain_gradient[3, column] = SQRT1_2 * (
                elastic[i, 1] * inverse[j, 2] + elastic[i, 2] * inverse[j, 1]
            )
            ws.strain_gradient[4, column] = SQRT1_2 * (
                elastic[i, 0] * inverse[j, 2] + elastic[i, 2] * inverse[j, 0]
            )
            ws.strain_gradient[5, column] = SQRT1_2 * (
                elastic[i, 0] * inverse[j, 1] + elastic[i, 1] * inverse[j, 0]
            )


@compiled
def point_tangent(law, plastic_start, stress, state, inactive, ws, out):
    """Compute the consistent tangent ∂P/∂F at the solution in `ws`, after `point_stress`, 9x9.

        ∂P/∂F = I ⊗ (F_p⁻¹ S F_p⁻ᵀ) + (Bᵀ - W T) J⁻¹ B

    with B = ∂E/∂F at fixed slip, J Newton's matrix, T = ∂Δγ/∂S, W = ∂P/∂Δγ at fixed S.
    Slip systems below the share `inactive` of the most active one are left out.
    """
    count = linearise(law, state, inactive, COUPLED, ws)
    elastic, inverse = ws.elastic, ws.plastic_inverse
    fill_strain_gradient(ws)
    for m in range(6):
        for c in range(9):
            ws.stress_gradient[m, c] = ws.strain_gradient[m, c]
            ws.push[c, m] = ws.strain_gradient[m, c]
    substitute(ws.jacobian, 6, ws.stress_gradient)
    # S F_p⁻ᵀ, F_e S and F F_p⁻¹(old) = A serve every slip system.
    fill_symmetric(stress, ws.interim)
    multiply(elastic, ws.interim, ws.carried)
    for i in range(3):
        for j in range(3):
            ws.pull[i, j] = (
                ws.interim[i, 0] * inverse[j, 0]
                + ws.interim[i, 1] * inverse[j, 1]
                + ws.interim[i, 2] * inverse[j, 2]
            )
    for row in range(count):
        a = ws.active[row]
        sign = 1.0 if ws.slip[a] >= 0.0 else -1.0
        # W_a = A (s⊗n) S F_p⁻ᵀ + F_e S (F_p⁻¹(old) s⊗n)ᵀ
        for i in range(3):
            for j in range(3):
                left, right = 0.0, 0.0
                for k in range(3):
                    left += law.schmid[a, i, k] * ws.pull[k, j]
                    right += ws.carried[i, k] * law.schmid[a, j, k]
                ws.slipped[i, j] = left
                ws.rotated[i, j] = right
        for i in range(3):
            for j in range(3):
                value = 0.0
                for k in range(3):
                    value += ws.trial[i, k] * ws.slipped[k, j]
                    value += ws.rotated[i, k] * plastic_start[j, k]
                value *= sign
                for m in range(6):
                    ws.push[3 * i + j, m] -= value * ws.slip_tangent[row, m]
    for r in range(9):
        for c in range(9):
            out[r, c] = 0.0
        for m in range(6):
            factor = ws.push[r, m]
            for c in range(9):
                out[r, c] += factor * ws.stress_gradient[m, c]
    for j in range(3):
        for k in range(3):
            value = (
                inverse[j, 0] * ws.pull[0, k]
                + inverse[j, 1] * ws.pull[1, k]
                + inverse[j, 2] * ws.pull[2, k]
            )
            for i in range(3):
                out[3 * i + k, 3 * i + j] += value
