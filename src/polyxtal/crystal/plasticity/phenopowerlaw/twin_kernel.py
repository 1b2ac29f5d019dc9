"""The phenomenological power law of slip and twinning, compiled; see `law.py` for its equations.

The state is ξ of slip, ξ of twins, f and Γ. The increment of ξ_i by slip and twins is

    E_i = p_i Σ_b H_ib |Δγ_b| + q_i Σ_t H_it Δγ_t

with p = w m, q = 1 for slip and p = Γ^c_3, q = f^c_4 for twins. Newton's change g of |Δγ| obeys

    dξ_i (1 - ∂E_i/∂ξ_i) = Σ_b (p_i H_ib + ∂E_i/∂Γ) g_b + Σ_t (q_i H_it + ∂E_i/∂f / γ_t) g_t + c_i
    g_i = ∂Δγ_i/∂τ_i sgn(Δγ_i) dτ_i - n |Δγ_i| / ξ_i dξ_i - Δγ_i / (1 - f) df   (df: twins only)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field
from polyxtal.crystal.plasticity.phenopowerlaw.kernel import powers

TINY = 1e-300
SMALLEST_FRACTION = 1e-12
"""√f is linear below this, so that its slope stays finite. [-]"""


def constants(systems: int) -> list[Field]:
    """Return the fields of the law's record beyond those of all laws."""
    each = (systems,)
    names = (
        "rate",  # γ̇_0 [1/s]
        "exponents",  # n [-]
        "hardening_exponent",  # a of slip [-]
        "saturation",  # ξ_∞ of slip [MPa]
        "saturation_increase",  # f_sat of slip [MPa]
        "shear_inverse",  # 1/γ_char of twins, 0 of slip [-]
        "factor",  # c_1 of slip, 0 of twins [-]
        "slip_power",  # c_2 of slip, c_3 of twins [-]
        "twin_power",  # c_4 of twins, 0 of slip [-]
    )
    return [
        ("common_exponent", ()),
        *((name, each) for name in names),
        ("hardening", (systems, systems)),  # [b, i] = H_ib: acting first [MPa]
    ]


def twin_constants(law: Any) -> dict[str, Any]:
    """Return the constants that slip without twins does not have in this form."""
    slips, twins = law.slips, len(law.shear)
    none, ones = torch.zeros(slips, dtype=torch.float64), torch.ones(twins, dtype=torch.float64)
    zeros = torch.zeros(twins, dtype=torch.float64)
    reacting = torch.cat(
        [
            torch.cat([law.hardening, law.slip_by_twin], 1),
            torch.cat([law.twin_by_slip, law.twin_by_twin], 1),
        ]
    )
    return {
        "hardening_exponent": torch.cat([law.hardening_exponent, ones]),
        "saturation": torch.cat([law.saturation, ones]),
        "saturation_increase": torch.cat([law.saturation_increase, zeros]),
        "shear_inverse": torch.cat([none, 1 / law.shear]),
        "factor": torch.cat([law.c_1, zeros]),
        "slip_power": torch.cat([law.c_2, law.c_3]),
        "twin_power": torch.cat([none, law.c_4]),
        "hardening": reacting.mT,
    }


def scratch(systems: int) -> list[Field]:
    """Return the fields of the law's scratch beyond those of all laws."""
    names = (
        "ratio",
        "power",
        "by_slip",  # Σ_b H_ib |Δγ_b|
        "by_twin",  # Σ_t H_it Δγ_t
        "slip_weight",  # p
        "twin_weight",  # q
        "by_fraction",  # ∂E/∂f
        "by_total",  # ∂E/∂Γ
        "damping",  # 1 / (1 - ∂E/∂ξ)
        "constant",  # c
        "loss",  # Δγ/(1 - f) of twins
    )
    return [(name, (systems,)) for name in names]


@compiled
def _power(base, exponent):
    """Return base^exponent, 0^0 = 1, and its slope, kept finite at 0."""
    if exponent == 0.0:
        return 1.0, 0.0
    value = max(base, TINY) ** exponent
    return value, exponent * max(base, SMALLEST_FRACTION) ** (exponent - 1.0)


@compiled
def _slip(law, dt, state, ws):
    """Fill the slip of all systems and its derivatives by τ and f."""
    systems = law.schmid.shape[0]
    left = max(1.0 - state[systems], 0.0)
    for a in range(systems):
        ws.ratio[a] = abs(ws.resolved[a] / state[a])
    powers(law, ws)
    for a in range(systems):
        softening = law.rate[a] * dt * ws.power[a] / state[a]
        ws.loss[a] = 0.0
        if law.shear_inverse[a] > 0.0:
            if ws.resolved[a] <= 0.0:
                softening = 0.0
            ws.loss[a] = softening * ws.resolved[a] if left > 0.0 else 0.0
            softening *= left
        ws.slip[a] = softening * ws.resolved[a]
        ws.softening[a] = law.exponents[a] * softening


