"""Training without labels: normals are to reduce how far networks miss the expected curves.

The loss of a network is linear in what it knows of plasticity, see `volumes`,

    (|r + J Δn|² + damping s |Δn|²) / mean |r|²,    s = mean diagonal of J Jᵀ,

the function that the first Gauss-Newton step minimises for one network, with the same damping.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.model.heads.curves.head import INCREMENTS
from polyxtal.network.fit import DAMPING
from polyxtal.network.topology import BinaryTree
from reproduction.normals.predictor import Inputs, NormalPredictor
from reproduction.normals.volumes import MAX_BYTES, TURN, TURNS, VolumeInputs

WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""
WEIGHT = "weight:"
"""Prefix of the predictor's weights in an archive."""


@dataclass(frozen=True)
class TrainingSettings:
    """How predictors are trained.

    Attributes:
        epochs: Passes through the training data.
        batch: Networks of a step.
        rate: Largest learning rate.
        decay: Weight decay.
        held_out: Share of the polycrystals that validate.
        seed: Random seed of weights and order.
    """

    epochs: int = 20
    batch: int = 24
    rate: float = 2e-3
    decay: float = 0.05
    held_out: float = 0.2
    seed: int = 0


class Batch(NamedTuple):
    """Networks, and how they miss the expected curves.

    Attributes:
        given: Inputs of the predictor.
        residual: Residuals. [-]
        jacobian: Their derivative by the normals, perpendicular to these. [-]
    """

    given: Inputs
    residual: Float[Tensor, "batch rows"]
    jacobian: Float[Tensor, "batch rows inner 3"]

    def pick(self, index: Tensor) -> Batch:
        """Return some of the networks."""
        *tensors, latent = self.given
        seen = None if latent is None else latent[index]
        return Batch(
            Inputs._make([*(part[index] for part in tensors), seen]),
            self.residual[index],
            self.jacobian[index],
        )


def as_batch(samples: Sequence[VolumeInputs], encoder: int | None, turn: int = 0) -> Batch:
    """Join the networks of polycrystals, turned by `TURN` a number of times.

    Args:
        samples: Polycrystals.
        encoder: Which encoder's latent vectors are seen; None for none.
        turn: Number of turns.
    """
    one = torch.tensor(TURN)
    matrix = torch.linalg.matrix_power(quaternion_to_matrix(one), turn)
    stored = [part.samples for part in samples]
    orientations = torch.cat([part.orientations for part in stored])
    for _ in range(turn):
        orientations = quaternion_multiply(one, orientations)
    normals = torch.cat([part.normals for part in stored])
    jacobian = torch.cat([part.jacobian for part in stored])
    jacobian = jacobian - (jacobian * normals[:, None]).sum(-1, keepdim=True) * normals[:, None]
    count = [len(part.weights) for part in stored]
    latent = None
    if encoder is not None:
        vectors = torch.stack([part.latent[encoder, turn].reshape(2, -1) for part in stored])
        latent = _repeat(vectors, count)
    given = Inputs(
        orientations,
        torch.cat([part.weights for part in stored]),
        normals @ matrix.T,
        _repeat(torch.stack([part.extents.roll(turn) for part in stored]), count),
        _roll(torch.cat([part.missed for part in samples]), turn, 1),
        _roll(torch.cat([part.gradient for part in samples]), turn, 1) @ matrix.T,
        latent,
    )
    residual = _roll(torch.cat([part.residual for part in stored]), turn, INCREMENTS)
    return Batch(given, residual, _roll(jacobian, turn, INCREMENTS) @ matrix.T)


def _repeat(rows: Tensor, count: list[int]) -> Tensor:
    return rows.repeat_interleave(torch.tensor(count), 0)


def _roll(rows: Tensor, turn: int, points: int) -> Tensor:
    """Number rows as the turned paths: the path along x becomes the one along y, and so on."""
    return rows.unflatten(1, (3, 3, points)).roll(turn, 2).flatten(1, 3)


def linear_loss(batch: Batch, normals: Float[Tensor, "batch inner 3"]) -> Float[Tensor, " batch"]:
    """Return the loss of every network, not divided by the mean of the start."""
    change = normals - batch.given.normals
    missed = batch.residual + torch.einsum("brkj,bkj->br", batch.jacobian, change)
    scale = batch.jacobian.square().sum((1, 2, 3)) / batch.residual.shape[1]
    return missed.square().sum(1) + DAMPING[1] * scale * change.square().sum((1, 2))


def best_linear_loss(batch: Batch) -> Float[Tensor, " batch"]:
    """Return the smallest loss that any normals of unbounded turn reach, for comparison."""
    rows = batch.jacobian.flatten(2).double()
    gram = rows @ rows.mT
    scale = gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    residual = batch.residual.double()
    damped = gram + DAMPING[1] * scale * torch.eye(gram.shape[-1], dtype=gram.dtype)
    solved = torch.linalg.solve(damped, residual[..., None])[..., 0]
    return (DAMPING[1] * scale[:, 0] * residual * solved).sum(1)


