"""What a stiffness head must give whatever it learned: bounds, turns, and the exact where it is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_stiffness import wild_head

import polyxtal as px
from polyxtal.algebra.mandel import mandel_rotation, rotate_mandel
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.mechanics.bounds.clamp import clamp_between
from polyxtal.model.heads.stiffness.basis import StiffnessBasis, stiffness_basis

seeds = st.integers(0, 2**31 - 1)
WIDTH = 24
# Zener ratios of 1e3 need constants beyond any crystal's.
pytestmark = pytest.mark.filterwarnings("ignore:Elastic constants should")


@st.composite
def crystals(draw: st.DrawFn) -> px.CubicElasticity:
    """A stable cubic crystal of Zener ratio 1e-3 to 1e3."""
    bulk, c_prime = draw(st.floats(10e3, 300e3)), draw(st.floats(5e3, 100e3))
    c44 = c_prime * 10 ** draw(st.floats(-3, 3))
    return px.CubicElasticity(bulk + 4 * c_prime / 3, bulk - 2 * c_prime / 3, c44)


def polycrystal(seed: int, grains: int = 9) -> px.Polycrystal:
    generator = torch.Generator().manual_seed(seed)
    grain_id = torch.randint(grains, (4, 3, 5), generator=generator)
    return px.Polycrystal(grain_id, random_quaternions(grains, generator))


def turn(rve: px.Polycrystal, which: int) -> px.Polycrystal:
    """Turn voxels and crystals by one of the cube's rotations."""
    rotation = CUBIC.rotations[which]
    matrix = quaternion_to_matrix(rotation).round().to(torch.int64)
    source = matrix.abs().argmax(1)
    ids = rve.grain_id.permute(*source.tolist())
    flipped = [axis for axis in range(3) if int(matrix[axis].sum()) < 0]
    ids = ids.flip(flipped) if flipped else ids
    size = [rve.size[axis] for axis in source.tolist()]
    return px.Polycrystal(ids, quaternion_multiply(rotation, rve.orientations), size)


def answer(head, rve, crystal, gate=None):
    basis = StiffnessBasis(*(part[None] for part in stiffness_basis(rve, crystal)))
    given = None if gate is None else torch.tensor([gate], dtype=torch.float64)
    with torch.no_grad():
        return head.stiffness(basis, given)[0], basis


@settings(max_examples=25, deadline=None)
@given(crystal=crystals(), seed=seeds, spread=st.sampled_from([0.0, 0.1, 3.0]))
def test_answers_lie_between_reuss_and_voigt(crystal, seed, spread):
    rve = polycrystal(seed)
    found, _ = answer(wild_head(WIDTH, spread, seed=seed), rve, crystal)
    voigt, reuss = px.voigt_average(rve, crystal), px.reuss_average(rve, crystal)
    scale = float(torch.linalg.norm(voigt))
    for difference in (voigt - found, found - reuss):
        assert float(torch.linalg.eigvalsh(difference)[0]) > -1e-10 * scale
    assert torch.equal(found, found.mT)


@settings(max_examples=15, deadline=None)
@given(crystal=crystals(), seed=seeds, which=st.integers(1, 23))
def test_turning_the_polycrystal_turns_the_answer(crystal, seed, which):
    rve, head = polycrystal(seed), wild_head(WIDTH, 0.1, seed=seed)
    found, _ = answer(head, rve, crystal)
    turned, _ = answer(head, turn(rve, which), crystal)
    expected = rotate_mandel(found, quaternion_to_matrix(CUBIC.rotations[which]))
    # Within single precision of the transform and what the self-consistent iteration leaves.
    scale = float(torch.linalg.norm(found))
    torch.testing.assert_close(turned, expected, rtol=0, atol=3e-6 * scale)
    assert float((turned - found).norm()) > 1e-5 * scale or crystal.zener == pytest.approx(
        1, abs=0.1
    )


@settings(max_examples=20, deadline=None)
@given(seed=seeds, share=st.floats(0, 1))
def test_clamping_keeps_what_is_within_and_turns(seed, share):
    generator = torch.Generator().manual_seed(seed)
    root, noise = torch.randn(2, 6, 6, generator=generator, dtype=torch.float64)
    gap = root[:, :4] @ root[:, :4].mT  # the bounds meet in two directions
    lower = 10 * torch.eye(6, dtype=torch.float64)
    upper = lower + gap
    inside = lower + share * gap
    torch.testing.assert_close(clamp_between(inside, lower, upper), inside, rtol=0, atol=1e-9)
    outside = lower + noise + noise.mT
    moved = clamp_between(outside, lower, upper)
    for difference in (upper - moved, moved - lower):
        assert float(torch.linalg.eigvalsh(difference)[0]) > -1e-9
    m = mandel_rotation(quaternion_to_matrix(random_quaternions(1, generator)[0]))
    turned = clamp_between(m @ outside @ m.mT, m @ lower @ m.mT, m @ upper @ m.mT)
    torch.testing.assert_close(turned, m @ moved @ m.mT, rtol=0, atol=1e-7)


def test_isotropic_crystals_are_exact():
    crystal = px.CubicElasticity(c11=120e3, c12=60e3, c44=30e3)
    found, _ = answer(wild_head(WIDTH, 3.0), polycrystal(0), crystal)
    torch.testing.assert_close(found, crystal.stiffness(), rtol=1e-12, atol=1e-7)


def test_a_single_crystal_is_exact():
    crystal = px.CubicElasticity(c11=88814.0, c12=70043.0, c44=37543.0)
    rve = polycrystal(1, grains=1)
    found, _ = answer(wild_head(WIDTH, 3.0), rve, crystal)
    expected = crystal.stiffness(rve.orientations)[0]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-7)


def test_the_bulk_modulus_is_exact():
    crystal = px.CubicElasticity(c11=88814.0, c12=70043.0, c44=37543.0)
    found, _ = answer(wild_head(WIDTH, 3.0), polycrystal(2), crystal)
    unit = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(found @ unit, 3 * crystal.bulk_modulus * unit, rtol=1e-9, atol=1e-5)


def test_a_closed_gate_is_hills_average():
    crystal = px.CubicElasticity(c11=88814.0, c12=70043.0, c44=37543.0)
    rve, head = polycrystal(3), wild_head(WIDTH, 0.3)
    hill = px.hill_average(rve, crystal)
    closed, _ = answer(head, rve, crystal, 0.0)
    torch.testing.assert_close(closed, hill, rtol=1e-9, atol=1e-6)
    open_, _ = answer(head, rve, crystal)
    half, _ = answer(head, rve, crystal, 0.5)
    assert float((half - hill).norm()) < float((open_ - hill).norm())


def test_the_basis_is_that_of_the_public_averages():
    crystal = px.CubicElasticity(c11=88814.0, c12=70043.0, c44=37543.0)
    rve = polycrystal(4)
    basis = stiffness_basis(rve, crystal)
    torch.testing.assert_close(basis.voigt, px.voigt_average(rve, crystal))
    torch.testing.assert_close(basis.reuss, px.reuss_average(rve, crystal))
    torch.testing.assert_close(basis.hill, px.hill_average(rve, crystal))
    consistent = px.self_consistent_average(rve, crystal)
    torch.testing.assert_close(basis.consistent, consistent, rtol=0, atol=0.5)
