"""A pretrained model with heads: its folder, and its place on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import torch

from polyxtal.deprecation import renamed_arguments
from polyxtal.model.checkpoint import check_id, find_model, read_model, save_model
from polyxtal.model.heads.curves.head import CurveHead
from polyxtal.model.heads.parameters.head import FittedParameters
from polyxtal.model.heads.property.head import FittedProperties
from polyxtal.model.heads.registry import Head, kind_of, read_heads, save_heads
from polyxtal.model.heads.stiffness.head import StiffnessHead
from polyxtal.model.hub import upload
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.pretrained import PretrainedModel
from polyxtal.notebook import notebook_html

_Kind = TypeVar("_Kind", bound=Head)


class ModelWithHeads(PretrainedModel):
    """A pretrained masked autoencoder and its heads, as loaded, saved and shared.

    Attributes:
        heads: Heads by name: "stiffness", "curves", "parameters", "property"; see
            also `PretrainedModel`.
    """

    def __init__(
        self, autoencoder: MaskedAutoencoder, about: Mapping[str, Any], *heads: Head | None
    ) -> None:
        """Combine an autoencoder and its heads; None is no head."""
        super().__init__(autoencoder, about)
        self.heads: dict[str, Head] = {
            kind_of(type(head)).name: head for head in heads if head is not None
        }

    @property
    def stiffness(self) -> StiffnessHead | None:
        """Head that predicts stiffness, or None."""
        return cast("StiffnessHead | None", self.heads.get("stiffness"))

    @property
    def curves(self) -> CurveHead | None:
        """Head that predicts stress-strain curves, or None."""
        return cast("CurveHead | None", self.heads.get("curves"))

    @property
    def parameter_head(self) -> FittedParameters | None:
        """Head that predicts all parameters of a network, or None."""
        return cast("FittedParameters | None", self.heads.get("parameters"))

    @property
    def property_head(self) -> FittedProperties | None:
        """Head that predicts labels of one's own, or None."""
        return cast("FittedProperties | None", self.heads.get("property"))

    def head(self, kind: type[_Kind]) -> _Kind:
        """Return the head of a class.

        Raises:
            ValueError: if the model has none.
        """
        known = kind_of(kind)
        if known.name not in self.heads:
            raise ValueError(
                f"A model must have a {known.title} to {known.purpose}, but this one has none; "
                f"`{known.command}` fits one and writes the model with it."
            )
        return cast("_Kind", self.heads[known.name])

    def __repr__(self) -> str:
        """Return sizes and heads."""
        config = self.config
        count = sum(p.numel() for p in self.parameters())
        return (
            f"{type(self).__name__}({config.voxels}³ voxels, patches of {config.patch}³, "
            f"{config.features}, {count / 1e6:.1f} million parameters, "
            f"heads: {', '.join(self.heads) or 'none'})"
        )

    _repr_html_ = notebook_html

    @classmethod
    def from_pretrained(
        cls, name: str | Path, device: str | torch.device = "cpu", **hub: Any
    ) -> Self:
        """Load a pretrained model and its heads; the same as `load_model`.

        Args:
            name: A model that ships with polyxtal, a folder that `polyxtal pretrain` or
                `save_pretrained` wrote, or an id 'owner/name' on the Hugging Face hub; a path if
                there is a folder 'owner'.
            device: Device of the autoencoder (default: CPU).
            **hub: Options of the hub's library for an id: `revision`, `token`, `cache_dir`,
                `force_download`, `local_files_only`.
        Raises:
            FileNotFoundError: if there is no such model.
            ModuleNotFoundError: if it is an id, but huggingface_hub is not installed.
            ValueError: if a file is damaged, too large, or of another format or version.
        """
        folder = find_model(name, **hub)
        autoencoder, about = read_model(folder)
        with torch.random.fork_rng(devices=()):  # layers draw weights before they are read
            heads = read_heads(folder, autoencoder)
        return cls(autoencoder.to(device), about, *heads)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model for `load_model`; files of heads that it does not have are removed.

        Args:
            folder: Folder to write into; made if it does not exist.
        """
        kept = {k: v for k, v in self.about.items() if k not in ("format", "format_version")}
        save_model(folder, self.autoencoder, {**kept, "model": self.config.model_dump(mode="json")})
        save_heads(Path(folder), self.heads)

    def save(self, folder: str | Path) -> None:
        """Write the model; the same as `save_pretrained`."""
        self.save_pretrained(folder)

    @renamed_arguments(repo="repo_id")
    def push_to_hub(self, repo_id: str, *, private: bool | None = None, **hub: Any) -> str:
        """Upload the model to the Hugging Face hub, as a new commit that `load_model` reads.

        By way of `huggingface_hub.ModelHubMixin` (`pip install 'polyxtal[hub]'`). A model card,
        `README.md`, is written that says what the model is and what it was pretrained on.

        Args:
            repo_id: Id 'owner/name' of the repository; made if it does not exist.
            private: Whether a new repository is private (default: as the owner's settings say).
            **hub: Options of the mixin's `push_to_hub`: `commit_message`, `token`, `branch`,
                `create_pr`, `allow_patterns`, `ignore_patterns`, `delete_patterns`.
        Returns:
            Address of the commit.
        Raises:
            ModuleNotFoundError: if huggingface_hub is not installed.
            OSError: if the hub cannot be reached or refuses; `hf auth login` stores a token.
            ValueError: if `repo_id` is no id.
        """
        check_id(repo_id)
        options = {"commit_message": "Upload of a polyxtal model", "private": private, **hub}
        return upload(repo_id, self.save_pretrained, self._card(repo_id), options)

    def _card(self, name: str) -> dict[str, str]:
        """Return the fields of a model card."""
        record = self.about.get("pretraining")
        pretraining = "The record of its pretraining is in `config.json`" if record else ""
        seen = self.about.get("rves_seen")
        training = f"{pretraining}: {seen:,} polycrystals." if record and seen else pretraining
        return {
            "model_id": name,
            "summary": f"A masked autoencoder of polycrystals: {self!r}.",
            "width": str(self.config.width),
            "training": training,
        }
