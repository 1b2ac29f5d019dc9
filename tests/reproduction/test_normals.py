from dataclasses import replace

import pytest
import torch

import polyxtal as px
from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.model.heads.curves.head import load_directions, standard_paths
from polyxtal.network.fit import DAMPING
from polyxtal.network.fit_goals import CurveTarget, Goals
from polyxtal.network.topology import BinaryTree
from polyxtal.training.finetune.encoders import untrained_copy
from reproduction.curves.cases import CaseSettings
from reproduction.normals.linear import CRYSTALS, linear_comparison
from reproduction.normals.measure import COLUMNS, ELASTIC, ITERATIONS, RANDOM
from reproduction.normals.predictor import NormalPredictor
from reproduction.normals.study import ENCODERS, LEAVES, NormalSettings, study_normals
from reproduction.normals.training import (
    TrainingSettings,
    as_batch,
    best_linear_loss,
    linear_loss,
    standardised,
    train,
)
from reproduction.normals.volumes import (
    TURN,
    VolumeSettings,
    random_polycrystal,
    sample_volume,
    turned,
    with_comparison,
)

DATA = VolumeSettings(volumes=2, networks=3, leaves=4, reference_leaves=8)
TREE = BinaryTree.balanced(4)


@pytest.fixture(scope="module")
def samples():
    model, material = px.load_model("polyxtal-small"), px.load_material("AA6022-T4")
    encoders = (untrained_copy(model), model)
    return [
        with_comparison(
            sample_volume(px.tessellate(6, 10, seed=k), DATA, material, model, encoders, 7 * k)
        )
        for k in range(DATA.volumes)
    ]


def test_directions_are_those_of_the_paths():
    stiff = px.Material("isotropic", px.CubicElasticity(c11=100e3, c12=40e3, c44=30e3), None)
    network = px.MaterialNetwork.from_polycrystal(px.tessellate(3, 2, seed=0), 2)
    for path, direction in zip(standard_paths(), load_directions(), strict=True):
        change = network.respond(stiff, path).F[-1] - torch.eye(3, dtype=torch.float64)
        strain = matrix_to_mandel((change + change.T) / 2)
        strain[:3] -= strain[:3].mean()
        assert float(strain @ direction) > 0.9 * float(strain.norm())


def _rows(network, material, curves):
    goals = Goals(material, tuple(curves), (), 1.0)
    return goals.linearise(network, goals.follower(network))


def test_a_turned_network_misses_the_turned_curves():
    """The rows of training data that are turned instead of simulated."""
    material = px.load_material("AA6022-T4")
    rve = px.tessellate(6, 10, seed=3)
    network = px.MaterialNetwork.from_polycrystal(rve, 4, 1)
    matrix = quaternion_to_matrix(torch.tensor(TURN, dtype=torch.float64))
    assert torch.allclose(
        matrix @ torch.eye(3, dtype=torch.float64)[0], matrix.new_tensor([0, 1, 0])
    )
    image = replace(
        network,
        orientations=px.MaterialNetwork.from_polycrystal(turned(rve), 4, 1).orientations,
        normals=network.normals @ matrix.T,
    )
    other = px.MaterialNetwork.from_polycrystal(rve, 4, 5)
    curves = [CurveTarget(path, other.respond(material, path)) for path in standard_paths()]
    image_of_other = replace(
        other,
        orientations=px.MaterialNetwork.from_polycrystal(turned(rve), 4, 5).orientations,
        normals=other.normals @ matrix.T,
    )
    turned_curves = [
        CurveTarget(path, image_of_other.respond(material, path)) for path in standard_paths()
    ]
    plain, jacobian = _rows(network, material, curves)
    found, by_normal = _rows(image, material, turned_curves)
    for plain_rows, turned_rows in ((plain, found), (jacobian @ matrix.T, by_normal)):
        expected = plain_rows.unflatten(0, (3, 3, -1)).roll(1, 1)
        missed = (turned_rows.unflatten(0, (3, 3, -1)) - expected).flatten(1).norm(dim=1)
        tension, shear, plane_strain = missed / expected.flatten(1).norm(dim=1)
        assert max(tension, plane_strain) < 0.01
        assert shear < 0.3  # the shear of another plane than the turned one's, at small strain


