"""Standard fibres and sets of orientations: where they lie, and the volume about them."""

from __future__ import annotations

import math

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.fibres import (
    BETA,
    beta_fibre,
    component_variants,
    find_fibre,
    sheet_variants,
    standard_fibres,
)

FIFTEEN = math.radians(15)


def test_the_beta_fibre_runs_from_copper_over_s_to_brass():
    line = beta_fibre()
    step = CUBIC.disorientation(line[1:], line[:-1]).rad2deg()
    assert 3 < float(step.min()) <= float(step.max()) < 5.01
    for name, place in (("copper", 0), ("brass", -1)):
        gap = CUBIC.disorientation(component_variants(name), line[place])
        assert float(gap.min()) < 1e-6
    assert float(CUBIC.disorientation(component_variants("s")[:, None], line[None]).min()) < 1e-6
    # About 19 degrees from copper to S and from S to brass, as their published angles have it.
    assert float(step.sum()) == pytest.approx(38.8, abs=0.5)
    # Φ falls from 35° at φ2 = 45° and is 45° at φ2 = 90° (Hirsch and Lücke).
    last = quaternion_to_bunge(CUBIC.equivalents(component_variants("brass"))).reshape(-1, 3)
    known = torch.tensor([35.26, 45.0, 90.0], dtype=torch.float64)
    assert float((last.rad2deg() - known).abs().amax(1).min()) < 0.1


def test_volumes_of_fibres_by_name_are_those_of_counted_orientations():
    texture = px.rolling_texture({"s": 0.5, "brass": 0.2}, halfwidth=0.2)
    drawn = texture.orientations(6_000, seed=1)
    odf = px.ODF.from_texture(texture, math.radians(9))
    beta = px.ODF([[1, 0, 0, 0]], uniform=1.0)
    line = sheet_variants(beta_fibre())
    for density, q, tolerance in (
        (odf, drawn, 0.02),
        (beta, px.UniformTexture().orientations(6_000, seed=2), 0.015),
    ):
        gaps = torch.stack([CUBIC.disorientation(q, centre) for centre in line]).amin(0)
        counted = float((gaps < FIFTEEN).double().mean())
        assert density.volume_fraction(fibre="beta") == pytest.approx(counted, abs=tolerance)
    gamma = odf.volume_fraction(fibre="gamma")
    assert gamma == odf.volume_fraction(fibre=((1, 1, 1), (0, 0, 1)))
    named = float(odf.bands("volume fraction", fibre=BETA).value)
    assert named == pytest.approx(odf.volume_fraction(fibre="beta"), rel=0.01)


def test_several_orientations_count_once_where_their_balls_overlap():
    odf = px.ODF([[1, 0, 0, 0]], uniform=1.0)
    q = px.UniformTexture().orientations(1, seed=3)
    near = px.ODF(q, halfwidth=math.radians(5)).orientations(1, seed=4)
    one = odf.volume_fraction(q[0])
    assert odf.volume_fraction(torch.cat([q, q, CUBIC.equivalents(q)[0]])) == pytest.approx(
        one, rel=0.01
    )
    both = odf.volume_fraction(torch.cat([q, near]), angle=math.radians(20))
    uniform = px.UniformTexture().orientations(40_000, seed=5)
    gaps = torch.stack([CUBIC.disorientation(uniform, c[0]) for c in (q, near)]).amin(0)
    assert both == pytest.approx(float((gaps < math.radians(20)).double().mean()), rel=0.04)
    with pytest.raises(ValueError, match=r"one quaternion or several, shape \(n, 4\)"):
        odf.volume_fraction(q[None])


@pytest.mark.parametrize(
    ("laue", "name", "tilt", "azimuth"),
    [
        ("6/mmm", "basal", 0.0, None),
        ("6/mmm", "prismatic <10-10> || z", 90.0, 30.0),
        ("6/mmm", "prismatic <11-20> || z", 90.0, 0.0),
        ("4/mmm", "<110>", 90.0, 45.0),
        ("m-3m", "gamma", 54.7356, 45.0),
    ],
)
def test_fibres_have_the_crystal_directions_of_their_names(laue, name, tilt, azimuth):
    found = find_fibre(name, LaueGroup(laue))
    assert found is not None
    x, y, z = (float(part) for part in found[0])
    assert math.degrees(math.atan2(math.hypot(x, y), z)) == pytest.approx(tilt, abs=1e-3)
    if azimuth is not None:
        assert math.degrees(math.atan2(y, x)) == pytest.approx(azimuth)
    if laue == "6/mmm" and azimuth is not None:
        plane = [1, 0, -1, 0] if azimuth == 30 else [2, -1, -1, 0]
        normal = px.Lattice("hP", 1.6).plane(plane)
        torch.testing.assert_close(normal, torch.tensor([x, y, z], dtype=torch.float64))


def test_every_group_has_fibres_and_unknown_names_are_told():
    for name in ("-1", "2/m", "mmm", "4/m", "-3", "-3m", "6/m", "m-3"):
        fibres = standard_fibres(LaueGroup(name))
        odf = px.ODF([[1, 0, 0, 0]], uniform=1.0, laue=name)
        for fibre in fibres:
            expected = odf.volume_fraction(fibre=fibres[fibre])
            assert 0 < expected < 0.4
    with pytest.raises(ValueError, match="`fibre` must be one of basal"):
        find_fibre("gamma", LaueGroup("6/mmm"))
