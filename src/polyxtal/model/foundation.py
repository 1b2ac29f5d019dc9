"""A pretrained model, ready to use: latent vectors of polycrystals, and rebuilt ones."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.elastic_constants import elastic_symmetry
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.deprecation import renamed_arguments
from polyxtal.mechanics.bounds.averages import hill_average
from polyxtal.microstructure.phases import per_phase
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.checkpoint import (
    NETWORK_CONFIG,
    PARAMETERS_CONFIG,
    PARAMETERS_WEIGHTS,
    STIFFNESS_CONFIG,
    STIFFNESS_WEIGHTS,
    find_model,
    read_model,
    save_model,
)
from polyxtal.model.config import ModelConfig
from polyxtal.model.heads.curves.file import read_curve_head, save_curve_head
from polyxtal.model.heads.curves.head import CurveHead
from polyxtal.model.heads.parameters.file import (
    FittedParameters,
    read_parameter_head,
    save_parameter_head,
)
from polyxtal.model.heads.stiffness.basis import StiffnessBasis, stiffness_basis
from polyxtal.model.heads.stiffness.cls_encoder import Glance
from polyxtal.model.heads.stiffness.file import (
    StiffnessHead,
    read_stiffness_head,
    save_stiffness_head,
)
from polyxtal.model.mae import Mask, MaskedAutoencoder, random_mask, target_field
from polyxtal.model.predicted_network import infer_network
from polyxtal.model.tokens import patchify, unpatchify
from polyxtal.model.windows import windows
from polyxtal.network.limits import check_size
from polyxtal.network.tree import MaterialNetwork
from polyxtal.notebook import notebook_html

POOLS = ("cls", "mean", "both")
BATCH = 64


class Reconstruction(NamedTuple):
    """Fields that a model saw in part, and what it made of them.

    Attributes:
        truth: What was there. (batch, channels, nx, ny, nz)
        rebuilt: The visible patches as they were, the hidden ones as the model fills them in.
        mask: Which patches were visible.
    """

    truth: Tensor
    rebuilt: Tensor
    mask: Mask


class FoundationModel:
    """A pretrained encoder of polycrystals, its decoder, and heads that were fitted to it.

    Attributes:
        autoencoder: The network, in single precision, ready to evaluate.
        about: What `config.json` says: sizes, the recipe of its data, training, results.
        stiffness: The head that tells stiffness, or None.
        curves: The head that tells curves, or None.
        parameters: The head that tells all parameters of a network, or None.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=25, grains=139, seed=0)
        >>> model = px.load_model("polyxtal-small")
        >>> model.encode(rve).shape
        torch.Size([192])
    """

    def __init__(
        self,
        autoencoder: MaskedAutoencoder,
        about: Mapping[str, Any],
        stiffness: StiffnessHead | None = None,
        curves: CurveHead | None = None,
        parameters: FittedParameters | None = None,
    ) -> None:
        """Take the network and its heads as they are."""
        self.autoencoder = autoencoder.eval()
        self.about = dict(about)
        self.stiffness = stiffness
        self.curves = curves
        self.parameters = parameters
        self._look: Glance | None = None

    @property
    def config(self) -> ModelConfig:
        """Sizes of the network."""
        return self.autoencoder.config

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.autoencoder.encoder.embed.weight.device

    def __repr__(self) -> str:
        """Say what it is, without its weights."""
        config = self.config
        count = sum(p.numel() for p in self.autoencoder.parameters())
        return (
            f"FoundationModel({config.voxels}³ voxels, patches of {config.patch}³, "
            f"{config.features}, {count / 1e6:.1f} million parameters)"
        )

    _repr_html_ = notebook_html

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is packed for this process, so that models can be pickled and copied."""
        return {**self.__dict__, "_look": None}

    def to(self, device: str | torch.device) -> FoundationModel:
        """Return the same model on another device."""
        moved = copy.deepcopy(self.autoencoder).to(device)
        return FoundationModel(moved, self.about, self.stiffness, self.curves, self.parameters)

    def save(self, folder: str | Path) -> None:
        """Write it, as `load_model` reads it; heads that were there and are not its own go."""
        kept = {k: v for k, v in self.about.items() if k not in ("format", "format_version")}
        save_model(folder, self.autoencoder, {**kept, "model": self.config.model_dump(mode="json")})
        if self.stiffness is not None:
            save_stiffness_head(folder, self.stiffness)
        else:
            for name in (STIFFNESS_CONFIG, STIFFNESS_WEIGHTS):
                (Path(folder) / name).unlink(missing_ok=True)
        if self.curves is not None:
            save_curve_head(folder, self.curves)
        else:
            (Path(folder) / NETWORK_CONFIG).unlink(missing_ok=True)
        if self.parameters is not None:
            save_parameter_head(folder, self.parameters)
        else:
            for name in (PARAMETERS_CONFIG, PARAMETERS_WEIGHTS):
                (Path(folder) / name).unlink(missing_ok=True)

    @torch.no_grad()
    def encode(
        self, polycrystals: Polycrystal | Iterable[Polycrystal], pool: str = "cls"
    ) -> Float[Tensor, "*batch width"]:
        """Encode polycrystals of any grid, nothing hidden.

        A grid other than the model's is covered by windows of the model's size, see `windows`; the
        latent vector is the mean over them.

        Args:
            polycrystals: One, or many.
            pool: "cls" for the token [CLS], "mean" for the mean of all patches' tokens, "both" for
                one after the other.
        Returns:
            Latent vectors, float32, on the CPU: (width,) for one polycrystal, else (n, width);
            twice the width for "both". [-]
        Raises:
            ValueError: if `pool` is unknown, there is no polycrystal, or a grid is too large.
        """
        one = isinstance(polycrystals, Polycrystal)
        given = [polycrystals] if isinstance(polycrystals, Polycrystal) else list(polycrystals)
        if not given:
            raise ValueError("Argument `polycrystals` must hold at least one, but is empty.")
        for rve in given:
            self._check_crystals(rve)
        which = self.config.seen
        latent = []
        for rve in given:  # the windows of one at a time: there may be thousands
            fields = windows(rve, self.config.voxels, which)
            latent.append(self.encode_fields(fields, pool).mean(0))
        return latent[0] if one else torch.stack(latent)

    @torch.no_grad()
    def encode_fields(
        self, fields: Float[Tensor, "batch channels nx ny nz"], pool: str = "cls"
    ) -> Float[Tensor, "batch width"]:
        """Encode fields of the model's own size, such as those of `PolycrystalDataset`.

        Returns:
            Latent vectors, float32, on the CPU; see `encode`. [-]
        Raises:
            ValueError: if `pool` is unknown or the fields are of another size.
        """
        if pool not in POOLS:
            raise ValueError(f"Argument `pool` must be one of {', '.join(POOLS)}, but is '{pool}'.")
        self._check(fields)
        pooled = []
        for part in fields.split(BATCH):
            tokens = self.autoencoder.encoder(
                patchify(part.to(self.device, torch.float32), self.config.patch)
            )
            parts = {"cls": tokens[:, 0], "mean": tokens[:, 1:].mean(1)}
            chosen = parts.values() if pool == "both" else [parts[pool]]
            pooled.append(torch.cat([*chosen], -1).cpu())
        return torch.cat(pooled)

    @torch.no_grad()
    def predict_stiffness(
        self,
        polycrystals: Polycrystal | Iterable[Polycrystal],
        elasticity: Elasticity | Mapping[str, Elasticity],
    ) -> Float[Tensor, "*batch 6 6"]:
        """Predict the effective stiffness of polycrystals of any grid, between Reuss and Voigt.

        The head knows one cubic crystal: several phases, or crystals of another symmetry, get
        Hill's average, with a warning. So does, little by little, what is unlike the polycrystals
        or crystals that the head was fitted to; see `TensorHead`.

        Args:
            polycrystals: One, or many.
            elasticity: One crystal for all grains, or one for each phase name.
        Returns:
            Mandel stiffness, float64, on the CPU: (6, 6) for one polycrystal, else (n, 6, 6). [MPa]
        Raises:
            ConvergenceError: if the self-consistent average does not settle.
            ValueError: if the model has no such head, a phase has no crystal, there is no
                polycrystal, or a grid is too large.
        """
        head = self._stiffness_head()
        one = isinstance(polycrystals, Polycrystal)
        given = [polycrystals] if isinstance(polycrystals, Polycrystal) else list(polycrystals)
        if not given:
            raise ValueError("Argument `polycrystals` must hold at least one, but is empty.")
        for rve in given:
            self._check_crystals(rve)
        found = [self._predict_one(head, rve, elasticity) for rve in given]
        return found[0] if one else torch.stack(found)

    def _predict_one(
        self,
        head: StiffnessHead,
        rve: Polycrystal,
        elasticity: Elasticity | Mapping[str, Elasticity],
    ) -> Tensor:
        crystals = per_phase(elasticity, Elasticity, rve.phase, rve.phase_names, "elasticity")
        crystal, *others = dict.fromkeys(crystals.values())
        if others:
            warnings.warn(
                f"The stiffness head knows one crystal, but the polycrystal has {len(others) + 1}: "
                "the answer is Hill's average; `self_consistent_average` takes several.",
                stacklevel=3,
            )
            return hill_average(rve, elasticity)
        if not isinstance(crystal, CubicElasticity):
            warnings.warn(
                f"The stiffness head knows cubic crystals, but these are "
                f"{elastic_symmetry(crystal)}: the answer is Hill's average; "
                "`self_consistent_average` takes all.",
                stacklevel=3,
            )
            return hill_average(rve, elasticity)
        latent = self._glance(rve)
        distance = float(head.tensor.familiarity(latent))
        known = float(head.tensor.crystal_gate(crystal))
        if distance > 1:
            warnings.warn(
                "The polycrystal is unlike those that the stiffness head was fitted to (distance "
                f"{distance:.2g} of 1 at most): the answer tends to Hill's average.",
                stacklevel=3,
            )
        if known < 1:
            warnings.warn(
                f"The crystal's Zener ratio {crystal.zener:.3g} or its shear over bulk modulus is "
                "beyond those that the stiffness head was fitted to: the answer tends to Hill's "
                "average.",
                stacklevel=3,
            )
        gate = head.tensor.gate(crystal, latent)
        if not float(gate) > 0:
            return hill_average(rve, crystal)
        basis = StiffnessBasis(*(part[None] for part in stiffness_basis(rve, crystal)))
        return head.tensor.stiffness(basis, latent, gate)[0]

    @torch.no_grad()
    def unfamiliarity(self, rve: Polycrystal) -> float:
        """Tell how unlike a polycrystal is to those that the stiffness head was fitted to.

        Returns:
            Distance of its latent vector over the largest that counts as alike; above 1 is far. [-]
        Raises:
            ValueError: if the model has no such head, or a grid is too large.
        """
        self._check_crystals(rve)
        return float(self._stiffness_head().tensor.familiarity(self._glance(rve)))

    @renamed_arguments(on_stage="progress")
    @torch.no_grad()
    def predict_network(
        self,
        rve: Polycrystal,
        leaves: int = 32,
        seed: int = 0,
        material: Material | None = None,
        progress: Progress = no_progress,
    ) -> MaterialNetwork:
        """Predict a small network that does what the polycrystal is expected to do.

        Its leaves are those of `MaterialNetwork.from_polycrystal`; its normals follow the curves of
        typical networks, corrected by the stiffness that is predicted and by what full fields
        taught, and that stiffness itself; see `infer_network`. Takes seconds, which a network that
        is used at every point of a mesh earns back.

        Args:
            rve: Polycrystal of any grid and one phase.
            leaves: Leaves of the network.
            seed: Same seed, same network.
            material: Whose curves it follows, AA6022-T4 if None. It may be used with others.
            progress: Called after every step of a fit.
        Raises:
            ConvergenceError: if a network does not converge.
            ValueError: if the model lacks a head, the polycrystal has several phases, or `leaves`
                or `seed` is out of bounds.
        """
        curves = self._curve_head()
        self.check_network(rve)
        check_size(leaves, seed)
        given = load_material("AA6022-T4") if material is None else material
        return infer_network(
            rve,
            leaves,
            given,
            curves,
            lambda crystal: self.predict_stiffness(rve, crystal),
            seed,
            progress=progress,
        )

    def check_network(self, rve: Polycrystal | None = None) -> None:
        """Make sure, before anything long is computed, that a network can be predicted.

        Args:
            rve: Of what; None for what the model itself must have.
        Raises:
            ValueError: if the model lacks a head, or the polycrystal has several phases.
        """
        self._curve_head()
        self._stiffness_head()
        if rve is not None:
            _check_phase(rve)
            self._check_crystals(rve)

    def decode_network(self, rve: Polycrystal) -> MaterialNetwork:
        """Read a network off the latent vector alone: the paper's head.

        Weights, orientations and normals are the head's own and depend on [CLS] only; networks of
        `predict_network` keep the polycrystal's crystals and are closer by far, see
        `docs/finetuning.md`.

        Args:
            rve: Polycrystal of any grid and one phase.
        Returns:
            A network of 2^N leaves of that phase, N as the head was fitted.
        Raises:
            ValueError: if the model has no such head, the polycrystal has several phases, a grid is
                too large, or the head's numbers are so large that they are no network.
        """
        if self.parameters is None:
            raise ValueError(
                "A model must have a head for parameters to decode networks, but this one has "
                "none; `polyxtal finetune parameters` fits one and writes the model with it."
            )
        self._check_crystals(rve)
        _check_phase(rve)
        network = self.parameters.network(self.encode(rve))
        phase = torch.full_like(network.phase, int(rve.phase[0]))
        return replace(network, phase=phase, phase_names=rve.phase_names)

    def _curve_head(self) -> CurveHead:
        if self.curves is None:
            raise ValueError(
                "A model must have a head for curves to predict networks, but this one has none; "
                "`polyxtal finetune network` fits one and writes the model with it."
            )
        return self.curves

    def _check_crystals(self, rve: Polycrystal) -> None:
        """Refuse crystals of another symmetry than the model was trained for."""
        for index in rve.phase.unique().tolist():
            lattice, group = rve.lattices[index], rve.laue_group(index)
            if lattice is not None and group != self.config.laue_group:
                raise ValueError(
                    f"This model must be given crystals of Laue group {self.config.laue}, but "
                    f"phase {rve.phase_names[index]!r} is {lattice.family} ({group.name})."
                )

    def _stiffness_head(self) -> StiffnessHead:
        if self.stiffness is None:
            raise ValueError(
                "A model must have a stiffness head to predict stiffness, but this one has none; "
                "`polyxtal finetune stiffness` fits one and writes the model with it."
            )
        return self.stiffness

    def _glance(self, rve: Polycrystal) -> Float[Tensor, "1 width"]:
        """Encode the first window of a grid; a larger grid is seen in part, to save time."""
        if self._look is None or not self._look.current():
            self._look = Glance(self.autoencoder.encoder)
        return self._look.first_window(rve)

    @torch.no_grad()
    def reconstruct(
        self,
        fields: Float[Tensor, "batch channels nx ny nz"],
        mask: Mask | float = 0.4,
        seed: int = 0,
    ) -> Reconstruction:
        """Hide patches of fields of the model's own size and fill them in again.

        Args:
            fields: Channels of the model's features; rebuilt are those of `config.rebuilt`.
            mask: Which patches are hidden, or the share to hide at random.
            seed: Of the random choice.
        Raises:
            ValueError: if the fields are of another size or the share is not between 0 and 1.
        """
        config = self.config
        self._check(fields)
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
        rebuilt = unpatchify(patches.scatter(1, index, values.cpu()), config.patch, grid)
        return Reconstruction(truth, rebuilt, mask)

    def _check(self, fields: Tensor) -> None:
        shape = (self.config.channels, *(self.config.voxels,) * 3)
        if tuple(fields.shape[1:]) != shape or not len(fields):
            raise ValueError(
                f"Argument `fields` must have shape (n, {', '.join(map(str, shape))}), "
                f"but has {tuple(fields.shape)}."
            )


def _check_phase(rve: Polycrystal) -> None:
    if len(set(rve.phase.tolist())) > 1:
        raise ValueError(
            "A network is predicted for grains of one phase, but the polycrystal has several; "
            "`MaterialNetwork.from_polycrystal` takes them."
        )


def load_model(name: str | Path, device: str | torch.device = "cpu") -> FoundationModel:
    """Load a pretrained model.

    Args:
        name: A model that ships with polyxtal, a folder that `polyxtal pretrain` or
            `FoundationModel.save` wrote, or an id 'owner/name' on the Hugging Face hub.
        device: Where to.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if a file is damaged, too large, or of another kind or version.
    """
    folder = find_model(name)
    autoencoder, about = read_model(folder)
    stiffness = read_stiffness_head(folder, autoencoder)
    curves = read_curve_head(folder, stiffness)
    parameters = read_parameter_head(folder, autoencoder)
    return FoundationModel(autoencoder.to(device), about, stiffness, curves, parameters)
