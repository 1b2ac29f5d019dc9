"""Latent vectors of unseen RVEs, mapped onto a plane and coloured by texture and stiffness.

The [CLS] vector of each RVE, unmasked, is mapped onto a plane (the paper's Fig. 5). The R² of
k-nearest-neighbour regression measures how well the map orders RVEs, compared with two baselines
without pretraining: the same encoder with its initial weights, and the RVE's mean harmonics of
degree 4, on which the elasticity of a textured polycrystal depends.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.dataset.build import Sample, build_sample
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.texture.distribution import Texture
from polyxtal.texture.hull import HullTexture
from polyxtal.texture.measure import texture_coefficients
from polyxtal.texture.odf import texture_index
from polyxtal.training.finetune.encoders import untrained_copy
from reproduction.latent.embedding import check_method, embed, neighbour_r_squared
from reproduction.pretrained import AT_ONCE, open_model, unseen_recipe

PRETRAINED, UNTRAINED, HARMONICS = "pretrained", "untrained", "mean harmonics"
FEWEST = 20
TOLERANCE = 1e-4
"""Of equilibrium; the stiffness errs by the square of it."""


@dataclass(frozen=True)
class LatentSettings:
    """Settings of the study.

    Attributes:
        model: Name or folder of the model.
        elasticity: Cubic crystal whose polycrystals' C11 is shown. [MPa]
        count: Number of RVEs.
        method: "umap" or "pca".
        seed: Random seed of the RVEs and the map.

    Raises:
        ValueError, RuntimeError: if there are too few RVEs, or see `check_method`.
    """

    model: str
    elasticity: Elasticity
    count: int = 1000
    method: str = "umap"
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if self.count < FEWEST:
            raise ValueError(f"Option --count must be at least {FEWEST}, but is {self.count}.")
        if not isinstance(self.elasticity, CubicElasticity):
            raise ValueError("The crystal of this study must be cubic, but is not.")
        check_method(self.method)

    @property
    def command(self) -> str:
        """The command that computes the same, without its folder."""
        crystal = self.elasticity
        assert isinstance(crystal, CubicElasticity)
        elastic = ",".join(f"{c / 1e3:g}" for c in (crystal.c11, crystal.c12, crystal.c44))
        given = {"count": self.count, "method": self.method, "seed": self.seed, "elastic": elastic}
        options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
        return shlex.join(["python", "-m", "reproduction", "latent", self.model, *options])


@dataclass(frozen=True, eq=False)
class Latents:
    """Measurements of unseen RVEs.

    Attributes:
        settings: Settings of the study.
        identity: Identity of the model, see `Pretrained`.
        texture_index: Texture index of the distribution that each RVE was drawn from. [-]
        c11: C11 of the homogenised stiffness. [MPa]
        grains: Number of grains.
        vectors: What stands for the RVEs: latent vectors by `PRETRAINED` and `UNTRAINED`, and
            `HARMONICS`.
    """

    settings: LatentSettings
    identity: Mapping[str, Any]
    texture_index: Float[Tensor, " n"]
    c11: Float[Tensor, " n"]
    grains: Int[Tensor, " n"]
    vectors: Mapping[str, Float[Tensor, "n width"]]


@dataclass(frozen=True, eq=False)
class LatentMaps:
    """Maps of latent vectors and how well they order the RVEs.

    Attributes:
        latents: The mapped latent vectors.
        maps: Places on the plane, by what stands for the RVEs.
        scores: R² of C11 and of the logarithm of the texture index, by what stands for the RVEs,
            then by "map" and "vectors". [-]
    """

    latents: Latents
    maps: Mapping[str, Float[Tensor, "n 2"]]
    scores: Mapping[str, Mapping[str, tuple[float, float]]]


def measure_latents(settings: LatentSettings, progress: Progress = no_progress) -> Latents:
    """Make unseen RVEs, encode and homogenise them.

    Args:
        settings: Settings of the study.
        progress: Called as RVEs are encoded.
    Raises:
        FileNotFoundError, ValueError: if there is no such model, or it can not be studied.
        ConvergenceError: if an RVE's stiffness does not converge.
    """
    pretrained = open_model(settings.model)
    recipe = unseen_recipe(pretrained.config, settings.seed)
    encoders = {PRETRAINED: pretrained.model, UNTRAINED: untrained_copy(pretrained.model)}
    parts: dict[str, list[Tensor]] = {name: [] for name in (*encoders, HARMONICS)}
    index, c11, grains = [], [], []
    for start in range(0, settings.count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, settings.count))
        samples: list[Sample] = []
        for number in numbers:
            sample = build_sample(recipe, number)
            stiffness = homogenize(sample.rve, settings.elasticity, TOLERANCE).stiffness
            samples.append(sample)
            index.append(index_of(sample.texture))
            c11.append(float(stiffness[0, 0]))
            grains.append(sample.rve.grains)
            progress("RVEs", number + 1, settings.count)
        rves = [sample.rve for sample in samples]
        for name, model in encoders.items():
            parts[name].append(model.encode(rves))
        harmonics = [texture_coefficients(rve.orientations, rve.volume_fractions) for rve in rves]
        parts[HARMONICS].append(torch.stack(harmonics))
    return Latents(
        settings,
        pretrained.identity,
        torch.tensor(index, dtype=torch.float64),
        torch.tensor(c11, dtype=torch.float64),
        torch.tensor(grains),
        {name: torch.cat(vectors) for name, vectors in parts.items()},
    )


def index_of(texture: Texture) -> float:
    """Return the texture index ∫ f²: of a point of the hull its own, else by a sum. [-]"""
    return texture.index() if isinstance(texture, HullTexture) else texture_index(texture)


def map_latents(latents: Latents, progress: Progress = no_progress) -> LatentMaps:
    """Map the RVEs onto planes, and measure how well each map and its vectors order them.

    Args:
        latents: What `measure_latents` returned.
        progress: Called after each map.
    """
    settings = latents.settings
    targets = torch.stack([latents.c11, latents.texture_index.log()], -1)
    maps: dict[str, Tensor] = {}
    scores: dict[str, dict[str, tuple[float, float]]] = {}
    for name, vectors in latents.vectors.items():
        maps[name] = embed(vectors, settings.method, settings.seed)
        found = {}
        for where, points in (("map", maps[name]), ("vectors", vectors)):
            of_c11, of_index = neighbour_r_squared(points, targets).tolist()
            found[where] = (of_c11, of_index)
        scores[name] = found
        progress("maps", len(maps), len(latents.vectors))
    return LatentMaps(latents, maps, scores)
