"""The full-field simulation: its two laws, its solver, and what must hold of any answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    random_quaternions,
    rotation_angle,
)
from polyxtal.crystal.material import Material
from polyxtal.mechanics.bounds.moduli import engineering_constants
from polyxtal.mechanics.fullfield.cell_law import VOID, ReadableCellLaw
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.history import History
from polyxtal.mechanics.fullfield.krylov import conjugate_gradients
from polyxtal.mechanics.fullfield.predictor import Predictor
from polyxtal.mechanics.fullfield.simulate import build_cell
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork

ALUMINIUM, COPPER = px.load_material("AA6022-T4"), px.load_material("Cu")
STIFF = Material("stiff", px.CubicElasticity(240e3, 110e3, 90e3), None)


def polycrystal(grid=(5, 5, 5), grains=6, seed=0, size=(1.0, 1.0, 1.0), phases=1):
    generator = torch.Generator().manual_seed(seed)
    return px.Polycrystal(
        torch.randint(grains, grid, generator=generator),
        random_quaternions(grains, generator),
        size,
        torch.arange(grains) % phases,
        ("a", "b")[:phases],
    )


TWO_PHASES = {"a": ALUMINIUM, "b": STIFF}
SHORT = px.LoadPath.uniaxial(0.006, increments=6)


def test_both_laws_agree_at_every_voxel():
    generator = torch.Generator().manual_seed(3)
    voxels = 150  # two whole blocks and a part of one
    phase = torch.randint(-1, 2, (voxels,), generator=generator)
    q = random_quaternions(voxels, generator)
    laws = [
        ReadableCellLaw((ALUMINIUM, STIFF), phase, q),
        CompiledCellLaw((ALUMINIUM, STIFF), phase, q, 2),
    ]
    change = torch.randn(9, voxels, generator=generator, dtype=torch.float64)
    gradient = torch.randn(9, voxels, generator=generator)
    for step in (1.0, 2.0, -1.0):
        deformation = torch.eye(3, dtype=torch.float64).reshape(9, 1) + 2e-3 * step * change
        assert all(law.evaluate(deformation, 1.0) for law in laws)
        for law in laws:
            law.linearise()
        torch.testing.assert_close(laws[1].piola, laws[0].piola, rtol=1e-7, atol=1e-6)
        products = [law.multiply(gradient) for law in laws]
        torch.testing.assert_close(products[1], products[0], rtol=1e-4, atol=1e-2 * 107e3 * 1e-3)
        for law in laws:
            law.accept()
        solid = phase != VOID
        internal = [(law.plastic_inverse(), law.internal()["slip_resistance"]) for law in laws]
        for a, b in zip(*internal, strict=True):
            torch.testing.assert_close(b[solid], a[solid], rtol=1e-8, atol=1e-9)
        slip = [law.slip()["slip"] for law in laws]
        torch.testing.assert_close(slip[1], slip[0], rtol=1e-6, atol=1e-12)
        assert float(slip[0][solid].max()) > 0
        assert float(slip[0][~solid].abs().max()) == 0
        turned = [law.orientations(deformation) for law in laws]
        torch.testing.assert_close(turned[1][solid], turned[0][solid], rtol=0, atol=1e-10)
        torch.testing.assert_close(
            laws[0].mean_tangent(), laws[1].mean_tangent(), rtol=1e-4, atol=1.0
        )
    assert float(laws[1].piola[:, phase == VOID].abs().max()) == 0.0


def test_the_guess_follows_the_deformation():
    generator = torch.Generator().manual_seed(3)
    voxels = 150
    phase = torch.zeros(voxels, dtype=torch.int64)
    law = CompiledCellLaw((ALUMINIUM,), phase, random_quaternions(voxels, generator), 2)
    rate = torch.randn(9, voxels, generator=generator, dtype=torch.float64)
    deformation = torch.eye(3, dtype=torch.float64).reshape(9, 1) + 3e-3 * rate
    assert law.evaluate(deformation, 1.0)
    law.linearise()
    before = law.guess["stress"].clone()
    change = 1e-6 * torch.randn(9, voxels, generator=generator, dtype=torch.float64)
    law.anticipate(change)
    guess = law.guess["stress"].clone()
    assert law.evaluate(deformation + change, 1.0)
    after = law.guess["stress"]
    assert float((guess - after).norm()) < 0.01 * float((before - after).norm())


def test_a_law_without_a_solution_says_so():
    q = random_quaternions(3)
    deformation = torch.eye(3, dtype=torch.float64).reshape(9, 1).repeat(1, 3)
    deformation[0, 1] = -1.0
    for law in (
        ReadableCellLaw((ALUMINIUM,), torch.zeros(3, dtype=torch.int64), q),
        CompiledCellLaw((ALUMINIUM,), torch.zeros(3, dtype=torch.int64), q),
    ):
        assert not law.evaluate(deformation, 1.0)


def test_conjugate_gradients_solve_and_give_up():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    a = a @ a.mT + 3 * torch.eye(12, dtype=torch.float64)
    b = torch.randn(12, generator=generator, dtype=torch.float64)

    def solve(matrix, right, most=50):
        return conjugate_gradients(
            lambda x: matrix @ x,
            lambda r: r / a.diagonal(),
            lambda x, y: float(x @ y),
            right,
            1e-10,
            most,
        )

    torch.testing.assert_close(solve(a, b).x, torch.linalg.solve(a, b), rtol=1e-8, atol=1e-9)
    assert solve(a, torch.zeros_like(b)).iterations == 0
    assert solve(a, b, 2).iterations == 2
    assert solve(-a, b).reduction == 1.0  # not positive: nothing is better than a wrong step


def test_the_predictor_knows_parabolas_and_forgets_at_turns():
    def state(t):
        return {"x": torch.tensor([1.0 + 2 * t - 0.3 * t**2, t], dtype=torch.float64)}

    predictor = Predictor()
    assert not predictor.ready
    predictor.accept(state(0.0), state(0.5), 0.5, new_direction=True)
    predictor.accept(state(0.5), state(1.7), 1.2, new_direction=False)
    torch.testing.assert_close(predictor.predict(state(1.7), 0.9)["x"], state(2.6)["x"])
    other = Predictor()
    other.restore(predictor.state())
    torch.testing.assert_close(other.predict(state(1.7), 0.9)["x"], state(2.6)["x"])
    predictor.accept(state(1.7), state(2.0), 0.3, new_direction=True)
    slope = (state(2.0)["x"] - state(1.7)["x"]) / 0.3
    torch.testing.assert_close(predictor.predict(state(2.0), 1.0)["x"], state(2.0)["x"] + slope)


@pytest.mark.parametrize("scheme", ["fourier", "rotated"])
def test_both_laws_give_one_answer(scheme):
    rve = polycrystal((4, 3, 5), phases=2, size=(1.0, 1.4, 0.8))
    path = px.LoadPath.uniaxial(0.004, increments=4)
    fast, plain = (
        px.simulate(rve, TWO_PHASES, path, tol=1e-8, scheme=scheme, compiled=c)
        for c in (True, False)
    )
    torch.testing.assert_close(fast.P, plain.P, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(fast.F, plain.F, rtol=0, atol=1e-9)
    torch.testing.assert_close(fast.orientations, plain.orientations, rtol=0, atol=1e-8)
    torch.testing.assert_close(fast.fields.P, plain.fields.P, rtol=1e-5, atol=1e-3)


def test_threads_do_not_change_the_answer():
    rve = polycrystal((16, 16, 9), grains=20)
    path = px.LoadPath.shear(0.002, increments=2)
    one, three = (px.simulate(rve, ALUMINIUM, path, threads=n) for n in (1, 3))
    assert torch.equal(one.P, three.P)
    assert torch.equal(one.fields.P, three.fields.P)


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 2, 2), (4, 1, 3)])
def test_a_single_crystal_deforms_uniformly(grid):
    rve = px.Polycrystal(torch.zeros(grid, dtype=torch.int64), random_quaternions(1, 5))
    response = px.simulate(rve, ALUMINIUM, SHORT, tol=1e-9)
    exact = px.taylor_response(rve, ALUMINIUM, SHORT)
    torch.testing.assert_close(response.P, exact.P, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(response.orientations, exact.orientations, rtol=0, atol=1e-9)


@pytest.mark.parametrize("load", ["tension", "shear", "unload"])
def test_layers_answer_like_a_laminate(load):
    # Layers across x: the rotated scheme is exact for them, and so is a network of two leaves.
    path = {
        "tension": px.LoadPath.uniaxial(0.01, increments=10),
        "shear": px.LoadPath.shear(0.01, plane="xy", increments=10),
        "unload": px.LoadPath.uniaxial(0.005, increments=5, unload=True),
    }[load]
    q = random_quaternions(2, 11)
    rve = px.Polycrystal(torch.tensor([0, 0, 1, 1, 1]).reshape(5, 1, 1), q)
    response = px.simulate(rve, ALUMINIUM, path, tol=1e-9, scheme="rotated")
    laminate = MaterialNetwork(
        BinaryTree(np.array([0]), np.array([1])),
        q,
        torch.tensor([0.4, 0.6], dtype=torch.float64),
        torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64),
        torch.zeros(2, dtype=torch.int64),
    ).respond(ALUMINIUM, path)
    torch.testing.assert_close(response.P, laminate.P, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(response.orientations, laminate.orientations, rtol=0, atol=1e-8)


def test_small_strains_are_elastic():
    rve = polycrystal((6, 5, 4), phases=2)
    crystals = {"a": ALUMINIUM.elasticity, "b": STIFF.elasticity}
    stiffness = px.homogenize(rve, crystals, 1e-8).stiffness
    strain = 1e-6
    path = px.LoadPath.uniaxial(strain, increments=1)
    response = px.simulate(rve, TWO_PHASES, path, tol=1e-9)
    # F is diagonal, lateral stresses vanish: condense the stiffness to its normal block.
    normal = stiffness[:3, :3]
    expected = strain * (
        normal[0, 0] - normal[0, 1:] @ torch.linalg.solve(normal[1:, 1:], normal[1:, 0])
    )
    assert float(response.P[-1, 0, 0]) == pytest.approx(float(expected), rel=1e-5)


def test_averages_over_grains_add_up():
    rve = polycrystal((5, 4, 6), phases=2)
    response = px.simulate(rve, TWO_PHASES, SHORT)
    w = response.weights
    torch.testing.assert_close(torch.einsum("g,tgij->tij", w, response.grain_F), response.F)
    torch.testing.assert_close(
        torch.einsum("g,tgij->tij", w, response.grain_P), response.P, rtol=1e-9, atol=1e-8
    )
    fields = response.fields
    torch.testing.assert_close(fields.F.mean((0, 1, 2)), response.F[-1])
    torch.testing.assert_close(
        torch.linalg.det(fields.plastic_deformation), torch.ones(rve.grid).double()
    )
    # Hill-Mandel: mean work is the work of the means, to the tolerance of equilibrium.
    work = (fields.P * fields.F).sum((-2, -1)).mean()
    assert float(work) == pytest.approx(float((response.P[-1] * response.F[-1]).sum()), rel=1e-4)


def test_a_turned_cell_answers_turned():
    # A quarter turn about z, of voxels and of crystals.
    rve = polycrystal((4, 6, 5), size=(1.0, 1.2, 0.9))
    turn = normalize_quaternion(torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64))
    grain = torch.flip(rve.grain_id.transpose(0, 1), (0,))
    turned = px.Polycrystal(
        grain, quaternion_multiply(turn.expand(6, 4), rve.orientations), (1.2, 1.0, 0.9)
    )
    kwargs = {"increments": 5}
    along_x = px.simulate(rve, ALUMINIUM, px.LoadPath.uniaxial(0.005, axis="x", **kwargs), tol=1e-9)
    along_y = px.simulate(
        turned, ALUMINIUM, px.LoadPath.uniaxial(0.005, axis="y", **kwargs), tol=1e-9
    )
    r = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(along_y.P, r @ along_x.P @ r.mT, rtol=1e-6, atol=1e-5)
    between = quaternion_multiply(
        quaternion_conjugate(along_y.orientations[-1]),
        quaternion_multiply(turn.expand(6, 4), along_x.orientations[-1]),
    )
    assert float(rotation_angle(between).max()) < 1e-7


def test_slip_of_systems_adds_up():
    """Magnesium's law accumulates the slip of all systems itself, and the twinned fraction."""
    magnesium = px.load_material("Mg")
    drawn = px.tessellate(grid=3, grains=5, seed=1, lattice=magnesium.lattice)
    phase = torch.tensor([0, 0, 1, 0, 1])
    rve = px.Polycrystal(
        drawn.grain_id,
        drawn.orientations,
        phase=phase,
        phase_names=["Mg", "Al"],
        lattices=[magnesium.lattice, ALUMINIUM.lattice],
    )
    path = px.LoadPath.uniaxial(0.01, increments=3, unload=True)
    response = px.simulate(rve, {"Mg": magnesium, "Al": ALUMINIUM}, path)
    fields, here = response.fields, phase[rve.grain_id] == 0
    total = fields.slip.sum(-1)
    torch.testing.assert_close(total[here], fields.internal["accumulated_slip"][here][:, 0])
    assert float(fields.slip[~here][:, 12:].abs().max()) == 0  # aluminium has 12 systems
    shear = magnesium.law().shear
    fraction = (fields.internal["twin_shear"][here] / shear).sum(-1)
    torch.testing.assert_close(fraction, fields.internal["twin_fraction"][here][:, 0])
    assert bool((response.grain_slip.diff(dim=0) >= 0).all())
    weights = rve.volume_fractions
    for index, name in enumerate(("Mg", "Al")):
        share = torch.where(phase == index, weights, 0.0)
        expected = torch.einsum("g,tgs->ts", share / share.sum(), response.grain_slip)
        torch.testing.assert_close(response.phase_slip()[name], expected)
    assert response.phase_slip("twin_shear")["Mg"].shape == (response.P.shape[0], 12)
    with pytest.raises(ValueError, match="must have 'twins' of grains"):
        response.phase_slip("twins")