def test_the_loss_is_that_of_the_first_gauss_newton_step(samples):
    batch = as_batch(samples, None)
    start = linear_loss(batch, batch.given.normals)
    assert torch.allclose(start, batch.residual.square().sum(1))
    best = best_linear_loss(batch)
    assert bool((best < start).all())
    rows = batch.jacobian.double().flatten(2)
    gram = rows @ rows.mT
    scale = gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    damped = gram + DAMPING[1] * scale * torch.eye(gram.shape[-1])
    step = -rows.mT @ torch.linalg.solve(damped, batch.residual.double()[..., None])
    normals = batch.given.normals + step.reshape_as(batch.given.normals).float()
    assert torch.allclose(linear_loss(batch, normals).double(), best, rtol=1e-3)


def test_neither_signs_nor_the_order_of_children_matter(samples):
    given = as_batch(samples, 1).given
    predictor = NormalPredictor(TREE, given.latent.shape[-1], seed=3)
    assert torch.allclose(predictor(given), given.normals, atol=1e-6)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    predictor.requires_grad_(False)
    found = predictor(given)
    assert float((found - given.normals).abs().max()) > 0.01
    sign = torch.tensor([1.0, -1.0, 1.0])[:, None]
    flipped = given._replace(normals=given.normals * sign, gradient=given.gradient * sign)
    assert torch.allclose(predictor(flipped), found * sign, atol=1e-5)
    order = [1, 0, 2, 3]  # the two children of the first inner node
    swapped = given._replace(
        orientations=given.orientations[:, order], weights=given.weights[:, order]
    )
    assert torch.allclose(predictor(swapped), found, atol=1e-5)


def test_the_gradient_is_that_of_the_stiffness(samples):
    given, step = as_batch(samples, None).given, 1e-3
    one = [given.orientations[0], given.weights[0], given.normals[0], given.extents[0]]
    leaves, weights, normals, extents = (part.double() for part in one)
    across = torch.linalg.cross(normals, normals.roll(1, 1))
    moved = torch.nn.functional.normalize(normals + step * across, dim=1)
    first = linear_comparison(TREE, leaves, weights, normals, extents)
    second = linear_comparison(TREE, leaves, weights, moved, extents)
    stiffness = 1 + first.missed[:, len(CRYSTALS) - 1]
    found = (second.missed - first.missed)[:, len(CRYSTALS) - 1] / stiffness / step
    expected = (first.gradient.double() * across).sum((1, 2))
    assert torch.allclose(found.double(), expected, atol=0.02 * float(expected.abs().max()))


def test_training_lowers_the_loss(samples):
    settings = TrainingSettings(epochs=30, batch=3)
    trained = train([*samples, *samples], 2, TREE, 1, settings)
    assert min(held for _, held in trained.losses) < 0.97
    batch = standardised(as_batch(samples, 1), trained.centre, trained.spread)
    losses = linear_loss(batch, trained.predictor(batch.given)).detach()
    assert float(losses.mean() / batch.residual.square().sum(1).mean()) < 0.97


def test_random_polycrystals_are_reproduced():
    first, second = random_polycrystal(1, 2), random_polycrystal(1, 2)
    assert torch.equal(first.grain_id, second.grain_id)
    assert torch.equal(first.orientations, second.orientations)
    assert not torch.equal(first.grain_id, random_polycrystal(1, 3).grain_id)


@pytest.mark.slow
def test_the_study_is_resumed(tmp_path):
    settings = NormalSettings(
        "polyxtal-small",
        VolumeSettings(volumes=5, networks=2, leaves=4, reference_leaves=8),
        TrainingSettings(epochs=2, batch=4),
        CaseSettings(grid=4, grains=6, strain=0.004, loads=("tension",), names=("S1", "five")),
        seeds=1,
    )
    table = study_normals(settings, tmp_path / "study")
    assert [(line["start"], line["iterations"]) for line in table] == [
        (start, iterations)
        for start in (RANDOM, ELASTIC, LEAVES, *ENCODERS)
        for iterations in ITERATIONS
    ]
    by_start = {(line["start"], line["iterations"]): line["misfit"] for line in table}
    assert by_start[RANDOM, 6] < by_start[RANDOM, 0]
    for file in (tmp_path / "study" / "errors").iterdir():
        assert file.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert study_normals(settings, tmp_path / "study") == table
    more = study_normals(replace(settings, seeds=2), tmp_path / "study")
    assert {line["networks"] for line in more} == {4}
