"""Fit one head, with its encoder or without, and stop where validation is best.

state.safetensors   after every epoch: parameters, Adam's averages, the best parameters so far
curve.csv           epoch, losses
"""

from __future__ import annotations

import copy
import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.files.atomic import atomic_file
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.tokens import patchify
from polyxtal.training.finetune.config import FitConfig
from polyxtal.training.finetune.stiffness_data import AT_ONCE, StiffnessData
from polyxtal.training.finetune.tasks import HeadTask

STATE, CURVE = "state.safetensors", "curve.csv"
FINE = 6
"""Stream of random numbers for order and moves."""


class Split(NamedTuple):
    """Numbers of RVEs to learn from and to validate on."""

    train: Integer[Tensor, " n"]
    validation: Integer[Tensor, " m"]


def split_rves(count: int, validation: float, seed: int, stream: int) -> Split:
    """Draw which RVEs are validated on.

    Args:
        count: RVEs in all.
        validation: Share of them to validate on; one at least.
        seed: Same seed, same split.
        stream: Of random numbers, so that fits of different kinds split differently.
    Raises:
        ValueError: if fewer than two are left to learn from.
    """
    aside = max(1, round(validation * count))
    if count - aside < 2:
        raise ValueError(
            "At least two RVEs must be left to learn from, but `validation` leaves "
            f"{count - aside}."
        )
    order = torch.randperm(count, generator=generator_of(seed, 0, stream))
    return Split(order[aside:], order[:aside])


def untrained_copy(model: FoundationModel) -> FoundationModel:
    """Draw a model's first weights again, as its pretraining's seed did."""
    seed = int(dict(model.about.get("pretraining") or {}).get("seed", 0))
    return FoundationModel(MaskedAutoencoder(model.config, seed), {})


def encoder_of(name: str, head: FitConfig) -> str:
    """Name the encoder that a head begins with: of the fine-tuning's model, or of its own."""
    return head.encoder if head.model is None else f"{head.encoder} of {name}"


def load_encoders(
    model: FoundationModel, heads: Mapping[str, FitConfig]
) -> dict[str, FoundationModel]:
    """Gather what heads begin with, by the names of `encoder_of`.

    Args:
        model: The fine-tuning's, for "pretrained" and "untrained".
        heads: By name; those with a model of their own get that.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if one sees another number of voxels.
    """
    found = {"pretrained": model, "untrained": untrained_copy(model)}
    for name, head in heads.items():
        if head.model is None:
            continue
        own = load_model(head.model)
        if own.config.voxels != model.config.voxels:
            raise ValueError(
                f"{head.model}: models of one fine-tuning must see as many voxels, but this one "
                f"sees {own.config.voxels}³ and another {model.config.voxels}³."
            )
        found[encoder_of(name, head)] = own if head.encoder == "pretrained" else untrained_copy(own)
    return found


def own_encoders(
    encoders: Mapping[str, FoundationModel], heads: Mapping[str, FitConfig]
) -> dict[str, str]:
    """Return fingerprints of the encoders of heads with a model of their own, by head."""
    return {
        name: fingerprint(encoders[encoder_of(name, head)].autoencoder)
        for name, head in heads.items()
        if head.model is not None
    }


