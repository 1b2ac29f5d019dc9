"""The law compiled: all but w(ξ) and dw/dξ is that of the power law."""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import Field
from polyxtal.crystal.plasticity.phenopowerlaw import kernel as powerlaw
from polyxtal.crystal.plasticity.phenopowerlaw.kernel import fill_slip, harden

condense_law, law_step = powerlaw.condense_law, powerlaw.law_step
fill_drive, fill_limits = powerlaw.fill_drive, powerlaw.fill_limits
scratch = powerlaw.scratch


def constants(systems: int) -> list[Field]:
    """Return what the law's record holds besides what every law has."""
    return [*powerlaw.constants(systems), ("start", (systems,)), ("span", (systems,))]


@compiled
def evaluate_law(law, state_start, dt, state, ws):
    """Evaluate slip and the residual of ξ."""
    fill_slip(law, dt, state, ws)
    for a in range(law.schmid.shape[0]):
        reached = (state[a] - law.start[a]) / law.span[a]
        size = max(abs(reached), 1e-300) ** law.hardening_exponent[a]
        ws.saturation_factor[a] = 1.0 - size
        ws.saturation_slope[a] = 0.0
        if reached != 0.0:
            slope = law.hardening_exponent[a] * size / reached
            ws.saturation_slope[a] = -slope / law.span[a]
    return harden(law, state_start, state, ws)
