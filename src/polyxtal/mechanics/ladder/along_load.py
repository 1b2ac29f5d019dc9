"""Responses and bounds by component of the load, where these are not along the specimen's axes."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.ladder.error import ErrorBounds
from polyxtal.mechanics.loading.path import LoadPath


def along_load(response: FullFieldResponse, path: LoadPath) -> FullFieldResponse:
    """Return a response whose components of F - I and P are along the tensors B_k of the load."""
    basis = _bases(path)
    if basis is None:
        return response
    assert response.grain_F is not None
    assert response.grain_P is not None
    identity = torch.eye(3, dtype=torch.float64)

    def components(history: Tensor) -> Tensor:
        flat = history.reshape(len(basis), -1, 9).to(torch.float64)
        return torch.einsum("tkc,tnc->tnk", basis, flat).reshape(history.shape)

    return replace(
        response,
        F=components(response.F - identity) + identity,
        P=components(response.P),
        grain_F=components(response.grain_F - identity) + identity,
        grain_P=components(response.grain_P),
    )


def along_axes(bounds: ErrorBounds, path: LoadPath) -> ErrorBounds:
    """Return bounds by component of the specimen's axes, the sums of those that have a part in it.

    |e_ij| ≤ Σ_k |B_k,ij| |e_k|
    """
    basis = _bases(path)
    if basis is None:
        return bounds

    def sums(bound: Tensor) -> Tensor:
        flat = torch.einsum("tkc,tk->tc", basis.abs(), bound.reshape(len(basis), 9))
        return flat.reshape(bound.shape)

    return bounds._replace(F=sums(bounds.F), P=sums(bounds.P))


def _bases(path: LoadPath) -> Float[Tensor, "increments 9 9"] | None:
    """Return the tensors of every increment, those of the first twice; None if all are dyads."""
    if all(step.basis is None for step in path.steps):
        return None
    rows = []
    for step in path.steps:
        basis = torch.eye(9, dtype=torch.float64)
        if step.basis is not None:
            basis = torch.tensor(step.basis, dtype=torch.float64)
        rows += [basis] * step.increments
    return torch.stack([rows[0], *rows])