def test_voids_carry_nothing():
    grain = torch.zeros(6, 6, 6, dtype=torch.int64)
    grain[2:4, 2:4, 2:4] = 1
    rve = px.Polycrystal(
        grain, random_quaternions(2, 1), phase=torch.tensor([0, 1]), phase_names=("a", "b")
    )
    porous = px.simulate(rve, {"a": ALUMINIUM, "b": None}, SHORT, scheme="rotated")
    dense = px.simulate(rve, {"a": ALUMINIUM, "b": ALUMINIUM}, SHORT, scheme="rotated")
    assert float(porous.fields.P[2:4, 2:4, 2:4].abs().max()) == 0.0
    assert float(porous.grain_P[:, 1].abs().max()) == 0.0
    assert torch.equal(porous.orientations[-1, 1], porous.orientations[0, 1])
    ratio = float(porous.P[-1, 0, 0] / dense.P[-1, 0, 0])
    assert 0.85 < ratio < 1 - 8 / 216
    with pytest.raises(ValueError, match="must have a voxel that is not void"):
        px.simulate(rve, {"a": None, "b": None}, SHORT)


def test_empty_grains_stay_as_they_are():
    rve = px.Polycrystal(torch.tensor([0, 2, 2, 0]).reshape(4, 1, 1), random_quaternions(3, 2))
    response = px.simulate(rve, ALUMINIUM, px.LoadPath.shear(0.002, increments=2))
    assert torch.equal(response.orientations[-1, 1], response.orientations[0, 1])
    assert torch.equal(response.grain_F[-1, 1], torch.eye(3).double())
    assert float(response.weights[1]) == 0.0


