"""The power law of slip alone for many points at once, see `crystal/kernel/lanes.py`.

ξ changes little within Newton's method, so that the power in its saturation is computed once, and
then by its series about the start value.
"""

from __future__ import annotations

import numpy as np

from polyxtal.algebra.compiling import compiled
from polyxtal.crystal.kernel.records import LANES, Field

TINY = 1e-300
NEAR, TERMS = 1e-3, 4
"""Largest relative change of 1 - ξ/ξ_∞ for which a power series is used, and its terms."""


def lane_scratch(systems: int) -> list[Field]:
    """Return the fields of the scratch of a batch of points beyond those of all laws."""
    names = (
        "state_inverse",  # 1/ξ
        "magnitude",  # |Δγ|
        "factor",  # w
        "accumulated",  # Σ_b H_ab |Δγ_b|
        "damping",  # 1 / (1 - dw/dξ Σ_b H_ab |Δγ_b|)
        "distance",  # 1 - ξ/ξ_∞ at the start values
        "slope",  # dw/d(ξ/ξ_∞) there
    )
    return [
        *((name, (systems, LANES)) for name in names),
        *((n, (LANES,)) for n in ("ratio", "sum")),
    ]


@compiled
def _raise_lanes(base, exponent, out):
    """Set out = base ** exponent, overwriting `base`; by squaring if the exponent is whole."""
    whole = int(exponent)
    if exponent < 0.0 or whole != exponent or whole > 256:
        for lane in range(LANES):
            out[lane] = base[lane] ** exponent
        return
    for lane in range(LANES):
        out[lane] = 1.0
    while whole > 0:
        if whole & 1:
            for lane in range(LANES):
                out[lane] *= base[lane]
        whole >>= 1
        if whole > 0:
            for lane in range(LANES):
                base[lane] *= base[lane]


@compiled
def _keep_saturation(law, a, ws):
    """Fill 1 - ξ/ξ_∞ and the slope of w for `_saturate_lanes`."""
    exponent, inverse = law.hardening_exponent[a], law.saturation_inverse[a]
    for lane in range(LANES):
        distance = 1.0 - ws.state[a, lane] * inverse
        ws.distance[a, lane] = distance
        ws.ratio[lane] = max(abs(distance), TINY)
    quarters = 4.0 * (exponent - 1.0)
    if quarters >= 0.0 and int(quarters) == quarters:
        for lane in range(LANES):
            ws.ratio[lane] = np.sqrt(np.sqrt(ws.ratio[lane]))
        _raise_lanes(ws.ratio, quarters, ws.slope[a])
    else:
        _raise_lanes(ws.ratio, exponent - 1.0, ws.slope[a])


@compiled
def _saturate_lanes(law, a, first, ws):
    """Fill w(ξ) and, into `ratio`, dw/dξ of a system, by a power series about the first ξ."""
    exponent, inverse = law.hardening_exponent[a], law.saturation_inverse[a]
    if first:
        _keep_saturation(law, a, ws)
    far = 0
    for lane in range(LANES):
        reached, kept = 1.0 - ws.state[a, lane] * inverse, ws.distance[a, lane]
        far += abs(reached - kept) > NEAR * abs(kept)
    if far > 0:
        _keep_saturation(law, a, ws)
    for lane in range(LANES):
        reached, kept = 1.0 - ws.state[a, lane] * inverse, ws.distance[a, lane]
        change = (reached - kept) / kept if kept != 0.0 else 0.0
        series = 1.0
        for k in range(TERMS, 0, -1):
            series = 1.0 + (exponent - k) / k * change * series
        ws.ratio[lane] = -exponent * inverse * ws.slope[a, lane] * series
        ws.factor[a, lane] = reached * ws.slope[a, lane] * series


@compiled
def _accumulate_lanes(law, a, slip, out):
    """Set out = Σ_b H_ab of the slip on every system b."""
    for lane in range(LANES):
        out[lane] = 0.0
    for b in range(law.schmid.shape[0]):
        hardening = law.hardening[b, a]
        if hardening != 0.0:
            for lane in range(LANES):
                out[lane] += hardening * slip[b, lane]


@compiled
def evaluate_lanes(law, dt, first, ws):
    """Evaluate slip and the residual of ξ in all lanes."""
    systems = law.schmid.shape[0]
    for a in range(systems):
        for lane in range(LANES):
            ws.state_inverse[a, lane] = 1.0 / ws.state[a, lane]
            ws.ratio[lane] = abs(ws.resolved[a, lane] * ws.state_inverse[a, lane])
        exponent, rate = law.exponents[a], law.rate[a] * dt
        _raise_lanes(ws.ratio, exponent - 1.0, ws.sum)
        for lane in range(LANES):
            softening = rate * ws.sum[lane] * ws.state_inverse[a, lane]
            ws.slip[a, lane] = softening * ws.resolved[a, lane]
            ws.magnitude[a, lane] = abs(ws.slip[a, lane])
            ws.softening[a, lane] = exponent * softening
    for lane in range(LANES):
        ws.error[lane] = 0.0
    for a in range(systems):
        _saturate_lanes(law, a, first, ws)
        _accumulate_lanes(law, a, ws.magnitude, ws.sum)
        for lane in range(LANES):
            total = ws.sum[lane]
            ws.damping[a, lane] = 1.0 / (1.0 - ws.ratio[lane] * total)
            value = ws.state[a, lane] - ws.state_start[a, lane] - ws.factor[a, lane] * total
            ws.state_residual[a, lane] = value
            ws.error[lane] = max(ws.error[lane], abs(value * ws.state_inverse[a, lane]))


@compiled
def sweep_lanes(law, ws):
    """Fill the step of ξ from that of slip, and the slip that it causes."""
    systems = law.schmid.shape[0]
    for b in range(systems):
        for lane in range(LANES):
            step = ws.slip_step[b, lane]
            ws.slip_step[b, lane] = step if ws.slip[b, lane] >= 0.0 else -step
    for a in range(systems):
        _accumulate_lanes(law, a, ws.slip_step, ws.sum)
        exponent = law.exponents[a]
        for lane in range(LANES):
            change = ws.damping[a, lane] * (
                ws.factor[a, lane] * ws.sum[lane] - ws.state_residual[a, lane]
            )
            ws.state_step[a, lane] = change
            ws.slip_by_state[a, lane] = (
                -exponent * ws.slip[a, lane] * ws.state_inverse[a, lane] * change
            )
