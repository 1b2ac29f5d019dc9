"""What a method of prediction answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.mechanics.ladder.stiffness import EstimatedStiffness
from polyxtal.mechanics.response import Response


class Answer(NamedTuple):
    """The answer of a material network or of a full field on a coarse grid.

    Attributes:
        name: Name of the method, such as "material network".
        response: Response to the load; its orientations and weights are those of the crystals.
        stiffness: Mandel stiffness by "network", "model" or "full_field", and by "voigt", "reuss"
            and "hill". [MPa]
        best: Key of the predicted stiffness.
        slope: Key of the stiffness of the same body as the response.
        phase: Phase of each crystal.
        grain: Grain of each crystal; None for the leaves of networks.
        out_of_distribution_score: See `FoundationModel.out_of_distribution_score`; None without
            a model. [-]
        fallback: Why a full field answers instead of the networks that were asked for; None if
            that is not so.
        estimated: Stiffness of a full field with the bounds of its error; None of networks.
    """

    name: str
    response: Response
    stiffness: Mapping[str, Float[Tensor, "6 6"]]
    best: str
    slope: str
    phase: Int[Tensor, " crystals"]
    grain: Int[Tensor, " crystals"] | None = None
    out_of_distribution_score: float | None = None
    fallback: str | None = None
    estimated: EstimatedStiffness | None = None