class Fitter:
    """One head, its encoder if that learns, and where the training is.

    Args:
        config: How to fit.
        task: The head and its loss.
        model: The encoder to begin with.
        data: Labelled polycrystals.
        split: Which are learned from.
        encoded: All of them as that encoder sees them, see `encode_copies`; a frozen one learns
            from the copies, too.
        seed: Of order and moves.
    """

    def __init__(
        self,
        config: FitConfig,
        task: HeadTask,
        model: FoundationModel,
        data: StiffnessData,
        split: Split,
        encoded: tuple[Float[Tensor, "n copies width"], Integer[Tensor, "n copies"]],
        seed: int,
    ) -> None:
        """Start the head from a ridge."""
        self.config, self.task, self.data, self.split, self.seed = config, task, data, split, seed
        self.features, self.patch = model.config.features, model.config.patch
        latent, turns = encoded
        self.latent, self.turns = latent[split.train], turns[split.train]
        self.aside = latent[split.validation, 0]
        task.begin(self.latent, self.turns, split.train, self.aside, split.validation)
        self.parts = nn.ModuleDict({"head": task.head})
        if not config.freeze:
            self.parts["encoder"] = copy.deepcopy(model.autoencoder.encoder).train()
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=config.decay)
        self.rows: list[dict[str, float]] = []
        self.best_loss, self.best_epoch = self.validate(), 0
        self.best = self._parameters()

    def _groups(self) -> list[dict]:
        """Give the encoder's blocks rates that fall towards the input."""
        config = self.config
        groups: list[dict] = [{"params": [*self.task.head.parameters()], "lr": config.rate}]
        if "encoder" not in self.parts:
            return groups
        encoder = self.parts["encoder"]
        blocks: nn.ModuleList = encoder.transformer.blocks  # pyright: ignore
        levels = {id(p): 1 + i for i, block in enumerate(blocks) for p in block.parameters()}
        levels |= {id(p): len(blocks) + 1 for p in encoder.transformer.norm.parameters()}  # pyright: ignore
        for parameter in encoder.parameters():
            below = max(0, len(blocks) - levels.get(id(parameter), 0))
            rate = config.rate * config.encoder_rate * config.layer_decay**below
            groups.append({"params": [parameter], "lr": rate})
        return groups

    def run(self, folder: Path, progress: Progress = no_progress, stage: str = "fit") -> float:
        """Train until validation no longer improves; return its best loss.

        Args:
            folder: Folder of the checkpoint.
            progress: Called after every epoch.
            stage: Name of the fit in reports of progress.

        Raises:
            ConvergenceError: if the loss is no longer finite.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._resume(folder / STATE)
        rates = [group["lr"] for group in self._groups()]
        while not self.done:
            epoch = len(self.rows)
            share = 0.5 * (1 + math.cos(math.pi * epoch / self.config.epochs))
            for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            loss = self._epoch(epoch)
            validation = self.validate()
            if not math.isfinite(loss + validation):
                raise ConvergenceError(
                    f"{folder}: the loss must stay finite, but is not in epoch {epoch + 1}; begin "
                    "again with a lower `rate`."
                )
            self.rows.append({"epoch": epoch + 1, "loss": loss, "validation": validation})
            if validation < self.best_loss:
                self.best_loss, self.best_epoch = validation, epoch + 1
                self.best = self._parameters()
            self._save(folder)
            note = f"validation {validation:.3g}"
            progress(stage, epoch + 1, self.config.epochs, note)
        self.parts.load_state_dict(self.best)
        self.parts.eval()
        return self.best_loss

    @property
    def done(self) -> bool:
        """Whether all epochs are over, or the patience."""
        epoch = len(self.rows)
        return epoch >= self.config.epochs or epoch - self.best_epoch >= self.config.patience

    def _epoch(self, epoch: int) -> float:
        generator = generator_of(self.seed, epoch, FINE)
        order = torch.randperm(len(self.split.train), generator=generator)
        total = 0.0
        self.parts.train()
        for places in order.split(self.config.batch):
            numbers = self.split.train[places]
            if "encoder" in self.parts:
                latent, turns = self.encode(numbers, generator)
            else:
                copy = torch.randint(self.latent.shape[1], (len(places),), generator=generator)
                latent, turns = self.latent[places, copy], self.turns[places, copy]
            loss = self.task.loss(latent, turns, numbers)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parts.parameters(), 1.0)
            self.optimiser.step()
            total += float(loss.detach()) * len(places)
        return total / len(order)

    def encode(
        self, numbers: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "n width"], Tensor]:
        """Encode with the encoder as it is, turned and rolled if there is a generator."""
        fields, turns = self.data.fields(numbers, self.features, generator)
        tokens = self.parts["encoder"](patchify(fields.to(torch.float32), self.patch))
        return tokens[:, 0], turns

    @torch.no_grad()
    def latent_of(self, numbers: Tensor) -> Float[Tensor, "n width"]:
        """Encode RVEs as they are with an encoder that learned."""
        return torch.cat([self.encode(part)[0] for part in numbers.split(AT_ONCE)])

    @torch.no_grad()
    def validate(self) -> float:
        """Return the loss on RVEs that are not learned from, as they are."""
        self.parts.eval()
        numbers = self.split.validation
        latent = self.latent_of(numbers) if "encoder" in self.parts else self.aside
        turns = torch.zeros(len(numbers), dtype=torch.int64)
        return float(self.task.loss(latent, turns, numbers))

    def _parameters(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.parts.state_dict().items()}

    def _save(self, folder: Path) -> None:
        tensors = {f"now.{name}": value for name, value in self._parameters().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{key}": value for key, value in state.items()}
        about = {"rows": self.rows, "best_loss": self.best_loss, "best_epoch": self.best_epoch}
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        with atomic_file(folder / STATE) as temporary:
            save_file(contiguous, temporary, metadata={"state": json.dumps(about)})
        with atomic_file(folder / CURVE) as temporary, temporary.open("w") as file:
            table = csv.DictWriter(file, ["epoch", "loss", "validation"])
            table.writeheader()
            table.writerows(self.rows)

    def _resume(self, path: Path) -> None:
        """Go on where a stop was; a state that can not be read is an error."""
        if not path.is_file():
            return
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            parts = {
                kind: {
                    name.removeprefix(f"{kind}."): value
                    for name, value in tensors.items()
                    if name.startswith(f"{kind}.")
                }
                for kind in ("now", "best", "adam")
            }
            self.parts.load_state_dict(parts["now"])
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in parts["adam"].items():
                index, key = name.split(".", 1)
                state.setdefault(int(index), {})[key] = value
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
            self.best = parts["best"]
            self.rows = list(about["rows"])
            self.best_loss, self.best_epoch = float(about["best_loss"]), int(about["best_epoch"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{path}: must be a whole state of this fit, but can not be read; without it, the "
                "fit begins again."
            ) from error
