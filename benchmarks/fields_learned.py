"""Convolutional heads for local fields, fitted to the volumes of fields_data.py.

    python benchmarks/fields_learned.py out/fields/train [--epochs 12]

Inputs of a voxel: strain and stress of fields.py's affine grains, and their means over its grain
("no crystals"); harmonics of degree 4 ("no encoder"); and the encoder's token of its patch, of
`polyxtal-small` as initialised and as pretrained. Targets: equivalent stress and plastic strain
over the grains' means. The last volumes are for validation. Heads are kept beside the volumes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import polyxtal as px
from fields import Case, Fields, affine_fields, affine_state
from fields_data import sample
from polyxtal.algebra.mandel import mandel_rotation, matrix_to_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.laue import LaueGroup
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import _source_voxels, box_rotations, turn_axes
from polyxtal.files.arrays import open_arrays
from polyxtal.mechanics.measures import deviator, equivalent_strain, von_mises_stress
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.tokens import patchify
from polyxtal.model.windows import windows
from polyxtal.training.finetune.encoders import untrained_copy

WIDTH, BLOCKS, TOKEN, PATCH = 32, 3, 16, 5
ASIDE = 12
"""Volumes that no head is fitted to, the last ones."""
BATCH = 2
TURNS = (0, 5, 10, 17)
"""Rotations of the box that volumes are learned in."""
TENSORS, SCALARS, PASSES = 4, 4, 4
NAMES = {
    "none": "no crystals",
    "crystals": "no encoder",
    "untrained": "untrained encoder",
    "pretrained": "pretrained encoder",
}
KINDS = tuple(NAMES)


class DenseHead(nn.Module):
    """Residual convolutions, periodic, on fields and upsampled tokens."""

    def __init__(self, channels: int, tokens: int) -> None:
        """Draw the weights."""
        super().__init__()
        self.token = nn.Linear(tokens, TOKEN) if tokens else None
        self.embed = nn.Conv3d(channels + (TOKEN if tokens else 0), WIDTH, 1)
        conv = {"padding": 1, "padding_mode": "circular"}
        self.blocks = nn.ModuleList(nn.Conv3d(WIDTH, WIDTH, 3, **conv) for _ in range(BLOCKS))
        self.out = nn.Conv3d(WIDTH, 2, 1)

    def forward(self, fields: Tensor, tokens: Tensor | None) -> Tensor:
        """Return the targets, (batch, 2, nx, ny, nz)."""
        x = fields
        if self.token is not None and tokens is not None:
            small = self.token(tokens).mT
            edge, (nx, ny, nz) = round(small.shape[-1] ** (1 / 3)), fields.shape[-3:]
            small = small.reshape(*small.shape[:2], edge, edge, edge)
            whole = nn.functional.interpolate(small, scale_factor=PATCH)
            x = torch.cat([fields, whole[..., :nx, :ny, :nz]], 1)
        x = self.embed(x)
        for block in self.blocks:
            x = x + nn.functional.gelu(block(x))
        return self.out(x)


def inputs(case: Case) -> tuple[Tensor, float, float]:
    """Return the channels of the fields, and the scales of stress [MPa] and strain.

    Tensors come first, six Mandel components each: strain, stress, stress and strain of the grain.
    """
    cell, law, means = affine_state(case, PASSES)
    grain, grid = case.rve.grain_id.reshape(-1), case.rve.grid
    affine = affine_fields(case, cell)
    deformations = cell._deformation, means[:, grain]
    stresses = cell.law.piola, law.piola[:, grain]
    plastic = equivalent_strain(torch.linalg.inv(law._plastic_inverse))
    scale = float(von_mises_stress(tensors(law.piola)).mean())
    size = float(plastic.mean())
    parts = [matrix_to_mandel(deviator(strain_of(f))) / size for f in deformations]
    parts += [matrix_to_mandel(deviator(tensors(p))) / scale for p in stresses]
    scalars = [
        affine.stress.reshape(-1) / scale,
        von_mises_stress(tensors(stresses[1])) / scale,
        affine.strain.reshape(-1) / size,
        plastic[grain] / size,
    ]
    parts += [torch.stack(scalars, -1)]
    table = feature("harmonic", LaueGroup("m-3m")).compute(case.rve.orientations)
    parts += [table[grain]]
    joined = torch.cat([c.float() for c in parts], -1)
    return joined.reshape(*grid, -1).permute(3, 0, 1, 2), scale, size


def tensors(rows: Tensor) -> Tensor:
    return rows.mT.reshape(-1, 3, 3)


def strain_of(rows: Tensor) -> Tensor:
    change = tensors(rows) - torch.eye(3).to(rows)
    return 0.5 * (change + change.mT)


@torch.no_grad()
def tokens_of(model: FoundationModel, rve: px.Polycrystal) -> Tensor:
    field = windows(rve, model.config.voxels, model.config.seen)
    return model.autoencoder.encoder(patchify(field, model.config.patch))[0, 1:]


def encoders() -> dict[str, FoundationModel]:
    model = px.load_model("polyxtal-small")
    return {"untrained": untrained_copy(model), "pretrained": model}


class Volumes(NamedTuple):
    """Inputs, targets and grains of all volumes, and tokens by encoder and rotation."""

    fields: Tensor
    targets: Tensor
    tokens: dict[str, Tensor]


def read(folder: Path) -> Volumes:
    """Return all volumes, each rotated by the rotations of TURNS."""
    known = encoders()
    fields, targets = [], []
    tokens: dict[str, list[Tensor]] = {name: [] for name in known}
    for file in sorted(folder.glob("[0-9]*.npz")):
        one = sample(int(file.stem))
        with open_arrays(file) as stored:
            truth = torch.stack([torch.from_numpy(stored.read(n)) for n in ("stress", "strain")])
        channels, stress, strain = inputs(Case(file.stem, one.rve, one.material, one.path))
        truth = truth / torch.tensor([stress, strain])[:, None, None, None]
        for number in TURNS:
            rve = one.rve.rotate(box_rotations()[number])
            moved = turned(torch.cat([channels, truth.float()]), number, one.rve.orientations, rve)
            fields.append(moved[:-2])
            targets.append(moved[-2:])
            for name, model in known.items():
                tokens[name].append(tokens_of(model, voxels_of(one.rve, rve, number)))
    stacked = {name: torch.stack(parts) for name, parts in tokens.items()}
    return Volumes(torch.stack(fields), torch.stack(targets), stacked)


def turned_voxels(grid: tuple[int, int, int], number: int) -> Tensor:
    """Return the original voxel of every voxel of the rotated box."""
    axes, flipped = (part[number][None] for part in turn_axes())
    return _source_voxels(grid, axes, flipped, torch.zeros(1, 3, dtype=torch.int64), "cpu")[0]


def turned(channels: Tensor, number: int, _: Tensor, rve: px.Polycrystal) -> Tensor:
    """Rotate all channels: voxels, tensors, and harmonics by those of the turned crystals."""
    grid = tuple(channels.shape[1:])
    flat = channels.flatten(1)[:, turned_voxels(grid, number)]
    q = mandel_rotation(quaternion_to_matrix(box_rotations()[number])).float()
    tensors6 = flat[: 6 * TENSORS].reshape(TENSORS, 6, -1)
    flat[: 6 * TENSORS] = torch.einsum("ij,tjv->tiv", q, tensors6).reshape(6 * TENSORS, -1)
    ids = rve.grain_id.reshape(-1)[turned_voxels(grid, number)]
    first = 6 * TENSORS + SCALARS
    table = feature("harmonic", LaueGroup("m-3m")).compute(rve.orientations)
    flat[first : first + table.shape[1]] = table[ids].mT.float()
    return flat.reshape(channels.shape)


def voxels_of(before: px.Polycrystal, rve: px.Polycrystal, number: int) -> px.Polycrystal:
    """Return the turned polycrystal with its voxels moved, too."""
    ids = before.grain_id.reshape(-1)[turned_voxels(before.grid, number)].reshape(before.grid)
    return px.Polycrystal(ids, rve.orientations, before.size)


def fit(
    volumes: Volumes, kind: str, epochs: int, seed: int = 0
) -> tuple[dict[str, Tensor], list[float]]:
    """Fit a head; return its weights with the scales, and 1 - R² on the volumes set aside."""
    fields, targets, tokens = volumes.fields, volumes.targets, volumes.tokens.get(kind)
    fields = fields if kind != "none" else fields[:, : 6 * TENSORS + SCALARS]
    train, axes = len(fields) - ASIDE * len(TURNS), (0, 2, 3, 4)
    mean, std = fields[:train].mean(axes), fields[:train].std(axes).clamp_min(1e-6)
    centre, spread = targets[:train].mean(axes), targets[:train].std(axes)
    x = (fields - mean[:, None, None, None]) / std[:, None, None, None]
    y = (targets - centre[:, None, None, None]) / spread[:, None, None, None]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        head = DenseHead(x.shape[1], 0 if tokens is None else tokens.shape[-1])
        optimiser = torch.optim.AdamW(head.parameters(), weight_decay=1e-3)
        steps = epochs * (train // BATCH)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
        for epoch in range(epochs):
            for k in torch.randperm(train)[: train // BATCH * BATCH].reshape(-1, BATCH):
                loss = (head(x[k], None if tokens is None else tokens[k]) - y[k]).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                rate.step()
            if epoch % 4 == 3 or epoch == epochs - 1:
                print(f"epoch {epoch + 1}: {loss.item():.4f}", flush=True)
        with torch.no_grad():
            k = torch.arange(train, len(x))
            off = (head(x[k], None if tokens is None else tokens[k]) - y[k]).square()
        unexplained = off.mean(axes) / y[train:].var(axes, correction=0)
    scales = {"mean": mean, "std": std, "centre": centre, "spread": spread}
    state = {name: value.detach() for name, value in head.state_dict().items()}
    return state | {f"scale.{name}": v for name, v in scales.items()}, unexplained.tolist()


def fitted_heads(folder: Path) -> dict[str, Callable[[Case], Fields]]:
    """Return the fitted heads of a folder as methods for the table, by name."""
    found: dict[str, Callable[[Case], Fields]] = {}
    known = encoders()
    for kind in KINDS:
        if not (folder / f"{kind}.safetensors").is_file():
            continue
        state = load_file(folder / f"{kind}.safetensors")
        scales = {name: state.pop(f"scale.{name}") for name in ("mean", "std", "centre", "spread")}
        wide = state["token.weight"].shape[1] if "token.weight" in state else 0
        head = DenseHead(len(scales["mean"]), wide)
        head.load_state_dict(state)

        @torch.no_grad()
        def run(case: Case, kind=kind, head=head, scales=scales) -> Fields:
            if kind != "none" and case.rve.laue_group(0).name != "m-3m":
                raise px.ConvergenceError("its inputs are those of cubic crystals", float("inf"))
            x, stress, strain = inputs(case)
            x = x[: len(scales["mean"])]
            x = (x - scales["mean"][:, None, None, None]) / scales["std"][:, None, None, None]
            given = tokens_of(known[kind], case.rve)[None] if kind in known else None
            y = head(x[None], given)[0]
            y = y * scales["spread"][:, None, None, None] + scales["centre"][:, None, None, None]
            return Fields(y[0] * stress, y[1] * strain, case.rve.orientations)

        found[f"learned, {NAMES[kind]}"] = run
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=16)
    given = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.process_time()
    volumes = read(given.folder)
    print(f"{len(volumes.fields)} fields, {time.process_time() - begun:.0f} CPU s", flush=True)
    for kind in KINDS:
        begun = time.process_time()
        state, unexplained = fit(volumes, kind, given.epochs)
        save_file(state, given.folder / f"{kind}.safetensors")
        scores = ", ".join(f"{1 - value:.4f}" for value in unexplained)
        print(f"{NAMES[kind]}: R2 {scores}, {time.process_time() - begun:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
