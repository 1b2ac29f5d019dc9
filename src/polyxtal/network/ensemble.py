"""Several networks of one polycrystal, averaged: most of what one draw gets wrong cancels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.network.online_compiled import TOLERANCE
from polyxtal.network.tree import MaterialNetwork


@dataclass(frozen=True, eq=False)
class NetworkEnsemble:
    """Independent networks whose stiffness and response are averaged with equal weight.

    Attributes:
        members: The networks.
    """

    members: tuple[MaterialNetwork, ...]

    def __post_init__(self) -> None:
        """Validate that there is a member."""
        if not self.members:
            raise ValueError("An ensemble must have at least one network, but has none.")

    @property
    def leaves(self) -> int:
        """Number of leaves of all members together."""
        return sum(member.leaves for member in self.members)

    def stiffness(
        self, elasticity: CubicElasticity | Mapping[str, CubicElasticity]
    ) -> Float[Tensor, "6 6"]:
        """Average the members' Mandel stiffness. [MPa]"""
        return torch.stack([member.stiffness(elasticity) for member in self.members]).mean(0)

    def respond(
        self,
        material: Material | Mapping[str, Material],
        path: LoadPath,
        engine: Literal["compiled", "torch"] = "compiled",
        tolerance: float = TOLERANCE,
        on_increment: Callable[[float], None] | None = None,
    ) -> Response:
        """Average the members' responses, F and P alike; see `MaterialNetwork.respond`.

        The members run in parallel threads; `on_increment` is called from them, once for every
        increment of every member.
        """

        def run(member: MaterialNetwork) -> Response:
            return member.respond(material, path, engine, tolerance, on_increment)

        workers = min(len(self.members), os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            responses = list(pool.map(run, self.members))
        statistics = {
            name: (max if name in ("residual", "hill_mandel") else sum)(
                response.statistics[name] for response in responses
            )
            for name in responses[0].statistics
        }
        orientations = [r.orientations for r in responses if r.orientations is not None]
        weights = [r.weights for r in responses if r.weights is not None]
        return Response(
            responses[0].time,
            torch.stack([r.F for r in responses]).mean(0),
            torch.stack([r.P for r in responses]).mean(0),
            torch.cat(orientations, 1),
            torch.cat(weights) / len(responses),
            statistics,
        )