@compiled
def _harden_slip(law, a, state, ws):
    """Fill p, q and the derivatives of E of one slip system."""
    f = state[law.schmid.shape[0]]
    if f > SMALLEST_FRACTION:
        root = np.sqrt(f)
        root_slope = 0.5 / root
    else:
        root_slope = SMALLEST_FRACTION**-0.5
        root = max(f, 0.0) * root_slope
    level = law.saturation[a] + law.saturation_increase[a] * root
    exponent = law.hardening_exponent[a]
    distance = 1.0 - state[a] / level
    size = max(abs(distance), TINY)
    magnitude = size**exponent
    saturating = magnitude if distance >= 0.0 else -magnitude
    slope = exponent * magnitude / size / level  # of w: -dw/dξ, and dw/dξ_∞ ξ_∞/ξ
    power, power_slope = _power(f, law.slip_power[a])
    more = 1.0 + law.factor[a] * power
    by_level = slope * state[a] / level
    ws.slip_weight[a] = saturating * more
    ws.twin_weight[a] = 1.0
    ws.by_total[a] = 0.0
    ws.by_fraction[a] = ws.by_slip[a] * (
        by_level * law.saturation_increase[a] * root_slope * more
        + saturating * law.factor[a] * power_slope
    )
    ws.damping[a] = 1.0 / (1.0 + slope * more * ws.by_slip[a])


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Evaluate slip and the residual of ξ, f and Γ."""
    systems = law.schmid.shape[0]
    _slip(law, dt, state, ws)
    for i in range(systems):
        ws.by_slip[i] = ws.by_twin[i] = 0.0
    fraction, total = 0.0, 0.0
    for b in range(systems):
        slip = abs(ws.slip[b])
        if law.shear_inverse[b] > 0.0:
            fraction += slip * law.shear_inverse[b]
            for i in range(systems):
                ws.by_twin[i] += slip * law.hardening[b, i]
        else:
            total += slip
            for i in range(systems):
                ws.by_slip[i] += slip * law.hardening[b, i]
    rest_f = state[systems] - state_start[systems] - fraction
    rest_total = state[systems + 1] - state_start[systems + 1] - total
    ws.state_residual[systems], ws.state_residual[systems + 1] = rest_f, rest_total
    worst = max(abs(rest_f), abs(rest_total))
    for i in range(systems):
        if law.shear_inverse[i] > 0.0:
            ws.slip_weight[i], slope = _power(state[systems + 1], law.slip_power[i])
            ws.by_total[i] = slope * ws.by_slip[i]
            ws.twin_weight[i], slope = _power(state[systems], law.twin_power[i])
            ws.by_fraction[i] = slope * ws.by_twin[i]
            ws.damping[i] = 1.0
        else:
            _harden_slip(law, i, state, ws)
        evolved = ws.slip_weight[i] * ws.by_slip[i] + ws.twin_weight[i] * ws.by_twin[i]
        value = state[i] - state_start[i] - evolved
        ws.state_residual[i] = value
        ws.constant[i] = -value - ws.by_fraction[i] * rest_f - ws.by_total[i] * rest_total
        worst = max(worst, abs(value / state[i]))
    return worst


@compiled
def _gain(law, i, j, ws):
    """Return the derivative of ξ_i by |Δγ_j|, before damping."""
    share = law.shear_inverse[j]
    if share > 0.0:
        return ws.twin_weight[i] * law.hardening[j, i] + ws.by_fraction[i] * share
    return ws.slip_weight[i] * law.hardening[j, i] + ws.by_total[i]


@compiled
def condense_law(law, state, count, ws):
    """Eliminate ξ, f and Γ."""
    rest_f = ws.state_residual[law.schmid.shape[0]]
    for row in range(count):
        i = ws.active[row]
        weight = law.exponents[i] * abs(ws.slip[i]) / state[i] * ws.damping[i]
        for column in range(count):
            j = ws.active[column]
            ws.system[row, column] = weight * _gain(law, i, j, ws) + (
                ws.loss[i] * law.shear_inverse[j]
            )
        ws.system[row, row] += 1.0
        ws.slip_tangent[row, 6] = ws.loss[i] * rest_f - weight * ws.constant[i]


@compiled
def law_step(law, state, count, ws):
    """Compute Newton's step of ξ, f and Γ."""
    systems = law.schmid.shape[0]
    ws.state_step[systems] = -ws.state_residual[systems]
    ws.state_step[systems + 1] = -ws.state_residual[systems + 1]
    for i in range(systems):
        ws.state_step[i] = ws.constant[i]
    for row in range(count):
        j, slip = ws.active[row], ws.slip_step[row]
        if law.shear_inverse[j] > 0.0:
            ws.state_step[systems] += slip * law.shear_inverse[j]
        else:
            ws.state_step[systems + 1] += slip
        for i in range(systems):
            ws.state_step[i] += slip * _gain(law, i, j, ws)
    relative = abs(ws.state_step[systems])
    for i in range(systems):
        ws.state_step[i] *= ws.damping[i]
        change = abs(ws.state_step[i])
        if law.shear_inverse[i] == 0.0 or ws.resolved[i] + ws.resolved_step[i] > 0.0:
            change += abs(ws.resolved_step[i])
        relative = max(relative, change / state[i])
    return relative


@compiled
def fill_drive(law, resolved, state, out):
    """Fill `out` with |τ/ξ|, of twins only where τ > 0."""
    for a in range(law.schmid.shape[0]):
        stress = abs(resolved[a])
        if law.shear_inverse[a] > 0.0 and resolved[a] < 0.0:
            stress = 0.0
        out[a] = stress / state[a]


@compiled
def fill_limits(law, slip, dt, ws):
    """Fill `drive_limit` with (slip / (γ̇_0 Δt))^(1/n)."""
    for a in range(law.schmid.shape[0]):
        rate = law.rate[a] * dt
        ws.drive_limit[a] = np.inf if rate == 0.0 else (slip / rate) ** (1.0 / law.exponents[a])
