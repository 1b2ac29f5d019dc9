"""Tasks on parts of volumes: rebuilding hidden blocks, and local fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.algebra.randomness import generator_of
from polyxtal.crystal.load_material import load_material
from polyxtal.mechanics.fullfield.predict_fields import predict_fields
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.mechanics.ladder.predict import FIRST_POINTS
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.mean_field.taylor import Taylor
from polyxtal.mechanics.measures import von_mises_stress
from polyxtal.microstructure.coarse import coarse_voxels, coarsen
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.mae import Mask
from polyxtal.model.windows import windows
from polyxtal.training.finetune.ridge import fit_ridge, r_squared
from polyxtal.workflows.benchmark.encoders import Encoder
from polyxtal.workflows.benchmark.scores import (
    Row,
    block_means,
    blocks_of,
    harmonics_of,
    surroundings,
    tokens_at_blocks,
    unblocked,
)
from polyxtal.workflows.benchmark.settings import (
    BLOCK,
    HIDDEN,
    INCREMENTS,
    MATERIAL,
    STRAIN,
    Preset,
)
from polyxtal.workflows.benchmark.volumes import Volumes

HOT = 0.01
"""Share of voxels that are the hottest. [-]"""
AROUND = "ridge on surrounding blocks"
STREAM = 21


def hidden_blocks(rve: Polycrystal, number: int, seed: int) -> Tensor:
    """Return which blocks of a volume are hidden, (blocks,) bool."""
    blocks = rve.grain_id.numel() // BLOCK**3
    order = torch.randperm(blocks, generator=generator_of(seed, number, STREAM))
    hidden = torch.zeros(blocks, dtype=torch.bool)
    hidden[order[: min(max(1, round(HIDDEN * blocks)), blocks - 1)]] = True
    return hidden


def filled(rve: Polycrystal, hidden: Tensor) -> Polycrystal:
    """Return the volume with every hidden voxel of the crystal of the nearest visible one."""
    marks = unblocked(hidden[:, None].expand(-1, BLOCK**3), rve.grid)
    seen, unseen = (~marks).nonzero(), marks.nonzero()
    nearest = seen[torch.from_numpy(KDTree(seen.numpy(), boxsize=rve.grid).query(unseen)[1])]
    ids = rve.grain_id.clone()
    ids[tuple(unseen.T)] = rve.grain_id[tuple(nearest.T)]
    return Polycrystal(ids, rve.orientations, rve.size, lattices=rve.lattices)


def rebuild(preset: Preset, encoders: Mapping[str, Encoder], volumes: Volumes) -> Iterator[Row]:
    """Score the mean harmonics of hidden blocks, read off tokens by ridge regressions.

    Encoders see the volume with its hidden blocks filled from the nearest visible voxels.
    """
    train, test = preset.numbers(preset.rebuild)
    numbers, seed = [*train, *test], volumes.recipe.seed
    masks = {number: hidden_blocks(volumes[number], number, seed) for number in numbers}

    def baselines(some: list[Polycrystal], which: Sequence[int]) -> dict[str, Tensor]:
        rows: dict[str, list[Tensor]] = {}
        for rve, number in zip(some, which, strict=True):
            hidden = masks[number]
            guess, true = filled(rve, hidden), block_means(harmonics_of(rve)).flatten(0, 2)
            near = block_means(harmonics_of(guess)).flatten(0, 2)
            rows.setdefault("truth", []).append(true[hidden])
            rows.setdefault("nearest visible", []).append(near[hidden])
            mean = true[~hidden].mean(0).expand(int(hidden.sum()), -1)
            rows.setdefault("mean of visible", []).append(mean)
            rows.setdefault(AROUND, []).append(surroundings(guess)[hidden])
        return {name: torch.stack(values) for name, values in rows.items()}

    found = volumes.compute("labels/rebuild", numbers, baselines)
    truth, some = found.pop("truth"), len(train)
    features = {AROUND: found.pop(AROUND)}
    for name, encoder in encoders.items():

        def tokens(rves: list[Polycrystal], which: Sequence[int], encoder=encoder):
            guesses = [filled(rve, masks[n]) for rve, n in zip(rves, which, strict=True)]
            encoded = encoder.encode(guesses).tokens
            if encoded is None:
                return {}
            parts = [
                tokens_at_blocks(one, rve.grid)[masks[n]]
                for one, rve, n in zip(encoded, guesses, which, strict=True)
            ]
            return {"tokens": torch.stack(parts)}

        values = volumes.compute(f"features/{encoder.identity[:16]}/rebuild", numbers, tokens)
        if "tokens" in values:
            features[name] = values["tokens"]
    answers = {name: (0, values[some:]) for name, values in found.items()}
    for name, encoder in encoders.items():
        decoded = [decoded_blocks(encoder, volumes[n], masks[n]) for n in test]
        known = [blocks for blocks in decoded if blocks is not None]
        if len(known) == len(decoded):
            answers[f"{name}, its own decoder"] = 0, torch.stack(known)
    for name, values in features.items():
        ridge = fit_ridge(values[:some].flatten(0, 1), truth[:some].flatten(0, 1))
        answers[name] = some, ridge.predict(values[some:].flatten(0, 1).double())
    right = truth[some:].flatten(0, 1).double()
    for name, (labels, given) in answers.items():
        off = (given.reshape(right.shape).double() - right).square().mean()
        score = 1 - off / right.var(0, correction=0).mean()
        yield Row("rebuild", "harmonics of hidden blocks", labels, name, "R2", float(score))


@torch.no_grad()
def decoded_blocks(encoder: Encoder, rve: Polycrystal, hidden: Tensor) -> Tensor | None:
    """Return the mean harmonics of hidden blocks by a masked autoencoder's own decoder.

    None unless it is one of harmonics, of volumes and patches of this size.
    """
    model = encoder.model
    if model is None or model.config.reconstructed != "harmonic" or model.config.patch != BLOCK:
        return None
    if rve.grid != (model.config.voxels,) * 3:
        return None
    field = windows(rve, model.config.voxels, model.config.seen).to(model.device)
    mask = Mask(*(part.nonzero().T.to(model.device) for part in (~hidden, hidden)))
    values, _, _ = model.autoencoder(field, mask)
    return values[0].cpu().unflatten(-1, (BLOCK**3, -1)).mean(1)


def field_labels(polycrystals: Sequence[Polycrystal], _: Sequence[int]) -> dict[str, Tensor]:
    """Return the von Mises stress of every voxel in tension by every method. [MPa]"""
    material, rows = load_material(MATERIAL), {}
    path = LoadPath.uniaxial(STRAIN)
    for rve in polycrystals:
        coarse = coarsen(rve, coarse_grid(rve, FIRST_POINTS))
        away = predict_fields(coarse, material, path).equivalent_stress[0]
        law, start, weights = crystals_of(rve, material)
        stepper = Taylor(law, start, weights, 1e-6)
        follow(LoadPath.uniaxial(STRAIN, increments=INCREMENTS), stepper)
        place = (rve.volume_fractions > 0).cumsum(0) - 1
        stress = von_mises_stress(stepper.stress())[place]  # P and σ differ by the strain
        found = {
            "full field": predict_fields(rve, material, path).equivalent_stress[0],
            "coarse field": away.reshape(-1)[coarse_voxels(rve, coarse)],
            "Taylor": stress[rve.grain_id],
            AROUND: surroundings(rve),
        }
        for name, values in found.items():
            rows.setdefault(name, []).append(values.float())
    return {name: torch.stack(values) for name, values in rows.items()}


def local_fields(
    preset: Preset, encoders: Mapping[str, Encoder], volumes: Volumes
) -> Iterator[Row]:
    """Score von Mises stress in tension, as filled into blocks by a dense head.

    The head is linear, from a block's token and Taylor's stress of its voxels to the stress of its
    voxels.
    """
    train, test = preset.numbers(preset.fields)
    numbers, some = [*train, *test], len(train)
    found = volumes.compute("labels/fields", numbers, field_labels)
    truth = found.pop("full field")
    features = {"ridge on Taylor's stress": None, AROUND: found.pop(AROUND)}
    for name, encoder in encoders.items():

        def tokens(rves: list[Polycrystal], _: Sequence[int], encoder=encoder):
            encoded = encoder.encode(rves).tokens
            if encoded is None:
                return {}
            pairs = zip(encoded, rves, strict=True)
            return {"tokens": torch.stack([tokens_at_blocks(one, rve.grid) for one, rve in pairs])}

        values = volumes.compute(f"features/{encoder.identity[:16]}/fields", numbers, tokens)
        if "tokens" in values:
            features[name] = values["tokens"]
    taylor = torch.stack([blocks_of(field) for field in found["Taylor"]])
    targets = torch.stack([blocks_of(field) for field in truth])
    answers = {name: (0, values[some:]) for name, values in found.items()}
    for name, values in features.items():
        inputs = taylor if values is None else torch.cat([values, taylor], -1)
        ridge = fit_ridge(inputs[:some].flatten(0, 1), targets[:some].flatten(0, 1))
        whole = ridge.predict(inputs[some:].flatten(0, 1).double()).reshape(targets[some:].shape)
        fields = [unblocked(blocks, volumes.recipe.grid) for blocks in whole]
        answers[name] = some, torch.stack(fields)
    for name, (labels, fields) in answers.items():
        yield from _scores(name, labels, fields.double(), truth[some:].double())


def _scores(name: str, labels: int, fields: Tensor, truth: Tensor) -> Iterator[Row]:
    flat, right = fields.flatten(1), truth.flatten(1)
    share = float(r_squared(flat.reshape(-1, 1), right.reshape(-1, 1)))
    count = max(1, round(HOT * right.shape[1]))
    pairs = [
        (set(one.topk(count).indices.tolist()), set(two.topk(count).indices.tolist()))
        for one, two in zip(flat, right, strict=True)
    ]
    hot = sum(len(a & b) for a, b in pairs) / (count * len(pairs))
    for measure, value in (("R2", share), ("hottest 1 %", hot)):
        yield Row("local fields", "von Mises stress", labels, name, measure, value)
