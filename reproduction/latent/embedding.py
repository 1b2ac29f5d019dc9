"""Maps of latent vectors onto a plane, and how well neighbours predict a property."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.training.finetune.ridge import r_squared

METHODS = ("umap", "pca")
NEIGHBOURS = 10
"""Number of nearest neighbours that a property is predicted from."""
UMAP_NEIGHBOURS, UMAP_DISTANCE = 15, 0.1
"""UMAP's own defaults, fixed here [McInnes2018]."""


def check_method(method: str) -> None:
    """Check, before anything is computed, that a map can be drawn.

    Raises:
        ValueError: if the method is unknown.
        RuntimeError: if it needs a package that is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"Option --method must be one of {', '.join(METHODS)}, but is '{method}'.")
    for module, package, advice in (
        ("sklearn", "scikit-learn", ""),
        ("umap", "umap-learn", ", and `--method pca` does without"),
    ):
        if (module != "umap" or method == "umap") and find_spec(module) is None:
            raise RuntimeError(
                f"Method '{method}' needs the package {package}, which is not installed: "
                f"`pip install 'polyxtal[reproduction]'` adds it{advice}."
            )


def embed(
    points: Float[Tensor, "n d"], method: str = "umap", seed: int = 0
) -> Float[Tensor, "n 2"]:
    """Map points onto a plane; the same seed gives the same map.

    Args:
        points: Coordinates of at least three points.
        method: "umap" (neighbours stay neighbours), or "pca" (two principal components).
        seed: Random seed of UMAP.
    Raises:
        ValueError, RuntimeError: see `check_method`.
    """
    check_method(method)
    return principal_components(points) if method == "pca" else _umap(points, seed)


def principal_components(points: Float[Tensor, "n d"]) -> Float[Tensor, "n 2"]:
    """Return the first two principal components, each axis with its largest part positive."""
    from sklearn.decomposition import PCA

    found = PCA(2, svd_solver="full").fit_transform(points.to(torch.float64).numpy())
    return torch.from_numpy(found)


def _umap(points: Tensor, seed: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hints at other options of UMAP
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
    """Return the R² of k-nearest-neighbour regression, leaving out the point itself. [-]

    Args:
        points: Coordinates.
        targets: Properties of each point.
        neighbours: Number of neighbours k (default: 10); fewer if there are fewer other points.
    Returns:
        R² of each property; NaN where it is the same for all points.
    """
    from sklearn.neighbors import NearestNeighbors

    place, truth = points.to(torch.float64), targets.to(torch.float64)
    search = NearestNeighbors(n_neighbors=min(neighbours, len(place) - 1)).fit(place.numpy())
    nearest = torch.from_numpy(search.kneighbors(return_distance=False))
    return r_squared(truth[nearest].mean(1), truth)
