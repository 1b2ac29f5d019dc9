"""Properties of the full-field stiffness, for any crystal and microstructure."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import matrix_to_quaternion, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.laue import CUBIC
from polyxtal.mechanics.bounds.averages import reuss_average, voigt_average
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.microstructure.polycrystal import Polycrystal

seeds = st.integers(0, 2**31 - 1)
schemes = st.sampled_from(["fourier", "rotated"])


@st.composite
def crystals(draw: st.DrawFn) -> CubicElasticity:
    """A cubic crystal of any Zener ratio from 0.1 to 10."""
    bulk, c_prime = draw(st.floats(30e3, 300e3)), draw(st.floats(10e3, 100e3))
    zener = 10 ** draw(st.floats(-1, 1))
    return CubicElasticity(bulk + 4 * c_prime / 3, bulk - 2 * c_prime / 3, zener * c_prime)


class Draw(NamedTuple):
    """What a random polycrystal is made from: grids even, odd and thin, voxels of any shape."""

    grid: tuple[int, int, int]
    size: tuple[float, float, float]
    grains: int
    seed: int

    def build(self, phases: int = 1) -> Polycrystal:
        generator = torch.Generator().manual_seed(self.seed)
        return Polycrystal(
            torch.randint(self.grains, self.grid, generator=generator),
            random_quaternions(self.grains, generator),
            self.size,
            torch.randint(phases, (self.grains,), generator=generator),
            ("a", "b")[:phases],
        )


draws = st.builds(
    Draw,
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.floats(0.5, 2.0)] * 3),
    st.integers(1, 8),
    seeds,
)


def relative(difference: torch.Tensor, like: torch.Tensor) -> float:
    return float(torch.linalg.norm(difference) / torch.linalg.norm(like))


@settings(max_examples=40, deadline=None)
@given(crystal=crystals(), drawn=draws, scheme=schemes)
def test_full_field_is_between_the_bounds(crystal, drawn, scheme):
    rve = drawn.build()
    result = homogenize(rve, crystal, scheme=scheme)
    stiffness, voigt = result.stiffness, voigt_average(rve, crystal)
    scale = float(torch.linalg.norm(voigt))
    assert float(torch.linalg.eigvalsh(voigt - stiffness)[0]) > -1e-10 * scale
    difference = stiffness - reuss_average(rve, crystal)
    assert float(torch.linalg.eigvalsh(difference)[0]) > -1e-10 * scale
    assert float(result.asymmetry) < 1e-6
    torch.testing.assert_close(stiffness, stiffness.mT, rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(a=crystals(), b=crystals(), drawn=draws, scheme=schemes)
def test_two_phases_are_between_the_bounds(a, b, drawn, scheme):
    rve = drawn.build(phases=2)
    elasticity = {"a": a, "b": b}
    stiffness = homogenize(rve, elasticity, scheme=scheme).stiffness
    voigt, reuss = voigt_average(rve, elasticity), reuss_average(rve, elasticity)
    scale = float(torch.linalg.norm(voigt))
    for difference in (voigt - stiffness, stiffness - reuss):
        assert float(torch.linalg.eigvalsh(difference)[0]) > -1e-10 * scale


# Columns are the images of x, y, z: the three cyclic and quarter turns generate the cube's group.
TURNS = (
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
)


@settings(max_examples=15, deadline=None)
@given(crystal=crystals(), drawn=draws, scheme=schemes, turn=st.sampled_from(TURNS))
def test_turning_the_whole_cell_turns_the_stiffness(crystal, drawn, scheme, turn):
    rve = drawn.build()
    matrix = torch.tensor(turn, dtype=torch.float64)
    axes = [int(row.abs().argmax()) for row in matrix]  # new axis i is old axis axes[i]
    voxels = rve.grain_id.permute(axes).flip([i for i in range(3) if matrix[i].sum() < 0])
    size = [rve.size[axis] for axis in axes]
    quaternion = matrix_to_quaternion(matrix)
    turned = Polycrystal(voxels, rve.rotate(quaternion).orientations, size)
    before = homogenize(rve, crystal, scheme=scheme).stiffness
    after = homogenize(turned, crystal, scheme=scheme).stiffness
    assert relative(after - rotate_mandel(before, matrix), before) < 1e-9


@pytest.mark.parametrize("scheme", ["fourier", "rotated"])
@pytest.mark.parametrize("two_phases", [False, True])
def test_every_symmetry_of_the_cube_turns_the_stiffness(scheme, two_phases):
    rve = Draw((4, 6, 5), (1.0, 1.7, 0.8), 6, 3).build(phases=2)
    crystal = CubicElasticity(168.4e3, 121.4e3, 75.4e3)
    elasticity = {"a": crystal, "b": CubicElasticity(522e3, 204e3, 160.8e3)}
    given = elasticity if two_phases else crystal
    before = homogenize(rve, given, scheme=scheme).stiffness
    moved = []
    for quaternion in CUBIC.rotations:
        matrix = quaternion_to_matrix(quaternion).round()
        axes = [int(row.abs().argmax()) for row in matrix]
        voxels = rve.grain_id.permute(axes).flip([i for i in range(3) if matrix[i].sum() < 0])
        size, turned = [rve.size[axis] for axis in axes], rve.rotate(quaternion)
        cell = Polycrystal(voxels, turned.orientations, size, rve.phase, rve.phase_names)
        after = homogenize(cell, given, scheme=scheme).stiffness
        assert relative(after - rotate_mandel(before, matrix), before) < 1e-10
        moved.append(relative(after - before, before))
    assert len(moved) == 24
    assert sum(change > 1e-4 for change in moved) == 23


@settings(max_examples=10, deadline=None)
@given(crystal=crystals(), drawn=draws, scheme=schemes, seed=seeds)
def test_shifting_the_cell_changes_nothing(crystal, drawn, scheme, seed):
    rve = drawn.build()
    shifts = torch.randint(6, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    shifted = Polycrystal(rve.grain_id.roll(shifts, (0, 1, 2)), rve.orientations, rve.size)
    before, after = (homogenize(r, crystal, scheme=scheme).stiffness for r in (rve, shifted))
    assert relative(after - before, before) < 1e-9


@settings(max_examples=10, deadline=None)
@given(crystal=crystals(), drawn=draws, scheme=schemes, seed=seeds)
def test_energy_of_the_fields_is_the_macroscopic_energy(crystal, drawn, scheme, seed):
    rve = drawn.build()
    # Hill and Mandel: <σ : ε> = <σ> : <ε>, and the fields average to what they should.
    result = homogenize(rve, crystal, 1e-8, scheme=scheme, fields=True)
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(6, generator=generator, dtype=torch.float64)
    strain, stress = result.local_strain(mean), result.local_stress(mean)
    torch.testing.assert_close(strain.mean((0, 1, 2)), mean, rtol=1e-12, atol=1e-12)
    expected = result.stiffness @ mean
    assert relative(stress.mean((0, 1, 2)) - expected, expected) < 1e-7
    work = float((strain * stress).sum(-1).mean())
    assert work == pytest.approx(float(mean @ expected), rel=1e-7)


@pytest.mark.parametrize("zener", [0.1, 0.3, 3.0, 10.0])
@pytest.mark.parametrize("scheme", ["fourier", "rotated"])
def test_high_contrast_converges_and_single_precision_agrees(zener, scheme):
    generator = torch.Generator().manual_seed(0)
    grains = torch.randint(20, (8, 8, 8), generator=generator)
    rve = Polycrystal(grains, random_quaternions(20, generator))
    c44 = 30e3
    crystal = CubicElasticity(80e3 + 4 * c44 / zener / 3, 80e3 - 2 * c44 / zener / 3, c44)
    result = homogenize(rve, crystal, scheme=scheme)
    assert 5 < result.iterations < 40
    single = homogenize(rve, crystal, scheme=scheme, dtype=torch.float32)
    assert relative(single.stiffness - result.stiffness, result.stiffness) < 1e-6
    loose = homogenize(rve, crystal, 1e-3, scheme=scheme)
    # The error of the stiffness is of second order in the residual.
    assert loose.residual > 1e-5
    assert relative(loose.stiffness - result.stiffness, result.stiffness) < 1e-5