def test_a_hold_relaxes():
    step = px.LoadPath.shear(0.01, increments=10).steps[0]
    hold = px.LoadStep(20.0, 4, ((0.0,) * 3,) * 3)
    response = px.simulate(polycrystal(), ALUMINIUM, px.LoadPath((step, hold)))
    stress = response.stress("xy")
    assert float(stress[-1]) < float(stress[-4]) < float(stress[10])
    assert torch.equal(response.F[-1], response.F[10])


def test_a_step_too_large_is_cut_in_halves():
    two = px.simulate(polycrystal(), ALUMINIUM, px.LoadPath.uniaxial(0.1, increments=2))
    with pytest.warns(UserWarning, match=r"cut into smaller time steps \(once\)"):
        one = px.simulate(polycrystal(), ALUMINIUM, px.LoadPath.uniaxial(0.1, increments=1))
    assert (one.statistics["cuts"], two.statistics["cuts"]) == (1, 0)
    torch.testing.assert_close(one.P[-1], two.P[-1], rtol=1e-9, atol=1e-6)


def test_soft_crystals_far_beyond_yield_are_not_cut():
    """The first increment is fifteen times copper's elastic limit."""
    rve, path = px.tessellate(grid=4, grains=6, seed=0), px.LoadPath.uniaxial(4e-4, increments=2)
    response = px.simulate(rve, COPPER, path)
    assert response.statistics["cuts"] == 0
    exact = px.simulate(rve, COPPER, path, tol=1e-7)
    assert px.compare(response, exact, "all").maximum < 1e-3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tol": 0.0}, "`tol` must be above 0"),
        ({"tol": 0.5}, "`tol` must be above 0 and at most 0.1"),
        ({"scheme": "finite"}, "`scheme` must be one of"),
        ({"engine": "abaqus"}, "`engine` must be"),
        ({"threads": 0}, "`threads` must be 1 to 1024"),
        ({"device": "cuda", "compiled": True}, "`compiled` must be False"),
        ({"fields": "x.vti", "fields_every": 0}, "`fields_every` must be at least 1"),
        ({"fields_every": 2}, "`fields_every` needs `fields`"),
        ({"folder": "x"}, "`folder` is for engine='damask'"),
        ({"engine": "damask", "tol": 1e-5}, "`tol` is given"),
        ({"checkpoint_seconds": -1.0}, "`checkpoint_seconds` must not be negative"),
        ({"engine": "damask", "checkpoint": "x.npz"}, "kept in `folder`"),
    ],
)
def test_wrong_options_get_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.simulate(polycrystal(), ALUMINIUM, SHORT, **options)