class Trained(NamedTuple):
    """A predictor, and its losses relative to those of the start.

    Attributes:
        predictor: The predictor, with the weights of the smallest validation loss.
        centre, spread: Mean and standard deviation of the latent vectors; None without encoder.
        losses: Of training and validation after every epoch. [-]
        seconds: CPU time of the training. [s]
    """

    predictor: NormalPredictor
    centre: Tensor | None
    spread: Tensor | None
    losses: tuple[tuple[float, float], ...]
    seconds: float

    def write(self, file: Path) -> None:
        """Write all that `read` needs, to an archive (.npz)."""
        arrays = {f"{WEIGHT}{k}": v for k, v in self.predictor.state_dict().items()}
        if self.centre is not None and self.spread is not None:
            arrays |= {"centre": self.centre, "spread": self.spread}
        arrays |= {"losses": torch.tensor(self.losses), "seconds": torch.tensor(self.seconds)}
        with atomic_file(file) as temporary:
            write_arrays(temporary, {name: value.numpy() for name, value in arrays.items()})

    @classmethod
    def read(cls, file: Path, tree: BinaryTree) -> Trained:
        """Read a predictor for networks of a tree."""
        with open_arrays(file, MAX_BYTES) as stored:
            found = {name: torch.from_numpy(stored.read(name)) for name in stored.names}
        centre = found.get("centre")
        predictor = NormalPredictor(tree, 0 if centre is None else centre.shape[-1])
        weights = {k.removeprefix(WEIGHT): v for k, v in found.items() if k.startswith(WEIGHT)}
        predictor.load_state_dict(weights)
        losses = tuple((training, held) for training, held in found["losses"].tolist())
        seconds = float(found["seconds"])
        return cls(predictor.eval(), centre, found.get("spread"), losses, seconds)


def train(
    samples: Sequence[VolumeInputs],
    held: int,
    tree: BinaryTree,
    encoder: int | None,
    settings: TrainingSettings,
    progress: Progress = no_progress,
) -> Trained:
    """Train a predictor.

    Args:
        samples: Polycrystals.
        held: Number of polycrystals, the last ones, that validate.
        tree: Tree of their networks.
        encoder: Which encoder's latent vectors are seen; None for none.
        settings: How to train.
        progress: Called after every epoch, with the losses.
    """
    begin, kept = time.process_time(), len(samples) - held
    turns = [as_batch(samples[:kept], encoder, turn) for turn in range(TURNS)]
    last = as_batch(samples[kept:], encoder)
    centre = spread = None
    if encoder is not None:
        seen = torch.cat([turn.given.latent for turn in turns if turn.given.latent is not None])
        centre, spread = seen.mean(0), seen.std(0).clamp_min(1e-6)
        turns = [standardised(turn, centre, spread) for turn in turns]
        last = standardised(last, centre, spread)
    width = 0 if last.given.latent is None else last.given.latent.shape[-1]
    model = NormalPredictor(tree, width, settings.seed)
    losses: list[tuple[float, float]] = []
    best, weights = float("inf"), {}
    for training in _epochs(model, turns, settings):
        with torch.no_grad():
            validation = float(linear_loss(last, model(last.given)).mean() / _start(last))
        losses.append((training, validation))
        if validation < best:
            best, weights = validation, {k: v.clone() for k, v in model.state_dict().items()}
        note = f"loss {training:.3f}, held out {validation:.3f}"
        progress("epochs", len(losses), settings.epochs, note)
    model.load_state_dict(weights)
    seconds = time.process_time() - begin
    return Trained(model.eval(), centre, spread, tuple(losses), seconds)


def _epochs(
    model: NormalPredictor, turns: Sequence[Batch], settings: TrainingSettings
) -> Iterator[float]:
    """Train; yield the mean loss of every epoch."""
    start, count = _start(turns[0]), len(turns[0].residual)
    size = min(settings.batch, count)
    each = count // size
    optimiser = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        settings.rate,
        total_steps=settings.epochs * each,
        pct_start=WARMUP,
        cycle_momentum=False,
    )
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.epochs):
        total = 0.0
        for index in torch.randperm(count, generator=generator)[: each * size].split(size):
            batch = turns[int(torch.randint(TURNS, (1,), generator=generator))].pick(index)
            loss = linear_loss(batch, model(batch.given)).mean() / start
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        yield total / each


def _start(batch: Batch) -> Tensor:
    """Return the mean square residual of the normals to start from."""
    return batch.residual.square().sum(1).mean()


def standardised(batch: Batch, centre: Tensor, spread: Tensor) -> Batch:
    """Return the batch with standardised latent vectors."""
    assert batch.given.latent is not None
    latent = (batch.given.latent - centre) / spread
    return batch._replace(given=batch.given._replace(latent=latent))
