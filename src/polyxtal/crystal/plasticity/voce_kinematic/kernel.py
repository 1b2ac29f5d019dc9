"""Voce hardening with back stress, compiled; `VoceKinematic` states its equations.

The state is ξ and χ of every system, and Γ. Newton's change g of |Δγ| obeys, with s = sgn(Δγ),
H_ab = h_ab and A_a = Σ_b H_ab |Δγ_b|,

    dΓ   = Σ_b g_b - r_Γ
    dξ_a = θ Σ_b H_ab g_b + θ' A_a dΓ - r_ξ
    dχ_a = ((c s_a - d χ_a) g_a - r_χ) / (1 + d |Δγ_a|)
    g_a  = s_a ∂Δγ_a/∂τ_a (dτ_a - dχ_a) - n |Δγ_a| / ξ_a dξ_a
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field


def constants(systems: int) -> list[Field]:
    """Return the fields of the law's record beyond those of all laws."""
    names = (
        "rate",  # γ̇_0 [1/s]
        "exponents",  # n [-]
        "voce_stress",  # ξ_1 [MPa]
        "hardening_initial",  # θ_0 [MPa]
        "hardening_final",  # θ_1 [MPa]
        "modulus",  # c [MPa]
        "recovery",  # d [-]
    )
    return [*((name, (systems,)) for name in names), ("interaction", (systems, systems))]


def scratch(systems: int) -> list[Field]:
    """Return the fields of the law's scratch beyond those of all laws."""
    names = ("theta", "theta_slope", "accumulated", "pull_back", "damping")
    return [(name, (systems,)) for name in names]


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Evaluate slip and the residual of ξ, χ and Γ."""
    systems = law.schmid.shape[0]
    total = 0.0
    for a in range(systems):
        effective = ws.resolved[a] - state[systems + a]
        ratio = abs(effective / state[a])
        softening = law.rate[a] * dt * ratio ** (law.exponents[a] - 1.0) / state[a]
        ws.slip[a] = softening * effective
        ws.softening[a] = law.exponents[a] * softening
        ws.accumulated[a] = 0.0
        total += abs(ws.slip[a])
    for b in range(systems):
        slip = abs(ws.slip[b])
        for a in range(systems):
            ws.accumulated[a] += slip * law.interaction[b, a]
    gamma = max(state[2 * systems], 0.0)
    worst = abs(state[2 * systems] - state_start[2 * systems] - total)
    ws.state_residual[2 * systems] = state[2 * systems] - state_start[2 * systems] - total
    for a in range(systems):
        first, last, stress = law.hardening_initial[a], law.hardening_final[a], law.voce_stress[a]
        decay = np.exp(-first * gamma / stress)
        bracket = first - last + first * last * gamma / stress
        ws.theta[a] = last + bracket * decay
        ws.theta_slope[a] = first / stress * (last - bracket) * decay
        value = state[a] - state_start[a] - ws.theta[a] * ws.accumulated[a]
        ws.state_residual[a] = value
        worst = max(worst, abs(value / state[a]))
        back = state[systems + a]
        slip = ws.slip[a]
        value = (
            back
            - state_start[systems + a]
            - law.modulus[a] * slip
            + law.recovery[a] * back * abs(slip)
        )
        ws.state_residual[systems + a] = value
        worst = max(worst, abs(value) / law.state_scale[systems + a])
        sign = 1.0 if slip >= 0.0 else -1.0
        ws.pull_back[a] = law.modulus[a] * sign - law.recovery[a] * back
        ws.damping[a] = 1.0 / (1.0 + law.recovery[a] * abs(slip))
    return worst


@compiled
def condense_law(law, state, count, ws):
    """Eliminate ξ, χ and Γ."""
    systems = law.schmid.shape[0]
    rest = ws.state_residual[2 * systems]
    for row in range(count):
        a = ws.active[row]
        weight = law.exponents[a] * abs(ws.slip[a]) / state[a]
        by_total = ws.theta_slope[a] * ws.accumulated[a]
        for column in range(count):
            b = ws.active[column]
            ws.system[row, column] = weight * (ws.theta[a] * law.interaction[b, a] + by_total)
        sign = 1.0 if ws.slip[a] >= 0.0 else -1.0
        back = sign * ws.softening[a] * ws.damping[a]
        ws.system[row, row] += 1.0 + back * ws.pull_back[a]
        ws.slip_tangent[row, 6] = back * ws.state_residual[systems + a] + weight * (
            ws.state_residual[a] + by_total * rest
        )


@compiled
def law_step(law, state, count, ws):
    """Compute Newton's step of ξ, χ and Γ."""
    systems = law.schmid.shape[0]
    total = -ws.state_residual[2 * systems]
    for a in range(systems):
        ws.state_step[a] = 0.0
        ws.state_step[systems + a] = -ws.state_residual[systems + a]
    for row in range(count):
        slip, b = ws.slip_step[row], ws.active[row]
        total += slip
        ws.state_step[systems + b] += ws.pull_back[b] * slip
        for a in range(systems):
            ws.state_step[a] += slip * law.interaction[b, a]
    ws.state_step[2 * systems] = total
    relative = 0.0
    for a in range(systems):
        ws.state_step[a] = (
            ws.theta[a] * ws.state_step[a]
            + ws.theta_slope[a] * ws.accumulated[a] * total
            - ws.state_residual[a]
        )
        ws.state_step[systems + a] *= ws.damping[a]
        change = abs(ws.resolved_step[a]) + abs(ws.state_step[systems + a])
        relative = max(relative, (change + abs(ws.state_step[a])) / state[a])
    return relative


@compiled
def fill_drive(law, resolved, state, out):
    """Fill `out` with |τ - χ|/ξ."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        out[a] = abs(resolved[a] - state[systems + a]) / state[a]


@compiled
def fill_limits(law, slip, dt, ws):
    """Fill `drive_limit` with (slip / (γ̇_0 Δt))^(1/n)."""
    for a in range(law.schmid.shape[0]):
        rate = law.rate[a] * dt
        ws.drive_limit[a] = np.inf if rate == 0.0 else (slip / rate) ** (1.0 / law.exponents[a])