def test_a_phase_without_material_is_named():
    with pytest.raises(ValueError, match="'b'"):
        px.simulate(polycrystal(phases=2), {"a": ALUMINIUM}, SHORT)
    with pytest.raises(ValueError, match="'hole' is not"):
        px.simulate(polycrystal(), {"a": ALUMINIUM, "hole": None}, SHORT)


def test_tight_tolerances_are_reached():
    rve = polycrystal()
    tight = px.simulate(rve, ALUMINIUM, SHORT, tol=1e-10)
    assert tight.statistics["residual"] <= 1e-10
    loose = px.simulate(rve, ALUMINIUM, SHORT)
    assert px.compare(loose, tight, "all").maximum < 1e-4


def test_the_tangent_serves_several_steps():
    cell = build_cell(polycrystal(), ALUMINIUM, 1e-4)
    path = px.LoadPath.shear(0.05)
    statistics = px.simulate(polycrystal(), ALUMINIUM, path).statistics
    assert cell.tangents == 0
    assert statistics["tangents"] < 0.5 * statistics["increments"]
    assert statistics["evaluations"] < 3 * statistics["increments"]


def test_stiffness_is_that_of_the_first_increment():
    rve = polycrystal()
    response = px.simulate(rve, ALUMINIUM, px.LoadPath.uniaxial(1e-5, increments=1))
    stiffness = px.homogenize(rve, ALUMINIUM.elasticity).stiffness
    modulus = engineering_constants(stiffness).E_x
    assert float(response.P[-1, 0, 0]) / 1e-5 == pytest.approx(modulus, rel=0.02)


