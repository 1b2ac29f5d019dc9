"""The crystal plasticity law at a point: readable and compiled, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.kernel.records import LANES
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import LawUpdate
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.crystal.update.crystal import CrystalPlasticity

ALUMINIUM = load_material("AA6022-T4")
ELASTIC = Material("elastic", CubicElasticity(250e3, 110e3, 160e3))
IDENTITY = torch.eye(3, dtype=torch.float64)
POINTS = LANES + 6  # a whole batch, and points that are solved one by one
LAWS = {"compiled": CompiledCrystalPlasticity, "torch": CrystalPlasticity}


def altered(**changes: object) -> Material:
    return replace(ALUMINIUM, plasticity=replace(ALUMINIUM.plasticity, **changes))


def coupled_twins() -> Material:
    """Magnesium whose twins push slip up, and whose slip pushes twins up, by much."""
    magnesium = load_material("Mg")
    twinning = replace(
        magnesium.plasticity.twinning,
        saturation_increase=80.0,
        interaction_slip_twin=tuple(300.0 for _ in range(20)),
        c_1=2.0,
        c_2=0.7,
        c_3=0.5,
        c_4=0.4,
    )
    return replace(magnesium, plasticity=replace(magnesium.plasticity, twinning=twinning))


MATERIALS = {
    "AA6022-T4": ALUMINIUM,
    "n = 12.5": altered(stress_exponent=12.5),
    "n = 1": altered(stress_exponent=1.0),
    "n = 2, a = 1": altered(stress_exponent=2.0, hardening_exponent=1.0),
    "a = 0.6": altered(hardening_exponent=0.6),
    "no hardening": altered(hardening_modulus=0.0),
    "softening": altered(slip_resistance_saturation=60.0),
    "saturated": altered(slip_resistance_saturation=76.0),
    "self-hardening only": altered(interaction=(1.0, 0, 0, 0, 0, 0, 0)),
    "elastic": ELASTIC,
    "ferrite": load_material("ferrite"),
    "Mg": load_material("Mg"),
    "twins, strongly coupled": coupled_twins(),
    "317L": load_material("317L"),
}


def noise(seed: int, points: int, size: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(points, 3, 3, generator=generator, dtype=torch.float64)


def histories(points: int) -> list[tuple[torch.Tensor, float]]:
    """Elastic, across yield, plastic, reversed, a pause, a jerk: F at the end and the time step."""
    direction = noise(1, points, 1.0)
    direction = direction / torch.linalg.matrix_norm(direction)[:, None, None]
    return [
        (IDENTITY + amount * direction, dt)
        for amount, dt in [
            (2e-4, 0.2),
            (2e-3, 1.8),
            (5e-3, 3.0),
            (9e-3, 4.0),
            (7e-3, 2.0),
            (2e-3, 5.0),
            (2e-3, 1e3),
            (3e-3, 1e-6),
            (-4e-3, 7.0),
        ]
    ]


def assert_same(fast: LawUpdate, slow: LawUpdate, tolerance: float = 1e-9) -> None:
    scale = float(slow.stress.abs().max())
    torch.testing.assert_close(fast.stress, slow.stress, rtol=0, atol=tolerance * scale)
    stiff = float(slow.tangent.abs().max())
    torch.testing.assert_close(fast.tangent, slow.tangent, rtol=0, atol=tolerance * stiff)
    torch.testing.assert_close(
        fast.state.stress, slow.state.stress, rtol=0, atol=tolerance * max(scale, 1.0)
    )
    torch.testing.assert_close(fast.state.internal, slow.state.internal, rtol=tolerance, atol=1e-11)
    torch.testing.assert_close(
        fast.state.plastic_inverse, slow.state.plastic_inverse, rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("name", MATERIALS)
def test_compiled_and_readable_law_agree(name):
    points = 8 if MATERIALS[name].law().lanes() is None else POINTS
    fast, slow = (law(MATERIALS[name]) for law in LAWS.values())
    state = slow.initial_state(random_quaternions(points, 2))
    for deformation, dt in histories(points):
        given, truth = (law.update(deformation, state, dt) for law in (fast, slow))
        assert_same(given, truth)
        state = truth.state
    slipped = float(
        (state.plastic_inverse - slow.initial_state(random_quaternions(points, 2)).plastic_inverse)
        .abs()
        .max()
    )
    assert (slipped > 1e-4) == (name != "elastic")


def test_the_laws_agree_where_phases_are_mixed():
    materials = [ALUMINIUM, ELASTIC, MATERIALS["Mg"], MATERIALS["317L"]]
    phase = torch.tensor([0, 1, 2, 0, 3, 2, 3, 1])
    fast, slow = (law(materials, phase) for law in LAWS.values())
    q = random_quaternions(8, 5)
    state = slow.initial_state(q)
    alone = [CrystalPlasticity(m) for m in materials]
    for deformation, dt in histories(8)[:4]:
        given, truth = (law.update(deformation, state, dt) for law in (fast, slow))
        assert_same(given, truth)
        for p in range(8):  # each point knows its own phase only
            one, single_law = torch.tensor([p]), alone[int(phase[p])]
            part = state.at(one, single_law.width)
            single = single_law.update(deformation[one], part, dt)
            torch.testing.assert_close(truth.stress[one], single.stress, rtol=1e-9, atol=1e-7)
        state = truth.state


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("name", MATERIALS)
def test_tangent_is_the_derivative_of_the_stress(name, law):
    law = law(MATERIALS[name])
    state, h = law.initial_state(random_quaternions(4, 3)), 2e-7
    for deformation, dt in histories(4)[:5]:
        update = law.update(deformation, state, dt)
        numerical = torch.zeros_like(update.tangent)
        for k, m in np.ndindex(3, 3):
            change = torch.zeros(3, 3, dtype=torch.float64)
            change[k, m] = h
            plus, minus = (
                law.update(deformation + sign * change, state, dt).stress for sign in (1, -1)
            )
            numerical[..., k, m] = (plus - minus) / (2 * h)
        error = (update.tangent - numerical).abs().max() / numerical.abs().max()
        assert float(error) < 1e-7
        state = update.state


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_without_time_the_answer_is_elastic(law):
    law = law(ALUMINIUM)
    q = random_quaternions(6, 7)
    deformation = IDENTITY + noise(8, 6, 1e-2)
    update = law.update(deformation, law.initial_state(q), 0.0)
    # Saint Venant-Kirchhoff: P = F (C : E), here in the sample frame
    strain = matrix_to_mandel(0.5 * (deformation.mT @ deformation - IDENTITY))
    second = torch.einsum("pmn,pn->pm", ALUMINIUM.elasticity.stiffness(q), strain)
    expected = deformation @ mandel_to_matrix(second)
    scale = float(expected.abs().max())
    torch.testing.assert_close(update.stress, expected, rtol=0, atol=1e-12 * scale)
    assert torch.equal(update.state.internal, law.initial_state(q).internal)
    torch.testing.assert_close(
        update.state.plastic_inverse, quaternion_to_matrix(q), rtol=0, atol=1e-14
    )
    # A phase without plasticity answers the same however long the step lasts.
    elastic = type(law)(replace(ALUMINIUM, plasticity=None))
    slow = elastic.update(deformation, elastic.initial_state(q), 1e4)
    torch.testing.assert_close(slow.stress, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_plastic_flow_keeps_the_volume(law):
    law = law(ALUMINIUM)
    state = law.initial_state(random_quaternions(8, 2))
    for deformation, dt in histories(8):
        state = law.update(deformation, state, dt).state
        determinant = torch.linalg.det(state.plastic_inverse)
        torch.testing.assert_close(determinant, torch.ones_like(determinant), rtol=0, atol=1e-14)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_solution_obeys_the_equations_of_the_step(law):
    """Backward Euler, written out again: from the returned S and ξ everything else follows."""
    law = law(ALUMINIUM)
    state = law.initial_state(random_quaternions(8, 2))
    reference = CrystalPlasticity(ALUMINIUM)
    p = ALUMINIUM.plasticity
    for deformation, dt in histories(8)[:6]:
        update = law.update(deformation, state, dt)
        s, xi = update.state.stress, update.state.internal
        second = mandel_to_matrix(s)
        tau = torch.einsum("pij,aij->pa", second, reference.laws[0].schmid)
        slip = dt * p.slip_rate_reference * tau.sign() * (tau / xi).abs() ** p.stress_exponent
        inverse = state.plastic_inverse @ (
            IDENTITY - torch.einsum("pa,aij->pij", slip, reference.laws[0].schmid)
        )
        elastic = deformation @ inverse
        strain = matrix_to_mandel(0.5 * (elastic.mT @ elastic - IDENTITY))
        expected = strain @ ALUMINIUM.elasticity.stiffness()
        torch.testing.assert_close(s, expected, rtol=0, atol=1e-8 * float(s.abs().max()))
        distance = 1 - xi / p.slip_resistance_saturation
        harden = p.hardening_modulus * distance.sign() * distance.abs() ** p.hardening_exponent
        weights = reference.laws[0].hardening / p.hardening_modulus
        grown = harden * (slip.abs() @ weights.T)
        torch.testing.assert_close(xi, state.internal + grown, rtol=1e-9, atol=0)
        piola = elastic @ second @ inverse.mT
        scale = float(piola.abs().max())
        torch.testing.assert_close(update.stress, piola, rtol=0, atol=1e-8 * scale)
        state = update.state


def test_hardening_stops_at_saturation_from_either_side():
    deformation = [IDENTITY + noise(3, 6, 1e-2) * k for k in torch.linspace(0.1, 1, 10)]
    for name, sign in (("AA6022-T4", 1), ("softening", -1), ("saturated", 0), ("no hardening", 0)):
        law = CompiledCrystalPlasticity(MATERIALS[name])
        state = law.initial_state(random_quaternions(6, 2))
        for f in deformation:
            new = law.update(f, state, 3.0).state
            growth = new.internal - state.internal
            assert bool((growth * sign >= 0).all())
            if sign == 0:
                assert float(growth.abs().max()) < 1e-9
            state = new
        change = (state.internal - 76.0).abs().amax()
        assert (float(change) > 0.5) == (sign != 0)
        limit = MATERIALS[name].plasticity.slip_resistance_saturation
        assert bool((sign * (limit - state.internal) >= 0).all())


def test_a_linear_law_is_viscous():
    """With n = 1 and no hardening τ = ξ γ̇ / γ̇_0 in steady flow: half the rate, half the stress."""
    material = altered(stress_exponent=1.0, hardening_modulus=0.0)
    shear = torch.zeros(1, 3, 3, dtype=torch.float64)
    shear[0, 0, 1] = 1.0

    def flow(rate: float) -> torch.Tensor:
        law = CompiledCrystalPlasticity(material)
        state = law.initial_state(random_quaternions(1, 2))
        stress = torch.zeros(1, 3, 3, dtype=torch.float64)
        for k in range(1, 41):
            result = law.update(IDENTITY + 5e-4 * k / 40 * shear, state, 5e-4 / 40 / rate)
            state, stress = result.state, result.stress
        return stress

    fast, slow = flow(2e-7), flow(1e-7)
    scale = float(fast.abs().max())
    torch.testing.assert_close(fast, 2 * slow, rtol=0, atol=2e-3 * scale)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("size", [0.01, 0.05])
def test_large_steps_converge(law, size):
    """One stride of 1 % and 5 % from rest, at the reference rate; the laws find one solution."""
    q = random_quaternions(20, 9)
    direction = noise(10, 20, 1.0)
    direction = direction - torch.einsum("pii->p", direction)[:, None, None] / 3 * IDENTITY
    direction = direction / torch.linalg.matrix_norm(direction)[:, None, None]
    deformation, dt = IDENTITY + size * direction, size / 1e-3
    given = law(ALUMINIUM)
    update = given.update(deformation, given.initial_state(q), dt)
    truth = CrystalPlasticity(ALUMINIUM).update(deformation, given.initial_state(q), dt)
    assert_same(update, truth)
    assert 76 < float(update.stress.abs().max()) < 1500


@pytest.mark.parametrize(
    "law",
    [LAWS["compiled"], pytest.param(LAWS["torch"], marks=pytest.mark.slow)],
    ids=["compiled", "torch"],
)
def test_large_steps_of_a_soft_crystal_converge(law):
    """2 % in one step is a thousand times copper's elastic limit: ξ grows tenfold within it."""
    copper, members = load_material("Cu"), [22, 79, 82]  # those for which damping is needed
    q, direction = random_quaternions(120, 9)[members], noise(10, 120, 1.0)[members]
    direction = direction - torch.einsum("pii->p", direction)[:, None, None] / 3 * IDENTITY
    deformation = IDENTITY + 0.02 * direction / torch.linalg.matrix_norm(direction)[:, None, None]
    given, points = law(copper), CrystalPlasticity(copper).points[0]
    start = given.initial_state(q)
    state = given.update(deformation, start, 20.0).state
    trial = deformation @ start.plastic_inverse
    step = points.evaluate(trial, start, 20.0, state.stress, state.internal)
    assert float(step.norm.max()) < 1e-9
    assert float(state.internal.min()) > 3 * 1.6


