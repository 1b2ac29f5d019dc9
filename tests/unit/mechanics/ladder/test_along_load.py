"""Bounds of loads that are not along the specimen's axes."""

from __future__ import annotations

import torch

import polyxtal as px
from polyxtal.mechanics.ladder.along_load import along_axes, along_load
from polyxtal.mechanics.ladder.error import ErrorBounds

ALUMINIUM = px.load_material("AA6022-T4")


def test_a_turned_load_has_the_bounds_of_the_load_along_that_axis():
    rve = px.tessellate(grid=9, grains=40, seed=0)
    paths = (
        px.LoadPath.uniaxial(0.005, increments=3, axis="y"),
        px.LoadPath.uniaxial(0.005, increments=3).turned(90),
    )
    along, turned = (px.predict(rve, ALUMINIUM, path, 0.05) for path in paths)
    assert along.bounds is not None
    assert turned.bounds is not None
    assert along.grid == turned.grid != rve.grid
    torch.testing.assert_close(turned.bounds.P, along.bounds.P, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(turned.bounds.F, along.bounds.F, rtol=1e-9, atol=1e-12)
    assert abs(turned.error - along.error) < 1e-9


def test_components_and_bounds_of_a_proportional_stress():
    rve = px.tessellate(grid=3, grains=4, seed=0)
    path = px.LoadPath.proportional([[2.0, 0, 0], [0, 1.0, 0], [0, 0, 0]], 0.005, increments=2)
    response = px.simulate(rve, ALUMINIUM, path)
    found = along_load(response, path)
    size = (response.P[:, 0, 0] ** 2 + response.P[:, 1, 1] ** 2).sqrt()
    torch.testing.assert_close(found.P[:, 0, 0], size, rtol=1e-5, atol=1e-5)
    # No other stress: what is left is that of the mean of the solver's residual.
    assert float(found.P[:, 1, 1].abs().max()) < 1e-3 * float(size.max())
    one = torch.zeros(3, 3, 3, dtype=torch.float64)
    one[:, 0, 0] = 3.0
    bounds = along_axes(ErrorBounds(one, one, 0.45), path)
    expected = torch.zeros(3, 3, dtype=torch.float64)
    expected[0, 0], expected[1, 1] = 6 / 5**0.5, 3 / 5**0.5
    torch.testing.assert_close(bounds.P[-1], expected)