@pytest.mark.parametrize("grid", [(5, 4, 6), (4, 6, 5)])
@pytest.mark.parametrize("scheme", ["fourier", "rotated"])
def test_the_residual_is_the_stress_out_of_balance(grid, scheme):
    # From the whole spectrum, with numpy: rms of P k / |k|, over the rms of P.
    cell = build_cell(polycrystal(grid, size=(1.0, 1.3, 0.8)), ALUMINIUM, 1e-4, scheme)
    stress = np.random.default_rng(0).normal(size=(3, 3, *grid))
    cell.law.piola = torch.from_numpy(stress.reshape(9, -1).copy())
    spectrum = np.fft.fftn(stress, axes=(2, 3, 4)) / np.prod(grid)
    angles = [np.fft.fftfreq(n) * 2 * np.pi for n in grid]
    x, y, z = np.meshgrid(*angles, indexing="ij")
    h = cell_spacing = np.array([1.0, 1.3, 0.8]) / grid
    if scheme == "fourier":
        nyquist = [np.where(np.abs(np.abs(a) - np.pi) < 1e-9, 0.0, a) for a in (x, y, z)]
        k = np.stack([a / step for a, step in zip(nyquist, cell_spacing, strict=True)])
    else:
        s, c = [np.sin(a / 2) for a in (x, y, z)], [np.cos(a / 2) for a in (x, y, z)]
        k = np.stack(
            [
                s[0] * c[1] * c[2] / h[0],
                c[0] * s[1] * c[2] / h[1],
                c[0] * c[1] * s[2] / h[2],
            ]
        )
    size = np.sqrt((k**2).sum(0))
    force = np.einsum("ijxyz,jxyz->ixyz", spectrum, k) / np.where(size > 1e-9, size, np.inf)
    expected = np.sqrt((np.abs(force) ** 2).sum() / (stress**2).sum() * np.prod(grid))
    none = MixedControl.of(np.zeros(9), np.zeros(9, dtype=bool))
    cell._stress_floor = 0.0
    found = cell._imbalance(none).error
    assert found == pytest.approx(expected, rel=1e-12)


