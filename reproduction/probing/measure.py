"""What can be read off frozen features with few labels, beside baselines that need no pretraining.

Ridge regressions from features of labelled RVEs to their stiffness, texture index and grain size.
The features: latent vectors of the pretrained encoder and of the same encoder with its first
weights; the mean cubic harmonics of degree 4, alone and with their products; and the descriptors
that [CLS] was taught, computed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.dataset.descriptors import describe
from polyxtal.dataset.features import feature
from polyxtal.dataset.fields import expand
from polyxtal.dataset.store import PolycrystalStore, open_dataset
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel
from polyxtal.training.finetune.baselines import HARMONICS, harmonic_features
from polyxtal.training.finetune.encoders import untrained_copy
from polyxtal.training.finetune.ridge import probe
from polyxtal.training.pretrain.module import seeds_of
from reproduction.pretrained import Pretrained, open_model

AT_ONCE = 64
POOLED = ("cls", "mean", "both")


@dataclass(frozen=True)
class ProbeSettings:
    """Settings of the study.

    Attributes:
        model: Name or folder of the model.
        data: Folder of a labelled data set that the model never saw.
        labels: Numbers of labels to fit to.
        test: Number of test RVEs, the last of the set (default: 500).
        draws: Number of independent draws of the labels (default: 5).

    Raises:
        ValueError: if a number is out of range.
    """

    model: str
    data: str
    labels: tuple[int, ...] = (50, 200, 1000)
    test: int = 500
    draws: int = 5

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if not self.labels or min(self.labels) < 10:
            raise ValueError(f"Option --labels must be numbers from 10, but is {self.labels}.")
        if self.test < 10 or self.draws < 1:
            raise ValueError(
                "Options --test and --draws must be at least 10 and 1, "
                f"but are {self.test} and {self.draws}."
            )

    @property
    def command(self) -> str:
        """The command that computes the same, without its folder."""
        labels = ",".join(str(count) for count in self.labels)
        options = ["--labels", labels, "--test", str(self.test), "--draws", str(self.draws)]
        return shlex.join(
            ["python", "-m", "reproduction", "probe", self.model, self.data, *options]
        )


@dataclass(frozen=True, eq=False)
class ProbeStudy:
    """Scores of all features.

    Attributes:
        settings: Settings of the study.
        identity: Identity of the model, see `Pretrained`.
        recipe: Recipe of the data set.
        targets: What each column of the scores is.
        scores: R² by features and number of labels, (draws, targets). [-]
    """

    settings: ProbeSettings
    identity: Mapping[str, Any]
    recipe: Mapping[str, Any]
    targets: Sequence[str]
    scores: Mapping[str, Mapping[int, Float[Tensor, "draws targets"]]]


def parse_labels(text: str) -> tuple[int, ...]:
    """Read numbers with commas between them.

    Raises:
        ValueError: if one is no whole number.
    """
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ValueError(
            f"Option --labels must be whole numbers like 50,200,1000, but is '{text}'."
        ) from None


def study_probes(settings: ProbeSettings, progress: Progress = no_progress) -> ProbeStudy:
    """Encode a data set and fit the probes.

    Args:
        settings: Settings of the study.
        progress: Called as RVEs are encoded.
    Raises:
        FileNotFoundError: if there is no such model or data set.
        ValueError: if the data set is too small, has no stiffness for given crystals, or the model
            was pretrained on it.
    """
    pretrained, store = open_model(settings.model), open_dataset(settings.data)
    _check(settings, pretrained, store)
    names, targets = labels_of(store)
    features = features_of(pretrained, store, progress)
    rest = range(len(targets) - settings.test)
    test = range(len(rest), len(targets))
    scores = probe(features, targets, rest, test, settings.labels, settings.draws)
    recipe = store.recipe.model_dump(mode="json")
    return ProbeStudy(settings, pretrained.identity, recipe, names, scores)


def _check(settings: ProbeSettings, pretrained: Pretrained, store: PolycrystalStore) -> None:
    needed = max(settings.labels) + settings.test
    if len(store) < needed:
        raise ValueError(
            f"{settings.data}: must hold {needed} RVEs for {max(settings.labels)} labels and "
            f"{settings.test} to judge on, but holds {len(store)}."
        )
    labels = store.recipe.labels
    if labels is None or not labels.constants:
        raise ValueError(
            f"{settings.data}: must have stiffness labels for given `constants`, but has none."
        )
    about = pretrained.model.about
    if store.recipe.seed in seeds_of([about, *about.get("lineage", [])]):
        raise ValueError(
            f"{settings.data}: must have another seed than the pretraining, {store.recipe.seed}, "
            "or the model may have seen its RVEs."
        )


def labels_of(store: PolycrystalStore) -> tuple[list[str], Float[Tensor, "n targets"]]:
    """Gather C11, C22 and C33 for each given crystal, and logarithms of texture index and size.

    Returns:
        What the columns are, and their values. [GPa, -]
    """
    assert store.recipe.labels is not None
    count = len(store)
    stiffness = torch.from_numpy(store.read("stiffness", 0, count)).to(torch.float64) / 1e3
    names, columns = [], []
    for place, (c11, c12, c44) in enumerate(store.recipe.labels.constants):
        zener = 2 * c44 / (c11 - c12)
        for i in range(3):
            names.append(f"C{i + 1}{i + 1} at Zener {zener:.3g}")
            columns.append(stiffness[:, place, i, i])
    volumes = store.recipe.coefficient_grid().volumes
    texture = torch.from_numpy(store.read("texture", 0, count)).to(torch.float64)
    columns.append((texture.square() / volumes).sum(1).log())
    grains = torch.from_numpy(store.read("grains", 0, count).astype("int64"))
    columns.append(-grains.to(torch.float64).log() / 3)
    names += ["log texture index", "log grain size"]
    # What is the same for all, such as one grain size, can not be told apart.
    varying = [k for k, column in enumerate(columns) if float(column.std()) > 1e-12]
    return [names[k] for k in varying], torch.stack([columns[k] for k in varying], 1)


def features_of(
    pretrained: Pretrained, store: PolycrystalStore, progress: Progress = no_progress
) -> dict[str, Float[Tensor, "n width"]]:
    """Compute all features of a data set, by name."""
    encoders = {"pretrained": pretrained.model, "untrained": untrained_copy(pretrained.model)}
    parts: dict[str, list[Tensor]] = {}
    for start, ids, orientations in _rows(store):
        if store.recipe.grid == (pretrained.config.model.voxels,) * 3:
            given = expand(ids, orientations, feature(pretrained.config.model.features))
        else:  # the mean over windows of the model's size
            given = [store[number] for number in range(start, start + len(ids))]
        for name, pooled in _latent(encoders, given):
            parts.setdefault(name, []).append(pooled)
        parts.setdefault("descriptors", []).append(describe(ids, orientations))
        progress("RVEs", start + len(ids), len(store))
    found = {name: torch.cat(values) for name, values in parts.items()}
    harmonics = harmonic_features(found["descriptors"][:, :HARMONICS]).values()
    found["mean harmonics"], found["mean harmonics and products"] = harmonics
    return found


def _latent(
    encoders: Mapping[str, FoundationModel], given: Tensor | list[Polycrystal]
) -> Iterator[tuple[str, Tensor]]:
    for name, encoder in encoders.items():
        encode = encoder.encode if isinstance(given, list) else encoder.encode_fields
        both = encode(given, "both")  # type: ignore[arg-type]
        cls, mean = both.chunk(2, -1)
        for pool, pooled in zip(POOLED, (cls, mean, both), strict=True):
            yield f"{name} {pool}", pooled


def _rows(store: PolycrystalStore) -> Iterator[tuple[int, Tensor, Tensor]]:
    for start in range(0, len(store), AT_ONCE):
        stop = min(len(store), start + AT_ONCE)
        ids = torch.from_numpy(store.read("grain_id", start, stop).astype("int64"))
        yield start, ids, torch.from_numpy(store.read("orientations", start, stop))
