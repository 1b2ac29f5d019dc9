"""A pretrained masked autoencoder in use: latent vectors and reconstructed fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.argument_types import require_type
from polyxtal.deprecation import warn_renamed
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.checks import check_crystals, check_fields
from polyxtal.model.config import ModelConfig
from polyxtal.model.mae import Mask, MaskedAutoencoder, random_mask, target_field
from polyxtal.model.tokens import patchify, unpatchify
from polyxtal.model.windows import windows

POOLS = ("cls", "mean", "both")
BATCH, BATCH_CPU = 64, 8
"""Windows at once; a core of a CPU is a quarter slower with 64."""


class Reconstruction(NamedTuple):
    """Fields and their reconstruction by a model that saw a part of the patches.

    Attributes:
        truth: True fields. (batch, channels, nx, ny, nz)
        reconstructed: True visible patches and reconstructed hidden ones. (as `truth`)
        mask: Visible and hidden patches.
    """

    truth: Tensor
    reconstructed: Tensor
    mask: Mask

    @property
    def rebuilt(self) -> Tensor:
        """Deprecated name of `reconstructed`."""
        warn_renamed("`Reconstruction.rebuilt`", "`reconstructed`")
        return self.reconstructed


class PretrainedModel(nn.Module):
    """A pretrained masked autoencoder that encodes and reconstructs polycrystals.

    Attributes:
        autoencoder: Masked autoencoder, in single precision and evaluation mode.
        about: Content of `config.json`: sizes, recipe of the data, training, results.
    """

    def __init__(self, autoencoder: MaskedAutoencoder, about: Mapping[str, Any]) -> None:
        """Switch the autoencoder to evaluation mode."""
        super().__init__()
        self.autoencoder = autoencoder
        self.about = dict(about)
        self.eval()

    @property
    def config(self) -> ModelConfig:
        """Model sizes."""
        return self.autoencoder.config

    @property
    def device(self) -> torch.device:
        """Device of the autoencoder."""
        return self.autoencoder.encoder.embed.weight.device

    @property
    def _at_once(self) -> int:
        return BATCH_CPU if self.device.type == "cpu" else BATCH

    def forward(
        self, fields: Float[Tensor, "batch channels nx ny nz"], pool: str = "cls"
    ) -> Float[Tensor, "batch width"]:
        """Encode one batch of fields as `encode_fields` does, with gradients, on their device."""
        if pool not in POOLS:
            raise ValueError(f"Argument `pool` must be one of {', '.join(POOLS)}, but is '{pool}'.")
        check_fields(fields, self.config)
        tokens = self.autoencoder.encoder(patchify(fields, self.config.patch))
        parts = {"cls": tokens[:, 0], "mean": tokens[:, 1:].mean(1)}
        chosen = parts.values() if pool == "both" else [parts[pool]]
        return torch.cat([*chosen], -1)

    @torch.no_grad()
    def encode(
        self,
        polycrystals: Polycrystal | Iterable[Polycrystal],
        pool: str = "cls",
        progress: Progress = no_progress,
    ) -> Float[Tensor, "*batch width"]:
        """Encode polycrystals of any grid, with all patches visible.

        A grid other than the model's is covered by windows of the model's size, see `windows`; the
        latent vector is the mean over them. Windows of several polycrystals share a batch.

        Args:
            polycrystals: One polycrystal, or several; a generator is read as it is needed, so that
                they need not fit into memory together.
            pool: "cls" for the token [CLS], "mean" for the mean of the patches' tokens, "both" for
                the two concatenated.
            progress: Called after every batch.
        Returns:
            Latent vectors, float32, on the CPU: (width,) for one polycrystal, else (n, width);
            twice the width for "both". [-]
        Raises:
            ValueError: if `pool` is unknown, there is no polycrystal, or a grid is too large.
        """
        require_type(polycrystals, (Polycrystal, Iterable), "polycrystals")
        single = isinstance(polycrystals, Polycrystal)
        given = [polycrystals] if single else polycrystals
        total = len(given) if isinstance(given, Sized) else 0
        latent: list[Tensor] = []
        for batch in self._batches(given):
            tokens = self.encode_fields(torch.cat(batch), pool)
            latent += [part.mean(0) for part in tokens.split([len(one) for one in batch])]
            progress("polycrystals encoded", len(latent), total)
        if not latent:
            raise ValueError("Argument `polycrystals` must hold at least one, but is empty.")
        return latent[0] if single else torch.stack(latent)

    def _batches(self, polycrystals: Iterable[Polycrystal]) -> Iterator[list[Tensor]]:
        """Yield the windows of polycrystals that make up a batch; one alone may be larger."""
        batch: list[Tensor] = []
        for rve in polycrystals:
            check_crystals(rve, self.config)
            fields = windows(rve, self.config.voxels, self.config.seen)
            if batch and sum(map(len, batch)) + len(fields) > self._at_once:
                yield batch
                batch = []
            batch.append(fields)
        if batch:
            yield batch

    @torch.no_grad()
    def encode_fields(
        self, fields: Float[Tensor, "batch channels nx ny nz"], pool: str = "cls"
    ) -> Float[Tensor, "batch width"]:
        """Encode fields of the model's own size, such as those of `PolycrystalDataset`.

        Args:
            fields: Channels of the model's features.
            pool: As in `encode`.
        Returns:
            Latent vectors, float32, on the CPU. [-]
        Raises:
            ValueError: if `pool` is unknown or the fields are of another size.
        """
        parts = [part.to(self.device, torch.float32) for part in fields.split(self._at_once)]
        return torch.cat([self(part, pool).cpu() for part in parts])

    @torch.no_grad()
    def reconstruct(
        self,
        fields: Float[Tensor, "batch channels nx ny nz"],
        mask: Mask | float = 0.4,
        seed: int = 0,
    ) -> Reconstruction:
        """Hide patches of fields of the model's own size and reconstruct them.

        Args:
            fields: Channels of the model's features; `config.reconstructed` is reconstructed.
            mask: Visible and hidden patches, or the share of hidden ones (default: 0.4).
            seed: Random seed of the hidden patches.
        Raises:
            ValueError: if the fields are of another size or the share is not between 0 and 1.
        """
        config = self.config
        check_fields(fields, config)
        if not isinstance(mask, Mask):
            if not 0 < mask < 1:
                raise ValueError(f"Argument `mask` must be between 0 and 1, but is {mask}.")
            generator = torch.Generator().manual_seed(seed)
            mask = random_mask(len(fields), config.patches, mask, generator)
        there = Mask(mask.visible.to(self.device), mask.hidden.to(self.device))
        values, _, _ = self.autoencoder(fields.to(self.device, torch.float32), there)
        truth = target_field(config, fields.to("cpu", torch.float32))
        patches = patchify(truth, config.patch)
        index = mask.hidden.cpu()[:, :, None].expand(-1, -1, patches.shape[-1])
        grid = (config.voxels, config.voxels, config.voxels)
        filled = unpatchify(patches.scatter(1, index, values.cpu()), config.patch, grid)
        return Reconstruction(truth, filled, mask)
