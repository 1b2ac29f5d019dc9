"""Disorientation angles of random crystals."""

from __future__ import annotations

import math

import pytest
import torch

import polyxtal as px
from polyxtal.crystal.laue import LAUE_GROUPS
from polyxtal.texture.misorientation import misorientations


def test_mackenzie_distribution_has_its_published_mean_peak_and_end():
    at = torch.linspace(0, 70, 7001, dtype=torch.float64)
    density = px.random_misorientation_density(at.deg2rad()) * math.pi / 180
    assert float(torch.trapezoid(density, at)) == pytest.approx(1, abs=1e-4)
    assert float(torch.trapezoid(density * at, at)) == pytest.approx(40.736, abs=0.005)
    assert float(at[density.argmax()]) == pytest.approx(45.0, abs=0.05)
    assert float(at[density > 0].max()) == pytest.approx(62.80, abs=0.05)


@pytest.mark.parametrize("laue", LAUE_GROUPS)
def test_density_is_that_of_drawn_pairs(laue):
    at = torch.linspace(0, math.pi, 3001, dtype=torch.float64)
    density = px.random_misorientation_density(at, laue)
    assert float(torch.trapezoid(density, at)) == pytest.approx(1, abs=1e-3)
    drawn = misorientations(px.UniformTexture(laue), 20_000)
    mean = float(torch.trapezoid(density * at, at))
    assert float(drawn.mean()) == pytest.approx(mean, abs=0.015)
