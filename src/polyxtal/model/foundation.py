"""The foundation model: a pretrained masked autoencoder and the predictions of its heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.deprecation import renamed_arguments, warn_renamed
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.checks import check_crystals, check_phase, listed
from polyxtal.model.heads.curves.head import CurveHead
from polyxtal.model.heads.parameters.head import FittedParameters
from polyxtal.model.heads.property.head import FittedProperties
from polyxtal.model.heads.stiffness.head import StiffnessHead
from polyxtal.model.predicted_network import fitted_network, infer_fit
from polyxtal.model.windows import windows
from polyxtal.model.with_heads import ModelWithHeads
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.limits import check_size
from polyxtal.network.tree import MaterialNetwork


class FoundationModel(ModelWithHeads):
    """A pretrained masked autoencoder of polycrystals, with heads that were fitted to it.

    It is a `torch.nn.Module` with the parameters of the autoencoder; heads are fitted and fixed.
    Calling it encodes fields of the model's own size, with gradients.

    Attributes:
        heads: Heads by name: "stiffness", "curves", "parameters", "property"; see
            also `PretrainedModel`.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=25, grains=139, seed=0)
        >>> model = px.load_model("polyxtal-small")
        >>> model.encode(rve).shape
        torch.Size([192])
    """

    def predict_stiffness(
        self,
        polycrystals: Polycrystal | Iterable[Polycrystal],
        elasticity: Elasticity | Mapping[str, Elasticity],
    ) -> Float[Tensor, "*batch 6 6"]:
        """Predict the effective stiffness of polycrystals of any grid, between Reuss and Voigt.

        The head is for one cubic crystal; for several crystals, or those of another symmetry, the
        prediction is Hill's average, with a warning. It also tends to Hill's average where the
        crystal lies outside the ranges of the training data, see `TensorHead`.

        Args:
            polycrystals: One polycrystal, or several.
            elasticity: Crystal of all grains, or one per phase name.
        Returns:
            Mandel stiffness, float64, on the CPU: (6, 6) for one polycrystal, else (n, 6, 6). [MPa]
        Raises:
            ConvergenceError: if the self-consistent average does not converge.
            ValueError: if the model has no such head, a phase has no crystal, or there is no
                polycrystal.
        """
        head = self.head(StiffnessHead)
        given = listed(polycrystals)
        for rve in given:
            check_crystals(rve, self.config)
        found = [head.predict(rve, elasticity) for rve in given]
        return found[0] if isinstance(polycrystals, Polycrystal) else torch.stack(found)

    def predict_property(
        self, polycrystals: Polycrystal | Iterable[Polycrystal]
    ) -> dict[str, Float[Tensor, "*batch"]]:
        """Predict the labels that `polyxtal finetune property` fitted, in the frame of the volume.

        Polycrystals unlike those of the fit are predicted with a warning. A component of a vector
        or tensor is a number like any other: it does not rotate with the polycrystal.

        Args:
            polycrystals: One polycrystal, or several, of any grid.
        Returns:
            Predictions by the name of the label, float64, in the labels' units, see
            `property_head.labels`: a scalar for one polycrystal, else (n,).
        Raises:
            ValueError: if the model has no such head, or there is no polycrystal.
        """
        head, latent = self.head(FittedProperties), self.encode(polycrystals)
        found = head.predict(latent.reshape(-1, self.config.width))
        single = isinstance(polycrystals, Polycrystal)
        return {name: values[0] if single else values for name, values in found.items()}

    @torch.no_grad()
    def out_of_distribution_score(self, rve: Polycrystal) -> float:
        """Return how far a polycrystal is from those that the stiffness head was fitted to.

        A large grid is represented by its first window, see `windows`.

        Returns:
            Mahalanobis distance of the latent vector over a threshold; above 1, the polycrystal is
            out of distribution. [-]
        Raises:
            ValueError: if the model has no such head, or a grid is too large.
        """
        score = self.head(StiffnessHead).tensor.out_of_distribution
        check_crystals(rve, self.config)
        field = windows(rve, self.config.voxels, self.config.seen, count=1)
        return float(score(self.encode_fields(field)))

    def unfamiliarity(self, rve: Polycrystal) -> float:
        """Deprecated name of `out_of_distribution_score`."""
        warn_renamed("`FoundationModel.unfamiliarity`", "`out_of_distribution_score`")
        return self.out_of_distribution_score(rve)

    @renamed_arguments(on_stage="progress")
    @torch.no_grad()
    def predict_network(
        self,
        rve: Polycrystal,
        leaves: int = 32,
        seed: int = 0,
        material: Material | None = None,
        progress: Progress = no_progress,
        effort: FitEffort = EFFORT,
    ) -> MaterialNetwork:
        """Predict a small network that reproduces the expected response of a polycrystal.

        As `polyxtal.predict_network`, with this model's curve head and its predicted stiffness.

        Args:
            rve: Polycrystal of any grid and one phase.
            leaves: Number of leaves (default: 32).
            seed: Random seed.
            material: Material whose curves the network is fitted to (default: AA6022-T4). The
                network may be used with others.
            progress: Called after every step of the fit.
            effort: Effort spent on the fit.
        Returns:
            A network of one phase.
        Raises:
            ConvergenceError: if a network does not converge.
            ValueError: if the model lacks a head, the polycrystal has several phases, or `leaves`
                or `seed` is out of bounds.
        """
        require_type(material, (Material, type(None)), "material")
        curves = self.head(CurveHead)
        self.check_network(rve)
        check_size(leaves, seed)
        fit = infer_fit(
            rve,
            leaves,
            load_material("AA6022-T4") if material is None else material,
            curves,
            lambda crystal: self.predict_stiffness(rve, crystal),
            seed,
            effort,
            progress,
        )
        return fitted_network(fit)

    def check_network(self, rve: Polycrystal | None = None) -> None:
        """Make sure that a network can be predicted, before anything expensive is computed.

        Args:
            rve: Polycrystal to check as well.
        Raises:
            ValueError: if the model lacks a head, or the polycrystal has several phases.
        """
        self.head(CurveHead)
        self.head(StiffnessHead)
        if rve is not None:
            check_phase(rve)
            check_crystals(rve, self.config)

    def decode_network(self, rve: Polycrystal) -> MaterialNetwork:
        """Predict a network from the latent vector alone, as the paper does.

        Weights, orientations and normals depend on [CLS] only. `predict_network` keeps the
        polycrystal's own orientations and is far more accurate, see `docs/finetuning.md`.

        Args:
            rve: Polycrystal of any grid and one phase.
        Returns:
            A network of 2^N leaves of that phase, N as the head was fitted.
        Raises:
            ValueError: if the model has no such head, the polycrystal has several phases, a grid is
                too large, or the predicted parameters are too large to form a network.
        """
        head = self.head(FittedParameters)
        check_crystals(rve, self.config)
        check_phase(rve)
        network = head.network(self.encode(rve))
        phase = torch.full_like(network.phase, int(rve.phase[0]))
        return replace(network, phase=phase, phase_names=rve.phase_names)


def load_model(name: str | Path, device: str | torch.device = "cpu", **hub: Any) -> FoundationModel:
    """Load a pretrained model and its heads.

    Args:
        name: A model that ships with polyxtal, a folder that `polyxtal pretrain` or
            `FoundationModel.save` wrote, or an id 'owner/name' on the Hugging Face hub; a path if
            there is a folder 'owner'.
        device: Device of the autoencoder (default: CPU).
        **hub: Options of the hub's library for an id, see `FoundationModel.from_pretrained`.
    Raises:
        FileNotFoundError: if there is no such model.
        ModuleNotFoundError: if it is an id, but huggingface_hub is not installed.
        ValueError: if a file is damaged, too large, or of another format or version.
    """
    return FoundationModel.from_pretrained(name, device, **hub)
