"""A prescribed stress that a material cannot carry, in every model."""

from __future__ import annotations

import math
import re

import pytest

import polyxtal as px

X = math.nan
ALUMINIUM = px.load_material("AA6022-T4")
RVE = px.tessellate(grid=3, grains=4, seed=0)


def tension(stress: float) -> px.LoadPath:
    """Prescribed nominal stress within one increment of 10 s."""
    rows = ((stress, X, X), (X, 0.0, X), (X, X, 0.0))
    free = ((X, 0.0, 0.0), (0.0, X, 0.0), (0.0, 0.0, X))
    return px.LoadPath((px.LoadStep(10.0, 1, free, stress=rows),))


def network(path: px.LoadPath, engine: str = "compiled") -> px.Response:
    net = px.MaterialNetwork.from_polycrystal(RVE, leaves=2, seed=0)
    return net.respond(ALUMINIUM, path, engine=engine)


MODELS = {
    "Taylor": lambda path: px.taylor_response(RVE, ALUMINIUM, path),
    "Sachs": lambda path: px.sachs_response(RVE, ALUMINIUM, path),
    "network": network,
    "network on torch": lambda path: network(path, "torch"),
    "full field": lambda path: px.simulate(RVE, ALUMINIUM, path),
}


@pytest.mark.parametrize(
    ("name", "stress"),
    [
        ("Taylor", 1e4),
        ("Taylor", 4e8),
        ("Sachs", 500.0),
        ("network", 1e4),
        pytest.param("full field", 1e6, marks=pytest.mark.slow),
        pytest.param("network on torch", 1e4, marks=pytest.mark.slow),
    ],
)
def test_a_stress_beyond_the_limit_load_is_told_with_the_stress_reached(name, stress):
    with pytest.raises(px.ConvergenceError) as caught:
        MODELS[name](tension(stress))
    found = re.fullmatch(
        r"At load step 1, time \S+ s, P_xx reached (\S+) MPa of the prescribed (\S+) MPa: "
        r"the material cannot carry more at this rate; prescribe a strain rate instead\.",
        str(caught.value),
    )
    assert found is not None, str(caught.value)
    assert float(found[2]) == stress
    assert 250 < float(found[1]) < 1200
    assert caught.value.stress[0, 0] == pytest.approx(float(found[1]), rel=1e-3)
