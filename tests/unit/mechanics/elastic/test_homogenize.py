"""Interface of the spectral solver, and its fast form against its readable one."""

from __future__ import annotations

import pytest
import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.elastic.cell_problem import cell_problems
from polyxtal.mechanics.elastic.green import (
    SCHEMES,
    Frequencies,
    apply_green,
    divergence,
    green_operator,
    strain,
)
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.elastic.warm_start import KEPT, WarmStarts
from polyxtal.microstructure.polycrystal import Polycrystal

COPPER = CubicElasticity(168.4e3, 121.4e3, 75.4e3)
TUNGSTEN = CubicElasticity(522e3, 204e3, 160.8e3)
SOFT = CubicElasticity(60e3, 20e3, 45e3)


def polycrystal(
    grid: tuple[int, int, int] = (6, 5, 4), seed: int = 0, grains: int = 7
) -> Polycrystal:
    generator = torch.Generator().manual_seed(seed)
    return Polycrystal(
        torch.randint(grains, grid, generator=generator),
        random_quaternions(grains, generator),
        (1.0, 1.3, 0.6),
        torch.arange(grains) % 2,
        ("a", "b"),
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_divergence_is_the_adjoint_of_strain(scheme):
    k = Frequencies.of_grid((6, 5, 4), (1.0, 0.7, 1.9), scheme).mesh()
    generator = torch.Generator().manual_seed(0)
    shape = k.shape[1:]
    for components in (5, 6):
        v = torch.randn(3, *shape, generator=generator, dtype=torch.complex128)
        s = torch.randn(components, *shape, generator=generator, dtype=torch.complex128)
        left = (s.conj() * strain(k, v, components)).sum()
        right = (divergence(k, s).conj() * v).sum()
        assert abs(left) > 1
        torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_green_operator_solves_the_reference_medium(scheme):
    k = Frequencies.of_grid((6, 5, 4), (1.0, 0.7, 1.9), scheme).mesh()
    reference = COPPER.stiffness(random_quaternions(1, 0))[0] / 1e5
    basis_stiffness = _in_basis(reference).to(torch.complex128)
    generator = torch.Generator().manual_seed(1)
    force = torch.randn(3, *k.shape[1:], generator=generator, dtype=torch.complex128)
    v = apply_green(green_operator(k, reference), force)
    stress = torch.einsum("mn,nxyz->mxyz", basis_stiffness, strain(k, v))
    moving = (k != 0).any(0)
    assert 10 < int(moving.sum()) < moving.numel()
    torch.testing.assert_close(divergence(k, stress)[:, moving], force[:, moving])
    assert float(v[:, ~moving].abs().max()) == 0


def _in_basis(mandel: torch.Tensor) -> torch.Tensor:
    from polyxtal.mechanics.elastic.green import STRAIN_BASIS

    identity = torch.eye(6, dtype=torch.float64)
    torch.testing.assert_close(STRAIN_BASIS @ STRAIN_BASIS.mT, identity)
    return STRAIN_BASIS @ mandel @ STRAIN_BASIS.mT


def test_fourier_differentiates_a_sine_exactly():
    # u_y = sin(2π 2 x / L): ε_xy = 2π 2 / L cos(...) / 2, at the right place and scale.
    n, edge = 8, 0.4
    frequencies = Frequencies.of_grid((n, 1, 1), (edge / n, 3.0, 2.0))
    x = torch.arange(n, dtype=torch.float64) * edge / n
    angle = 2 * torch.pi * 2 * x / edge
    u = torch.zeros(3, n, 1, 1, dtype=torch.float64)
    u[1, :, 0, 0] = torch.sin(angle)
    v = 1j * torch.fft.rfftn(u, dim=(1, 2, 3))
    local = torch.fft.irfftn(strain(frequencies.mesh(), v), s=(n, 1, 1), dim=(1, 2, 3))
    unit = 3.0 / (2 * torch.pi)  # the longest edge over 2π
    expected = 2**-0.5 * 2 * torch.pi * 2 / edge * torch.cos(angle) * unit
    torch.testing.assert_close(local[4, :, 0, 0], expected)
    local[4] = 0
    assert float(local.abs().max()) < 1e-12


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("two_phases", [False, True])
@pytest.mark.parametrize("grid", [(6, 5, 4), (1, 1, 1), (9, 1, 3), (5, 7, 66)])
def test_compiled_loops_equal_torch(scheme, two_phases, grid):
    rve = polycrystal(grid)
    elasticity = {"a": COPPER, "b": TUNGSTEN} if two_phases else COPPER
    fast = homogenize(rve, elasticity, scheme=scheme, fields=True)
    readable = homogenize(rve, elasticity, scheme=scheme, fields=True, compiled=False)
    # Two load cases at a time take another way through the same Krylov spaces.
    torch.testing.assert_close(fast.stiffness, readable.stiffness, rtol=0, atol=1e-6)
    assert abs(fast.iterations - readable.iterations) <= 1
    seen = homogenize(rve, elasticity, scheme=scheme, start=fast, compiled=False)
    assert seen.iterations == 0
    assert seen.residual == pytest.approx(fast.residual, rel=1e-4, abs=1e-12)
    exact = [
        homogenize(rve, elasticity, 1e-11, scheme=scheme, fields=True, compiled=compiled)
        for compiled in (True, False)
    ]
    for one, two in zip(*(result.fields or () for result in exact), strict=True):
        torch.testing.assert_close(one.displacement, two.displacement, rtol=0, atol=1e-9)
    fast, readable = exact
    load = torch.tensor([0.3, -1.0, 0.2, 0.7, 0.1, -0.4], dtype=torch.float64)
    torch.testing.assert_close(fast.local_strain(load), readable.local_strain(load))
    stress = fast.local_stress(load)
    torch.testing.assert_close(stress, readable.local_stress(load), rtol=1e-7, atol=1e-4)


def test_uniform_bulk_modulus_takes_the_short_way_to_the_same_result():
    rve = polycrystal()
    bulk = COPPER.bulk_modulus
    other = CubicElasticity(bulk + 40e3, bulk - 20e3, 90e3)
    nudged = CubicElasticity(bulk + 40e3 + 1e-5, bulk - 20e3 + 1e-5, 90e3)
    short = homogenize(rve, {"a": COPPER, "b": other}, fields=True)
    long = homogenize(rve, {"a": COPPER, "b": nudged}, fields=True)
    assert short.fields is not None
    assert long.fields is not None
    assert len(short.fields[0].displacement) == 5
    assert len(long.fields[0].displacement) == 6
    assert short.iterations == long.iterations
    assert short.transforms < 0.9 * long.transforms
    torch.testing.assert_close(short.stiffness, long.stiffness, rtol=0, atol=1e-3)


def test_single_grain_and_single_voxel_are_the_crystal():
    for grid in ((1, 1, 1), (3, 4, 2)):
        rve = Polycrystal(torch.zeros(grid, dtype=torch.int64), random_quaternions(1, 3))
        for scheme in SCHEMES:
            result = homogenize(rve, COPPER, scheme=scheme)
            exact = COPPER.stiffness(rve.orientations)[0]
            torch.testing.assert_close(result.stiffness, exact, rtol=0, atol=1e-6)
            assert result.iterations == 0


def test_grains_without_voxels_change_nothing():
    rve = polycrystal()
    extra = torch.cat([rve.orientations, random_quaternions(1, 9)])
    phase = torch.cat([rve.phase, torch.tensor([2])])
    more = Polycrystal(rve.grain_id, extra, rve.size, phase, ("a", "b", "c"))
    one = homogenize(rve, COPPER)
    two = homogenize(more, {"a": COPPER, "b": COPPER, "c": TUNGSTEN})
    torch.testing.assert_close(one.stiffness, two.stiffness, rtol=0, atol=1e-8)
    assert one.transforms == two.transforms


@pytest.mark.parametrize("compiled", [True, False])
def test_batches_equal_single_results(compiled):
    rves = [polycrystal(seed=seed) for seed in (0, 1)]
    crystals = [COPPER, {"a": TUNGSTEN, "b": SOFT}]
    single = [
        homogenize(rve, crystal, 1e-9).stiffness
        for rve, crystal in zip(rves, crystals, strict=True)
    ]
    assert float((single[0] - single[1]).abs().max()) > 1e3
    both = homogenize(rves, crystals, 1e-9, compiled=compiled)
    assert both.asymmetry.shape == (2,)
    torch.testing.assert_close(both.stiffness, torch.stack(single), rtol=1e-9, atol=1e-4)
    triplets = homogenize(rves[0], crystals, 1e-9, compiled=compiled)
    torch.testing.assert_close(triplets.stiffness[0], single[0], rtol=1e-9, atol=1e-4)
    last = homogenize(rves[0], crystals[1], 1e-9).stiffness
    torch.testing.assert_close(triplets.stiffness[1], last, rtol=1e-9, atol=1e-4)
    shared = homogenize(rves, COPPER, 1e-9, compiled=compiled)
    torch.testing.assert_close(shared.stiffness[0], single[0], rtol=1e-9, atol=1e-4)
    assert homogenize([rves[0]], COPPER).stiffness.shape == (1, 6, 6)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_warm_start_saves_iterations_and_keeps_the_result(compiled, scheme):
    rve = polycrystal()
    near, how = CubicElasticity(170e3, 121e3, 75e3), {"compiled": compiled, "scheme": scheme}
    cold = homogenize(rve, near, 1e-8, **how)
    known = homogenize(rve, COPPER, 1e-8, fields=True, **how)
    warm = homogenize(rve, near, 1e-8, start=known, **how)
    assert warm.iterations < cold.iterations
    torch.testing.assert_close(warm.stiffness, cold.stiffness, rtol=0, atol=1e-6)
    again = homogenize(rve, COPPER, 1.1e-8, start=known, **how)
    assert again.iterations <= 1
    # From five load cases to six.
    mixed = {"a": COPPER, "b": TUNGSTEN}
    warm = homogenize(rve, mixed, 1e-8, start=known, **how)
    cold = homogenize(rve, mixed, 1e-8, **how)
    torch.testing.assert_close(warm.stiffness, cold.stiffness, rtol=0, atol=1e-4)


def test_sequence_of_crystals_starts_from_what_it_knows():
    rve = polycrystal()
    bulk, shears = 100e3, [(30e3, 30e3 * 1.2**step) for step in range(8)]
    crystals = [CubicElasticity(bulk + 4 * c / 3, bulk - 2 * c / 3, c44) for c, c44 in shears]
    cold = [homogenize(rve, crystal) for crystal in crystals]
    warm = homogenize(rve, crystals)
    for one, other in zip(cold, warm.stiffness, strict=True):
        torch.testing.assert_close(one.stiffness, other, rtol=0, atol=1e-6)
    assert warm.transforms < 0.8 * sum(result.transforms for result in cold)
    # Another polycrystal is another problem, on the same grid, too.
    others = [polycrystal(seed=seed) for seed in (1, 2)]
    apart = sum(homogenize(other, COPPER).transforms for other in others)
    assert homogenize(others, COPPER).transforms == apart


def test_few_solutions_are_remembered():
    rve, warm = polycrystal(), WarmStarts()
    assert warm.suggest(cell_problems([rve], [COPPER])[0]) is None
    for step in range(KEPT + 2):
        crystal = CubicElasticity(168.4e3, 121.4e3, 75.4e3 + 1e3 * step)
        result = homogenize(rve, crystal, fields=True)
        assert result.fields is not None
        problem, kept = result.fields[0].problem, result.fields[0].displacement
        warm.keep(problem, kept)
        found = warm.suggest(problem)
        assert found is not None
        torch.testing.assert_close(found, kept, rtol=1e-4, atol=1e-6)
    assert len(warm._known) == KEPT


def test_loose_result_is_of_second_order():
    rve = polycrystal()
    exact = homogenize(rve, COPPER, 1e-10).stiffness
    errors = [
        float((homogenize(rve, COPPER, tol).stiffness - exact).abs().max()) / 1e5
        for tol in (1e-1, 1e-3)
    ]
    assert 1e-7 < errors[0] < 1e-2
    assert errors[1] < 1e-5 * 1e-1


@pytest.mark.parametrize("compiled", [True, False])
def test_giving_up_tells_the_residual_and_what_to_do(compiled):
    with pytest.raises(ConvergenceError, match=r"after 2 iterations.*max_iterations") as raised:
        homogenize(polycrystal(), COPPER, max_iterations=2, compiled=compiled)
    assert 1e-6 < raised.value.residual < 1


@pytest.mark.parametrize("compiled", [True, False])
def test_progress_is_reported_every_iteration(compiled):
    seen: list[float] = []
    result = homogenize(polycrystal(), COPPER, on_iteration=seen.append, compiled=compiled)
    calls = result.transforms / (2 * 5)
    assert len(seen) == (calls - 2.5 if compiled else calls / 5 - 1)
    assert result.residual in seen
    assert seen[-1] <= 1e-6 < seen[0]


def ball(voxels: int = 8) -> Polycrystal:
    """Fill a tenth of a cell of random grains with a ball of another phase, "b"."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.arange(voxels) - (voxels - 1) / 2
    inside = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < (0.29 * voxels) ** 2
    grains = torch.randint(10, (voxels,) * 3, generator=generator)
    grains[inside] = 10
    phase = torch.tensor([0] * 10 + [1])
    quaternions = random_quaternions(11, generator)
    return Polycrystal(grains, quaternions, phase=phase, phase_names=("a", "b"))


@pytest.mark.parametrize("compiled", [True, False])
def test_voids_converge_rotated_and_the_error_says_so(compiled):
    rve, crystals = ball(), {"a": COPPER, "b": None}
    result = homogenize(rve, crystals, scheme="rotated", compiled=compiled)
    assert result.iterations < 100
    assert 0.7 < float(result.stiffness[0, 0] / homogenize(rve, COPPER).stiffness[0, 0]) < 0.95
    with pytest.raises(ConvergenceError, match=r"for voids .* take scheme='rotated'"):
        homogenize(rve, crystals, scheme="fourier", max_iterations=100, compiled=compiled)


@pytest.mark.filterwarnings("ignore:Elastic constants should")  # as the contrast makes them
@pytest.mark.parametrize("contrast", [1e-3, 1e3])
def test_contrast_of_a_thousand_converges_rotated(contrast):
    rve = ball()
    other = CubicElasticity(*(contrast * c for c in (COPPER.c11, COPPER.c12, COPPER.c44)))
    crystals = {"a": COPPER, "b": other}
    fast = homogenize(rve, crystals, 1e-8, scheme="rotated")
    assert fast.iterations < 300
    readable = homogenize(rve, crystals, 1e-8, scheme="rotated", compiled=False)
    torch.testing.assert_close(fast.stiffness, readable.stiffness, rtol=1e-8, atol=1e-3)
    single = homogenize(rve, crystals, 1e-5, scheme="rotated", dtype=torch.float32)
    torch.testing.assert_close(single.stiffness, fast.stiffness, rtol=1e-5, atol=3.0)


def test_a_void_carries_nothing():
    # A layer of void leaves no stiffness across, and the plane-stress stiffness along it.
    layers = torch.tensor([0, 0, 0, 1, 1]).reshape(1, 1, 5)
    rve = Polycrystal(layers, [[1, 0, 0, 0]] * 2, phase=[0, 1], phase_names=("solid", "void"))
    result = homogenize(rve, {"solid": COPPER, "void": None}, scheme="rotated", fields=True)
    across = result.stiffness[[2, 3, 4]]
    assert float(across.abs().max()) < 1e-3
    c11, c12 = COPPER.c11, COPPER.c12
    assert float(result.stiffness[0, 0]) == pytest.approx(0.6 * (c11 - c12**2 / c11), rel=1e-6)
    assert float(result.stiffness[5, 5]) == pytest.approx(0.6 * 2 * COPPER.c44, rel=1e-6)
    stress = result.local_stress(torch.ones(6, dtype=torch.float64))
    assert float(stress[..., 3:, :].abs().max()) == 0
    with pytest.raises(ValueError, match="not void"):
        homogenize(rve, {"solid": None, "void": None})


def test_invalid_arguments_are_named():
    rve = polycrystal()
    for given, message in (
        ({"tol": 0.0}, "`tol` must be between"),
        ({"scheme": "staggered"}, "`scheme` must be one of"),
        ({"dtype": torch.float16}, "`dtype` must be"),
        ({"device": "meta", "compiled": True}, "`compiled` must be False"),
        ({"start": homogenize(rve, COPPER)}, "`start` must hold the fields of 1"),
        (
            {"start": homogenize(rve, COPPER, fields=True), "scheme": "rotated"},
            "same grid, size and scheme",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            homogenize(rve, COPPER, **given)
    with pytest.raises(ValueError, match="one entry for each polycrystal"):
        homogenize([rve, rve], [COPPER] * 3)
    with pytest.raises(ValueError, match="At least one"):
        homogenize([], COPPER)
    with pytest.raises(ValueError, match="share grid and size"):
        homogenize([rve, polycrystal((4, 5, 6))], COPPER)
    with pytest.raises(ValueError, match="fields=True"):
        homogenize(rve, COPPER).local_strain(torch.zeros(6, dtype=torch.float64))
    with pytest.raises(ValueError, match="holds a and not 'b'"):
        homogenize(rve, {"a": COPPER})
