"""Loads along turned axes and along other tensors than the dyads of the specimen's axes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.mechanics.loading.usual_tests import symmetric_basis

ALUMINIUM = px.load_material("AA6022-T4")
HELD = ((0.0,) * 3,) * 3
MODELS = [px.taylor_response, px.sachs_response, px.simulate]


def polycrystal(turn: float = 0.0) -> px.Polycrystal:
    rve = px.tessellate(grid=3, grains=5, seed=1)
    half = math.radians(turn) / 2
    about_z = torch.tensor([math.cos(half), 0, 0, math.sin(half)], dtype=torch.float64)
    return px.Polycrystal(rve.grain_id, quaternion_multiply(about_z, rve.orientations))


def about_z(angle: float) -> torch.Tensor:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


@pytest.mark.parametrize("model", [px.taylor_response, px.sachs_response])
def test_a_turned_load_is_the_load_on_the_turned_crystals(model):
    """The crystals turned by -30 degrees see along x what these see at 30 degrees."""
    path = px.LoadPath.uniaxial(0.01, increments=4)
    found = model(polycrystal(), ALUMINIUM, path.turned(30))
    there = model(polycrystal(-30), ALUMINIUM, path)
    R = about_z(30)
    torch.testing.assert_close(found.F, R @ there.F @ R.T, rtol=0, atol=1e-9)
    torch.testing.assert_close(found.P, R @ there.P @ R.T, rtol=0, atol=1e-4)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["field", "network"])
def test_a_quarter_turn_exchanges_the_axes(kind, compiled):
    """To the last bit in the full field, whose voxels do not turn."""
    along_y = px.LoadPath.uniaxial(0.01, increments=3, axis="y")
    turned = px.LoadPath.uniaxial(0.01, increments=3).turned(90)
    rve = polycrystal()
    if kind == "field":
        one, two = (px.simulate(rve, ALUMINIUM, p, compiled=compiled) for p in (along_y, turned))
    else:
        network = px.MaterialNetwork.from_polycrystal(rve, leaves=8)
        engine = "compiled" if compiled else "torch"
        one, two = (network.respond(ALUMINIUM, p, engine) for p in (along_y, turned))
    torch.testing.assert_close(one.P, two.P, rtol=0, atol=1e-10)
    torch.testing.assert_close(one.F, two.F, rtol=0, atol=1e-14)


@pytest.mark.parametrize("model", MODELS)
def test_a_proportional_stress_keeps_its_direction(model):
    direction = torch.tensor([[2.0, 0.6, 0], [0.6, 1.0, 0], [0, 0, 0]], dtype=torch.float64)
    path = px.LoadPath.proportional(direction, 0.01, increments=4)
    response = model(polycrystal(), ALUMINIUM, path)
    stress = 0.5 * (response.P + response.P.mT)[1:]
    size = torch.einsum("tij,ij->t", stress, direction) / direction.square().sum()
    assert float(size.min()) > 50
    off = (stress - size[:, None, None] * direction).abs().max()
    assert float(off) < 1e-3 * float(stress.abs().max())
    torch.testing.assert_close(response.F, response.F.mT, rtol=0, atol=1e-14)  # no spin
    # ε is conjugate to the von Mises stress.
    deviator = direction - direction.trace() / 3 * torch.eye(3)
    mises = float((1.5 * deviator.square().sum()).sqrt())
    strain = float(((response.F[-1] - torch.eye(3)) * direction).sum()) / mises
    assert strain == pytest.approx(0.01, rel=1e-12)


def test_compiled_networks_follow_a_proportional_stress_as_the_readable_ones():
    path = px.LoadPath.proportional([[1, 0.2, 0], [0.2, -0.5, 0], [0, 0, 0]], 0.01, increments=4)
    network = px.MaterialNetwork.from_polycrystal(polycrystal(), leaves=8)
    one, two = (network.respond(ALUMINIUM, path, engine) for engine in ("compiled", "torch"))
    torch.testing.assert_close(one.P, two.P, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(one.F, two.F, rtol=0, atol=1e-10)


def test_creep_and_relaxation():
    rve = polycrystal()
    crept = px.taylor_response(rve, ALUMINIUM, px.LoadPath.uniaxial_creep(150, 1000, increments=10))
    held = crept.P[10:]
    torch.testing.assert_close(held[:, 0, 0], torch.full_like(held[:, 0, 0], 150.0))
    assert bool((crept.strain("xx")[10:].diff() > 0).all())
    relaxed = px.taylor_response(rve, ALUMINIUM, px.LoadPath.relaxation(0.01, 1000, increments=8))
    assert float(relaxed.strain("xx")[-1]) == pytest.approx(0.01)
    falling = relaxed.stress("xx")[-9:]
    assert bool((falling.diff() < 0).all())
    assert float(falling[-1]) < 0.9 * float(falling[0])


def test_paths_in_sequence_go_on_from_where_the_first_ends():
    path = px.LoadPath.uniaxial(0.01, increments=3) + px.LoadPath.biaxial(0.01, increments=3)
    response = px.taylor_response(polycrystal(), ALUMINIUM, path)
    assert len(response.time) == 7
    gain = response.F[-1] - response.F[3]
    assert float(gain[0, 0] + gain[1, 1]) == pytest.approx(0.01, rel=1e-9)


def test_a_velocity_gradient_is_scaled_to_its_equivalent_strain():
    path = px.LoadPath.velocity_gradient([[2, 0, 0], [0, -1, 0], [0, 0, -1]], 0.02, increments=200)
    response = px.taylor_response(polycrystal(), ALUMINIUM, path)
    assert float(response.equivalent_strain[-1]) == pytest.approx(0.02, rel=2e-4)
    assert float(response.F[-1].det()) == pytest.approx(1, abs=1e-5)


def test_a_basis_is_orthonormal_and_holds_the_stress():
    stress = np.array([[2.0, 0.3, 0], [0.3, -1, 0.5], [0, 0.5, 0]])
    basis, place = symmetric_basis(stress)
    tensors = np.array(basis).reshape(3, 3, 3, 3)
    np.testing.assert_allclose(np.array(basis) @ np.array(basis).T, np.eye(9), atol=1e-14)
    assert place == 0
    np.testing.assert_allclose(tensors[0, 0], stress / np.linalg.norm(stress), atol=1e-15)
    for i, j in np.ndindex(3, 3):
        sign = 1 if j >= i else -1
        np.testing.assert_allclose(tensors[i, j].T, sign * tensors[i, j], atol=1e-15)
    # In tension they are those of the axes.
    axial = np.array(symmetric_basis(np.diag([0.0, 2.0, 0.0]))[0]).reshape(3, 3, 3, 3)
    for k in range(3):
        np.testing.assert_array_equal(axial[k, k], np.diag(np.eye(3)[k]))


def test_a_step_knows_its_axes():
    step = px.LoadPath.uniaxial(0.01).turned(30).steps[0]
    np.testing.assert_allclose(step.axes, about_z(30), atol=1e-12)
    assert px.LoadPath.biaxial(0.01).steps[0].axes is None
    tensor = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(step.tensor(step.components(tensor)), tensor, atol=1e-12)
    # A velocity gradient acts in the axes of the load.
    gradient = px.LoadPath.velocity_gradient([[1, 0.5, 0], [0, -1, 0], [0, 0, 0]], 0.01)
    R, F = about_z(30).numpy(), np.eye(3) + 0.1 * np.arange(9.0).reshape(3, 3) / 9
    along = gradient.steps[0].goal(R.T @ F @ R, np.zeros((3, 3)), 1.0, 5.0)
    turned = gradient.turned(30).steps[0].goal(F, np.zeros((3, 3)), 1.0, 5.0)
    np.testing.assert_allclose(turned, along, atol=1e-12)


def test_damask_turns_a_load_by_the_quaternion_of_its_axes():
    path = px.LoadPath.uniaxial(0.01, increments=3).turned(30, "y")
    content = path.to_damask()
    quaternion = content["loadstep"][0]["boundary_conditions"]["mechanical"]["R"]
    R = quaternion_to_matrix(torch.tensor(quaternion, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(R, path.steps[0].axes, atol=1e-12)
    again = px.LoadPath.from_damask(content)
    np.testing.assert_allclose(again.steps[0].basis, path.steps[0].basis, atol=1e-12)
    biaxial = px.LoadPath.biaxial(0.01, increments=3)
    assert repr(px.LoadPath.from_damask(biaxial.to_damask()).steps) == repr(biaxial.steps)


def test_damask_gets_no_load_that_it_does_not_know(tmp_path):
    with pytest.raises(ValueError, match="along three perpendicular axes"):
        px.write_damask_case(tmp_path, polycrystal(), ALUMINIUM, px.LoadPath.biaxial(0.01))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: px.LoadPath.proportional(np.eye(3)), "must have a deviator"),
        (lambda: px.LoadPath.proportional(np.zeros((3, 3))), "must not be zero"),
        (lambda: px.LoadPath.proportional([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), "symmetric 3x3"),
        (lambda: px.LoadPath.biaxial(axes="xx"), "two different axes"),
        (lambda: px.LoadPath.biaxial(ratio=math.nan), "symmetric 3x3 matrix of finite"),
        (lambda: px.LoadPath.velocity_gradient([[0, 1, 0], [-1, 0, 0], [0, 0, 0]]), "is a spin"),
        (lambda: px.LoadPath.uniaxial_creep(100, 0), "`hold` must be a positive time"),
        (lambda: px.LoadPath.uniaxial().turned(math.inf), "must be finite"),
        (
            lambda: px.LoadStep(1.0, 1, HELD, basis=tuple(map(tuple, (2 * np.eye(9)).tolist()))),
            "nine orthonormal tensors",
        ),
        (
            lambda: px.LoadStep(
                1.0,
                1,
                ((math.nan,) * 3,) * 3,
                stress=HELD,
                basis=symmetric_basis(np.eye(3))[0],
            ),
            "must fix the rotation",
        ),
    ],
)
def test_wrong_loads_get_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
