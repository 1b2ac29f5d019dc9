"""Maps of many points onto a plane, and how well near points tell a property."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.training.finetune.ridge import r_squared

METHODS = ("umap", "pca")
NEIGHBOURS = 10
"""Points that a property is predicted from."""
UMAP_NEIGHBOURS, UMAP_DISTANCE = 15, 0.1
"""UMAP's own defaults, said here so that they stay [McInnes2018]."""
_ROWS = 1024


def check_method(method: str) -> None:
    """Make sure, before anything is computed, that a map can be drawn.

    Raises:
        ValueError: if the method is unknown.
        RuntimeError: if it needs a package that is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"Option --method must be one of {', '.join(METHODS)}, but is '{method}'.")
    if method == "umap" and find_spec("umap") is None:
        raise RuntimeError(
            "Method 'umap' needs the package umap-learn, which is not installed: "
            "`pip install 'polyxtal[reproduction]'` adds it, and `--method pca` needs nothing."
        )


def embed(
    points: Float[Tensor, "n d"], method: str = "umap", seed: int = 0
) -> Float[Tensor, "n 2"]:
    """Map points onto a plane; the same seed gives the same map.

    Args:
        points: At least three.
        method: "umap" (near points stay near), or "pca" (the two directions of largest variance).
        seed: Of UMAP.
    Raises:
        ValueError, RuntimeError: see `check_method`.
    """
    check_method(method)
    return principal_axes(points) if method == "pca" else _umap(points, seed)


def principal_axes(points: Float[Tensor, "n d"]) -> Float[Tensor, "n 2"]:
    """Project onto the two directions of largest variance, each with its largest part positive."""
    centred = (points - points.mean(0)).to(torch.float64)
    axes = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return centred @ (axes * largest.sign()).T


def _umap(points: Tensor, seed: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what else UMAP could do
        from umap import UMAP  # pyright: ignore[reportMissingImports]

        mapper = UMAP(
            n_neighbors=min(UMAP_NEIGHBOURS, len(points) - 1),
            min_dist=UMAP_DISTANCE,
            init="pca",
            random_state=seed,
            n_jobs=1,
        )
        mapped = mapper.fit_transform(points.to(torch.float32).numpy())
    return torch.as_tensor(mapped, dtype=torch.float64)


def neighbour_r_squared(
    points: Float[Tensor, "n d"], targets: Float[Tensor, "n targets"], neighbours: int = NEIGHBOURS
) -> Float[Tensor, " targets"]:
    """Predict each point's properties as the mean of its nearest other points': R². [-]

    Args:
        points: Where each is.
        targets: Its properties.
        neighbours: Points that are averaged; fewer if there are no more.
    Returns:
        R² of each property; NaN where it is the same for all.
    """
    place, truth = points.to(torch.float64), targets.to(torch.float64)
    count = min(neighbours, len(place) - 1)
    nearest = []
    for start in range(0, len(place), _ROWS):
        part = place[start : start + _ROWS]
        distance = torch.cdist(part, place, compute_mode="donot_use_mm_for_euclid_dist")
        rows = torch.arange(len(part))
        distance[rows, start + rows] = torch.inf
        nearest.append(distance.topk(count, largest=False).indices)
    return r_squared(truth[torch.cat(nearest)].mean(1), truth)
