"""The phenomenological power law of slip alone, compiled; see `law.py` for its equations.

The state is ξ. Newton's change g of |Δγ| and that of ξ obey, with H_ab = h_0 h_ab,

    dξ_a = (w_a Σ_b H_ab g_b - r_a) / (1 - w'_a Σ_b H_ab |Δγ_b|)
    g_a  = sgn(Δγ_a) ∂Δγ_a/∂τ_a dτ_a - n |Δγ_a| / ξ_a dξ_a
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field
from polyxtal.crystal.plasticity.phenopowerlaw.lane_kernel import evaluate_lanes as evaluate_lanes
from polyxtal.crystal.plasticity.phenopowerlaw.lane_kernel import lane_scratch as lane_scratch
from polyxtal.crystal.plasticity.phenopowerlaw.lane_kernel import sweep_lanes as sweep_lanes

TINY = 1e-300


def constants(systems: int) -> list[Field]:
    """Return the fields of the law's record beyond those of all laws."""
    each = (systems,)
    return [
        ("common_exponent", ()),  # n, where all systems share it; else -1 [-]
        ("quarters", ()),  # 4 a, where all systems share it and it is whole; else -1 [-]
        ("rate", each),  # γ̇_0 [1/s]
        ("exponents", each),  # n [-]
        ("hardening_exponent", each),  # a [-]
        ("saturation_inverse", each),  # 1/ξ_∞ [1/MPa]
        ("hardening", (systems, systems)),  # [b, a] = h_0 h_ab: acting first [MPa]
    ]


def scratch(systems: int) -> list[Field]:
    """Return the fields of the law's scratch beyond those of all laws."""
    names = ("ratio", "power", "saturation_factor", "saturation_slope", "accumulated")
    return [(name, (systems,)) for name in names]


@compiled
def raise_ratio(whole, ws):
    """Multiply `power` by `ratio` ** whole by repeated squaring, faster than a real power."""
    while whole > 0:
        if whole & 1:
            for a in range(len(ws.power)):
                ws.power[a] *= ws.ratio[a]
        for a in range(len(ws.ratio)):
            ws.ratio[a] *= ws.ratio[a]
        whole >>= 1


@compiled
def powers(law, ws):
    """Fill `power` with `ratio` ** (n - 1), by squaring if all share a whole exponent."""
    systems = law.schmid.shape[0]
    exponent = law.common_exponent - 1.0
    whole = int(exponent)
    if exponent < 0.0 or whole != exponent or whole > 256:
        for a in range(systems):
            ws.power[a] = ws.ratio[a] ** (law.exponents[a] - 1.0)
        return
    for a in range(systems):
        ws.power[a] = 1.0
    raise_ratio(whole, ws)


@compiled
def saturate(law, resistance, ws):
    """Fill w(ξ) = sgn(1 - ξ/ξ_∞) |1 - ξ/ξ_∞|^a and dw/dξ."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        ws.saturation_slope[a] = 1.0 - resistance[a] * law.saturation_inverse[a]
        ws.saturation_factor[a] = max(abs(ws.saturation_slope[a]), TINY)
    quarters = int(law.quarters)
    if quarters < 0:
        for a in range(systems):
            ws.power[a] = ws.saturation_factor[a] ** law.hardening_exponent[a]
    else:
        for a in range(systems):
            ws.ratio[a] = np.sqrt(np.sqrt(ws.saturation_factor[a]))
            ws.power[a] = 1.0
        raise_ratio(quarters, ws)
    for a in range(systems):
        distance, size, magnitude = ws.saturation_slope[a], ws.saturation_factor[a], ws.power[a]
        ws.saturation_factor[a] = magnitude if distance >= 0.0 else -magnitude
        ws.saturation_slope[a] = (
            -law.hardening_exponent[a] * law.saturation_inverse[a] * magnitude / size
        )


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Evaluate slip and the residual of ξ."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        ws.ratio[a] = abs(ws.resolved[a] / state[a])
    powers(law, ws)
    for a in range(systems):
        softening = law.rate[a] * dt * ws.power[a] / state[a]
        ws.slip[a] = softening * ws.resolved[a]
        ws.softening[a] = law.exponents[a] * softening
    saturate(law, state, ws)
    for a in range(systems):
        ws.accumulated[a] = 0.0
    for b in range(systems):
        slip = abs(ws.slip[b])
        for a in range(systems):
            ws.accumulated[a] += slip * law.hardening[b, a]
    worst = 0.0
    for a in range(systems):
        value = state[a] - state_start[a] - ws.saturation_factor[a] * ws.accumulated[a]
        ws.state_residual[a] = value
        worst = max(worst, abs(value / state[a]))
    return worst


@compiled
def condense_law(law, state, count, ws):
    """Eliminate ξ."""
    for row in range(count):
        a = ws.active[row]
        damping = 1.0 / (1.0 - ws.saturation_slope[a] * ws.accumulated[a])
        weight = law.exponents[a] * abs(ws.slip[a]) / state[a] * damping
        coupling = weight * ws.saturation_factor[a]
        for column in range(count):
            ws.system[row, column] = coupling * law.hardening[ws.active[column], a]
        ws.system[row, row] += 1.0
        ws.slip_tangent[row, 6] = weight * ws.state_residual[a]


@compiled
def law_step(law, state, count, ws):
    """Compute Newton's step of ξ."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        ws.ratio[a] = 0.0
    for row in range(count):
        slip, b = ws.slip_step[row], ws.active[row]
        for a in range(systems):
            ws.ratio[a] += slip * law.hardening[b, a]
    relative = 0.0
    for a in range(systems):
        ws.state_step[a] = (ws.saturation_factor[a] * ws.ratio[a] - ws.state_residual[a]) / (
            1.0 - ws.saturation_slope[a] * ws.accumulated[a]
        )
        relative = max(relative, (abs(ws.resolved_step[a]) + abs(ws.state_step[a])) / state[a])
    return relative


@compiled
def fill_drive(law, resolved, state, out):
    """Fill `out` with |τ/ξ|."""
    for a in range(law.schmid.shape[0]):
        out[a] = abs(resolved[a]) / state[a]


@compiled
def fill_limits(law, slip, dt, ws):
    """Fill `drive_limit` with (slip / (γ̇_0 Δt))^(1/n)."""
    for a in range(law.schmid.shape[0]):
        rate = law.rate[a] * dt
        ws.drive_limit[a] = np.inf if rate == 0.0 else (slip / rate) ** (1.0 / law.exponents[a])