def test_operator_and_preconditioner_are_self_adjoint():
    cell = build_cell(polycrystal((5, 4, 6)), ALUMINIUM, 1e-4)
    free = torch.eye(9, dtype=torch.float64)[[4, 8]]
    system = cell.linearised(free)
    generator = torch.Generator().manual_seed(0)

    def vector():
        # Coefficients of a real field without mean, so that conjugates agree.
        field = torch.randn(3, 5, 4, 6, generator=generator)
        modes = torch.fft.rfftn(field, dim=(1, 2, 3))
        modes[:, 0, 0, 0] = 0
        return system.pack(modes, torch.randn(2, generator=generator))

    x, y = vector(), vector()
    for linear in (system.apply, system.precondition):
        assert system.inner(x, linear(y)) == pytest.approx(system.inner(linear(x), y), rel=1e-4)
        assert system.inner(x, linear(x)) > 0


def test_few_iterations_are_enough_under_mixed_control():
    response = px.simulate(polycrystal((8, 8, 8), grains=20), ALUMINIUM, SHORT)
    assert response.statistics["krylov_iterations"] <= 8 * response.statistics["iterations"]


def test_prescribed_deformation_is_met_exactly():
    steps = (
        *px.LoadPath.uniaxial(0.002, increments=2).steps,
        *px.LoadPath.shear(0.002, increments=2).steps,
    )
    response = px.simulate(polycrystal(), ALUMINIUM, px.LoadPath(steps))
    assert float(response.F[2, 0, 0]) == pytest.approx(1.002, abs=1e-15)
    off = ~torch.eye(3, dtype=torch.bool)
    assert float(response.F[2][off].abs().max()) == 0.0
    assert float(response.F[4, 0, 1]) == pytest.approx(0.002, abs=1e-15)
    assert torch.equal(response.F[4].diagonal(), response.F[2].diagonal())


def test_mean_orientations_across_half_a_turn():
    # Voxels on both sides of w = 0: their quaternions have opposite signs.
    rve = px.Polycrystal(torch.zeros(2, 1, 1, dtype=torch.int64), [[1.0, 0.0, 0.0, 0.0]])
    history = History(rve, build_cell(rve, ALUMINIUM, 1e-4))
    history._rows["orientations"].append(torch.tensor([[0.0, 0.6, 0.8, 0.0]]).double())
    near = torch.tensor([[0.02, 0.6, 0.8, 0.0], [0.02, -0.6, -0.8, 0.0]], dtype=torch.float64)
    mean = history._grain_orientations(normalize_quaternion(near))
    target = torch.tensor([[0.0, 0.6, 0.8, 0.0]], dtype=torch.float64)
    assert float(rotation_angle(quaternion_multiply(quaternion_conjugate(target), mean))) < 1e-8


def test_torch_defaults_do_not_matter():
    default, before = torch.get_default_dtype(), px.simulate(polycrystal(), ALUMINIUM, SHORT)
    try:
        torch.set_default_dtype(torch.float64)
        after = px.simulate(polycrystal(), ALUMINIUM, SHORT)
    finally:
        torch.set_default_dtype(default)
    assert torch.equal(before.P, after.P)


@pytest.mark.filterwarnings("ignore:Elastic constants should")
def test_units_do_not_matter():
    def scaled(factor):
        law = ALUMINIUM.plasticity
        return px.Material(
            "scaled",
            px.CubicElasticity(*(factor * c for c in (107.3e3, 60.8e3, 28.3e3))),
            replace(
                law,
                slip_resistance_initial=factor * law.slip_resistance_initial,
                slip_resistance_saturation=factor * law.slip_resistance_saturation,
                hardening_modulus=factor * law.hardening_modulus,
            ),
        )

    one, soft = (px.simulate(polycrystal(), scaled(f), SHORT) for f in (1.0, 1e-7))
    torch.testing.assert_close(1e7 * soft.P, one.P, rtol=1e-6, atol=1e-4)


def test_an_unreachable_tolerance_is_named():
    with pytest.raises(px.ConvergenceError, match="allow a larger residual"):
        px.simulate(polycrystal((3, 3, 3)), ALUMINIUM, SHORT, tol=1e-18)
