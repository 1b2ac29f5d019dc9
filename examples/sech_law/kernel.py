"""Compiled form of the law: the power law with another w(ξ) and dw/dξ."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field
from polyxtal.crystal.plasticity.phenopowerlaw import kernel as powerlaw
from polyxtal.crystal.plasticity.phenopowerlaw.kernel import powers

condense_law, law_step = powerlaw.condense_law, powerlaw.law_step
fill_drive, fill_limits = powerlaw.fill_drive, powerlaw.fill_limits
scratch = powerlaw.scratch


def constants(systems: int) -> list[Field]:
    """Return the fields of the law's record beyond those common to all laws."""
    return [*powerlaw.constants(systems), ("start", (systems,)), ("span", (systems,))]


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Evaluate slip and the residual of ξ, and return its largest relative value."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        ws.ratio[a] = abs(ws.resolved[a] / state[a])
    powers(law, ws)
    for a in range(systems):
        softening = law.rate[a] * dt * ws.power[a] / state[a]
        ws.slip[a] = softening * ws.resolved[a]
        ws.softening[a] = law.exponents[a] * softening
        ws.accumulated[a] = 0.0
    for b in range(systems):
        slip = abs(ws.slip[b])
        for a in range(systems):
            ws.accumulated[a] += slip * law.hardening[b, a]
    worst = 0.0
    for a in range(systems):
        reached = (state[a] - law.start[a]) / law.span[a]
        size = max(abs(reached), 1e-300) ** law.hardening_exponent[a]
        ws.saturation_factor[a] = 1.0 - size
        ws.saturation_slope[a] = 0.0
        if reached != 0.0:
            slope = law.hardening_exponent[a] * size / reached
            ws.saturation_slope[a] = -slope / law.span[a]
        value = state[a] - state_start[a] - ws.saturation_factor[a] * ws.accumulated[a]
        ws.state_residual[a] = value
        worst = max(worst, abs(value / state[a]))
    return worst