BAD = {
    "NaN": (torch.nan, "nan"),
    "inf": (torch.inf, r"\S+"),
    "inverted": (-1.0, "-1"),
    "flat": (0.0, "0"),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("name", BAD)
def test_an_impossible_deformation_is_refused(name, law):
    law = law(ALUMINIUM)
    deformation = IDENTITY.repeat(3, 1, 1)
    value, shown = BAD[name]
    deformation[1, 0, 0] = value
    sentence = f"must be finite with a positive determinant, but det F is {shown} at point 1"
    with pytest.raises(ValueError, match=sentence):
        law.update(deformation, law.initial_state(random_quaternions(3)), 1.0)


SLOW_TORCH = [
    pytest.param(CompiledCrystalPlasticity, id="compiled"),
    pytest.param(CrystalPlasticity, id="torch", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("law", SLOW_TORCH)
def test_a_hopeless_step_raises(law):
    law = law(ALUMINIUM)
    state = law.initial_state(random_quaternions(2, 1))
    wild = torch.diag(torch.tensor([1e3, 1e-2, 30.0], dtype=torch.float64))
    deformation = torch.stack([IDENTITY, wild])
    with pytest.raises(ConvergenceError, match=r"must converge, but (at )?point 1"):
        law.update(deformation, state, 1.0)


def test_a_hopeless_step_tells_its_residual():
    law = CompiledCrystalPlasticity(ALUMINIUM)
    wild = torch.diag(torch.tensor([1e3, 1e-2, 30.0], dtype=torch.float64))
    with pytest.raises(ConvergenceError) as caught:
        law.update(wild[None], law.initial_state(random_quaternions(1, 1)), 1.0)
    assert caught.value.residual > 0


def check_answer(law: CompiledCrystalPlasticity | CrystalPlasticity, size: float, dt: float) -> int:
    """Try four random deformations; returns how many had a solution, which must be one."""
    slow, solved = CrystalPlasticity(ALUMINIUM), 0
    for seed in range(4):
        deformation = torch.matrix_exp(noise(seed, 1, size))
        state = law.initial_state(random_quaternions(1, seed))
        try:
            update = law.update(deformation, state, dt)
        except ConvergenceError:
            continue
        solved += 1
        for tensor in (update.stress, update.tangent, *vars(update.state).values()):
            assert bool(torch.isfinite(tensor).all())
        step = slow.points[0].evaluate(
            deformation @ state.plastic_inverse,
            state,
            dt,
            update.state.stress,
            update.state.internal,
        )
        assert float(step.norm) < 1e-9
    return solved


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("size", [0.03, 0.3])
@pytest.mark.parametrize("dt", [1e-9, 1.0, 1e6])
def test_nothing_but_a_solution_is_returned(law, size, dt):
    """Whatever is asked: a finite answer that solves the equations, or an error."""
    assert check_answer(law(ALUMINIUM), size, dt) > 0


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dt", [1e-9, 1.0, 1e6])
def test_not_even_an_absurd_step_returns_nan(dt):
    check_answer(CompiledCrystalPlasticity(ALUMINIUM), 3.0, dt)


def test_the_state_is_not_changed_by_an_update():
    for law in LAWS.values():
        law = law(ALUMINIUM)
        state = law.initial_state(random_quaternions(3, 1))
        kept = [t.clone() for t in vars(state).values()]
        deformation = IDENTITY + noise(1, 3, 5e-3)
        law.update(deformation, state, 5.0)
        assert all(torch.equal(a, b) for a, b in zip(vars(state).values(), kept, strict=True))


def test_the_lattice_turns_with_a_rigid_rotation():
    law = CompiledCrystalPlasticity(ALUMINIUM)
    q, turn = random_quaternions(5, 1), random_quaternions(5, 2)
    rotation = quaternion_to_matrix(turn)
    state = law.update(rotation, law.initial_state(q), 1.0).state
    found = quaternion_to_matrix(state.orientations(rotation))
    torch.testing.assert_close(found, rotation @ quaternion_to_matrix(q), rtol=0, atol=1e-13)
