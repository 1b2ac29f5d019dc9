"""Stiffness heads in use: predictions, out-of-distribution scores, files."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.model.checkpoint import model_files, save_model
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.stiffness.basis import INVARIANTS, StiffnessBasis, stiffness_basis
from polyxtal.model.heads.stiffness.head import TensorHead, TensorHeadSizes, fade
from polyxtal.model.heads.stiffness.out_of_distribution import OutOfDistributionScore
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.windows import MAX_WINDOWS

CRYSTAL = px.CubicElasticity(88814.0, 70043.0, 37543.0)


@pytest.fixture(scope="module")
def model():
    return tiny_stiffness_model()


def test_predictions(model):
    one, other = tiny_rve(1), tiny_rve(2)
    found = model.predict_stiffness(one, CRYSTAL)
    assert found.shape == (6, 6)
    assert found.dtype == torch.float64
    head = model.stiffness.tensor
    basis = StiffnessBasis(*(part[None] for part in stiffness_basis(one, CRYSTAL)))
    with torch.no_grad():
        expected = head.stiffness(basis)[0]
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-6)
    both = model.predict_stiffness([one, other], {"crystal": CRYSTAL})
    assert torch.equal(both[0], found)
    assert not torch.allclose(both[1], found)
    assert model.out_of_distribution_score(one) < 1


def test_the_encoder_takes_no_part(model):
    rve, other = tiny_rve(1), tiny_stiffness_model()
    with torch.no_grad():
        other.autoencoder.encoder.embed.weight.mul_(float("nan"))
    assert torch.equal(other.predict_stiffness(rve, CRYSTAL), model.predict_stiffness(rve, CRYSTAL))


@pytest.mark.parametrize(
    "constants",
    [
        (107.3e3, 60.8e3, 28.3e3),
        (140010.0, 44445.0, 11945.0),
        (88814.0, 70043.0, 37543.0),
        (300e3, 60e3, 2e3),
        (100e3, 60e3, 20e3),
    ],
)
def test_what_is_known_of_cubic_grains_is_what_is_known_of_any(constants):
    crystal = px.CubicElasticity(*constants)
    single = px.Polycrystal(torch.zeros(3, 4, 5, dtype=torch.int64), [[0.8, 0.6, 0, 0]])
    for rve in (px.tessellate(grid=(9, 8, 7), grains=30, aspect=(1, 2, 0.5), seed=1), single):
        fast, slow = (stiffness_basis(rve, crystal, compiled) for compiled in (True, False))
        scale = float(slow.voigt.norm())
        for name in ("voigt", "reuss", "consistent", "invariants"):
            found, expected = getattr(fast, name), getattr(slow, name)
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * scale)
        pairs, softening = (fast.terms - slow.terms).flatten(1).norm(dim=1)
        assert float(pairs) < 2e-5 * scale
        assert float(softening) < 1e-10 * scale


@pytest.mark.parametrize("compiled", [True, False])
def test_crystals_of_any_symmetry_have_the_invariants_of_cubic_ones(compiled):
    """The same crystal by its three constants and by its matrix; and as two phases of it."""
    rve = px.tessellate(grid=(9, 8, 7), grains=30, aspect=(1, 2, 0.5), seed=1)
    two = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, torch.arange(30) % 2, ("a", "b"))
    general = px.Elasticity(CRYSTAL.voigt)
    expected = stiffness_basis(rve, CRYSTAL)
    scale = float(expected.voigt.norm())
    for cell, crystals in ((rve, general), (two, {"a": CRYSTAL, "b": general})):
        found = stiffness_basis(cell, crystals, compiled)
        for name in ("voigt", "reuss", "consistent", "terms"):
            one, other = getattr(found, name), getattr(expected, name)
            torch.testing.assert_close(one, other, rtol=0, atol=2e-5 * scale)
        torch.testing.assert_close(found.invariants, expected.invariants, rtol=1e-9, atol=1e-9)


def test_what_is_known_of_hexagonal_grains():
    lattice, c = px.Lattice("h"), px.Elasticity.hexagonal(163.7e3, 36.4e3, 53e3, 63.5e3, 38.8e3)
    rve = px.tessellate(grid=(9, 8, 7), grains=30, seed=1)
    rve = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, lattices=lattice)
    found = stiffness_basis(rve, c)
    turns = lattice.laue_group.rotations[torch.arange(30) % 12]
    copies = px.Polycrystal(
        rve.grain_id, quaternion_multiply(rve.orientations, turns), rve.size, lattices=lattice
    )
    for one, other in zip(found, stiffness_basis(copies, c), strict=True):
        assert float((one - other).norm()) < 1e-5 * float(one.norm())  # single precision in pairs
    torch.testing.assert_close(found.voigt, px.voigt_average(rve, c))
    torch.testing.assert_close(found.reuss, px.reuss_average(rve, c))
    plain = px.self_consistent_average(rve, c, arrangement=True)
    torch.testing.assert_close(found.consistent + found.terms[0], plain, rtol=0, atol=1e-4 * 90e3)
    full = px.homogenize(rve, c).stiffness
    errors = [float((x - full).norm()) for x in (plain, found.consistent, found.hill)]
    assert errors[0] < 0.5 * errors[1] < 0.5 * errors[2]
    with pytest.raises(ValueError, match="is hexagonal"):
        stiffness_basis(rve, CRYSTAL)


def test_a_single_crystal_is_all_texture():
    single = px.Polycrystal(torch.zeros(2, 2, 2, dtype=torch.int64), [[0.8, 0.6, 0, 0]])
    names = dict(enumerate(INVARIANTS))
    strength = next(k for k, name in names.items() if name == "texture strength")
    for crystal, expected in (
        (px.Elasticity.hexagonal(163.7e3, 36.4e3, 53e3, 63.5e3, 38.8e3), 1.0),
        (px.Elasticity(px.Elasticity.isotropic(210e3, 0.3).voigt), 0.0),
    ):
        found = stiffness_basis(single, crystal).invariants[strength]
        assert float(found) == pytest.approx(expected, abs=1e-12)


def test_crystals_that_are_not_cubic_get_hills_average(model):
    rve, c = tiny_rve(1), px.Elasticity.hexagonal(162.5e3, 91.8e3, 68.9e3, 180.6e3, 46.8e3)
    with pytest.warns(UserWarning, match="fitted to cubic crystals, but these are hexagonal"):
        found = model.predict_stiffness(rve, c)
    torch.testing.assert_close(found, px.hill_average(rve, c))
    assert float(model.stiffness.tensor.crystal_gate(c)) == 0


def test_untrained_heads_are_the_plain_physics():
    head = TensorHead(TensorHeadSizes(width=24, components=4))
    basis = StiffnessBasis(*(part[None] for part in stiffness_basis(tiny_rve(1), CRYSTAL)))
    with torch.no_grad():
        assert head(basis.invariants).tolist() == [[1.0, 0.0]]
        found = head.stiffness(basis)[0]
    expected = (basis.consistent + basis.terms[:, 0])[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-6)


def test_other_grids(model):
    large = model.predict_stiffness(px.tessellate(grid=(9, 6, 13), grains=12, seed=0), CRYSTAL)
    layer = model.predict_stiffness(px.tessellate(grid=(8, 5, 1), grains=6, seed=0), CRYSTAL)
    assert large.shape == layer.shape == (6, 6)
    assert bool(large.isfinite().all() & layer.isfinite().all())


def test_the_score_is_that_of_the_latent_vector(model):
    score = model.stiffness.tensor.out_of_distribution
    rve, threshold = tiny_rve(1), score.threshold.clone()
    known, near = model.predict_stiffness(rve, CRYSTAL), model.out_of_distribution_score(rve)
    assert near == pytest.approx(float(score(model.encode([rve]))))
    try:
        score.threshold.mul_(near / 1.5)
        assert model.out_of_distribution_score(rve) == pytest.approx(1.5)
        assert torch.equal(model.predict_stiffness(rve, CRYSTAL), known)
    finally:
        score.threshold.copy_(threshold)
    with pytest.warns(DeprecationWarning, match="use `out_of_distribution_score`"):
        assert model.unfamiliarity(rve) == near
    edge = model.config.voxels
    row = torch.zeros(edge * (MAX_WINDOWS + 1), 1, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="reads at most"):
        model.out_of_distribution_score(px.Polycrystal(row, [[1, 0, 0, 0]]))


def test_crystals_beyond_the_training_fade_to_hill(model):
    head = model.stiffness.tensor
    low, high = head.crystal_low.clone(), head.crystal_high.clone()
    try:
        head.crystal_low.copy_(torch.tensor([-0.5, -2.0]))
        head.crystal_high.copy_(torch.tensor([0.3, 0.0]))
        rve = tiny_rve(1)
        with pytest.warns(
            UserWarning, match="Zener ratio 4 or its ratio of shear to bulk modulus is beyond"
        ):
            found = model.predict_stiffness(rve, CRYSTAL)
        torch.testing.assert_close(found, px.hill_average(rve, CRYSTAL))
        inside = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)
        assert float(head.crystal_gate(inside)) == 1
        edge = px.CubicElasticity(100e3, 60e3, 20e3 * 1.6)
        assert 0 < float(head.crystal_gate(edge)) < 1
    finally:
        head.crystal_low.copy_(low)
        head.crystal_high.copy_(high)


def test_several_phases_get_hills_average(model):
    rve = tiny_rve(1)
    mixed = px.Polycrystal(
        rve.grain_id, rve.orientations, phase=[0, 1, 0, 1, 0, 1], phase_names=("a", "b")
    )
    crystals = {"a": CRYSTAL, "b": px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)}
    with pytest.warns(UserWarning, match="fitted to one crystal, but the polycrystal has 2"):
        found = model.predict_stiffness(mixed, crystals)
    torch.testing.assert_close(found, px.hill_average(mixed, crystals))
    same = model.predict_stiffness(mixed, {"a": CRYSTAL, "b": CRYSTAL})
    torch.testing.assert_close(same, model.predict_stiffness(rve, CRYSTAL))


def test_models_without_a_head_say_how_to_get_one(model):
    bare = FoundationModel(model.autoencoder, {})
    for ask in (
        lambda: bare.predict_stiffness(tiny_rve(), CRYSTAL),
        lambda: bare.out_of_distribution_score(tiny_rve()),
    ):
        with pytest.raises(ValueError, match=r"has none; `polyxtal finetune stiffness` fits one"):
            ask()
    with pytest.raises(ValueError, match="must hold at least one"):
        model.predict_stiffness([], CRYSTAL)


def test_the_gate_fades():
    distance = torch.tensor([0.0, 0.5, 1.0, 1.25, 1.5, 2.0, 3.0, 1e9], dtype=torch.float64)
    gate = fade(distance)
    assert gate[:3].tolist() == [1, 1, 1]
    assert bool((gate[1:] <= gate[:-1]).all())
    assert gate[4] == pytest.approx(torch.exp(torch.tensor(-1.0)).item())
    assert gate[-2:].tolist() == [0, 0]


def test_the_score_is_mahalanobis_distance():
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    known, aside, far = (
        torch.randn(n, 8, generator=generator, dtype=torch.float64) @ mix + 5
        for n in (4000, 1000, 5)
    )
    score = OutOfDistributionScore(8, 8)
    score.fit(known, aside)
    centred = far - known.mean(0)
    expected = torch.einsum("ni,ij,nj->n", centred, torch.linalg.inv(torch.cov(known.mT)), centred)
    ratio = score(far) / (expected / 9).sqrt()
    torch.testing.assert_close(ratio, ratio[:1].expand(5), rtol=1e-6, atol=0)
    assert float((score(aside) > 1).double().mean()) < 0.01
    few = OutOfDistributionScore(8, 2)  # what is left out counts as one direction more
    few.fit(known, aside)
    across = torch.linalg.svd(known - known.mean(0), full_matrices=False)[2][-1]
    assert float(few((known.mean(0) + 1e3 * across)[None])) > 10


def test_heads_are_saved_loaded_and_moved(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = px.load_model(tmp_path / "m")
    rve = tiny_rve(3)
    expected = model.predict_stiffness(rve, CRYSTAL)
    assert torch.equal(loaded.predict_stiffness(rve, CRYSTAL), expected)
    assert torch.equal(loaded.to("cpu").predict_stiffness(rve, CRYSTAL), expected)
    assert loaded.stiffness.about["rves"] == 16
    loaded.save(tmp_path / "n")
    first, second = (json.loads((tmp_path / n / "stiffness.json").read_text()) for n in "mn")
    assert first == second


def test_half_precision_keeps_the_head(model, tmp_path):
    model.save(tmp_path)
    save_model(tmp_path, model.autoencoder, {}, torch.float16)
    assert px.load_model(tmp_path).stiffness is not None


def spoil_weights(folder, change):
    weights = load_file(folder / "stiffness.safetensors")
    change(weights)
    save_file(weights, folder / "stiffness.safetensors")


def spoil_config(folder, change):
    path = folder / "stiffness.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


WRONG_WEIGHTS = {
    "must be finite": lambda w: w["linear.weight"].fill_(float("nan")),
    r"'linear.bias' has shape \(3,\) instead of \(2,\)": lambda w: w.update(
        {"linear.bias": torch.zeros(3)}
    ),
    "'more' has shape": lambda w: w.update(more=torch.zeros(1)),
    "'out.bias' has shape None": lambda w: w.pop("out.bias"),
    "thresholds and scales must be above 0": lambda w: w["input_scale"].fill_(0),
}
WRONG_CONFIG = {
    "fitted to the encoder beside it, but was to another": lambda c: c.update(encoder="0" * 64),
    "must be a 'polyxtal stiffness head' of version 1": lambda c: c.update(format_version=2),
    "must describe a stiffness head": lambda c: c["sizes"].update(components=10**9),
    "must describe a stiffness head, but: 'encoder'": lambda c: c.pop("encoder"),
    "fitted to the encoder": lambda c: c["sizes"].update(width=30),
}


@pytest.mark.parametrize("message", WRONG_WEIGHTS)
def test_wrong_weights_are_refused(model, tmp_path, message):
    model.save(tmp_path)
    spoil_weights(tmp_path, WRONG_WEIGHTS[message])
    with pytest.raises(ValueError, match=message):
        px.load_model(tmp_path)


@pytest.mark.parametrize("message", WRONG_CONFIG)
def test_wrong_descriptions_are_refused(model, tmp_path, message):
    model.save(tmp_path)
    spoil_config(tmp_path, WRONG_CONFIG[message])
    with pytest.raises(ValueError, match=message):
        px.load_model(tmp_path)


def test_broken_files_are_refused(model, tmp_path, monkeypatch):
    model.save(tmp_path)
    whole = (tmp_path / "stiffness.safetensors").read_bytes()
    (tmp_path / "stiffness.safetensors").write_bytes(whole[:-7])
    with pytest.raises(ValueError, match=r"stiffness.safetensors: must be whole safetensors"):
        px.load_model(tmp_path)
    (tmp_path / "stiffness.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"stiffness.safetensors: a model must have"):
        px.load_model(tmp_path)
    (tmp_path / "stiffness.safetensors").write_bytes(whole)
    monkeypatch.setattr("polyxtal.model.heads.stiffness.file.MAX_WEIGHTS", 10)
    with pytest.raises(ValueError, match="must not exceed 10 bytes"):
        px.load_model(tmp_path)
    (tmp_path / "stiffness.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"stiffness.json: must be a model's description"):
        px.load_model(tmp_path)


def test_another_encoder_is_refused(model, tmp_path):
    model.save(tmp_path)
    save_model(tmp_path, MaskedAutoencoder(model.config, 4))
    with pytest.raises(ValueError, match="fitted to the encoder beside it"):
        px.load_model(tmp_path)


def test_the_hub_download_brings_the_head():
    assert {"stiffness.json", "stiffness.safetensors"} < {*model_files()}
