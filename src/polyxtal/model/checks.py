"""Validation of the arguments of a foundation model."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from polyxtal.argument_types import require_type
from polyxtal.dataset.features import crystal_kinds
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.config import ModelConfig


def listed(polycrystals: Polycrystal | Iterable[Polycrystal]) -> list[Polycrystal]:
    """Return one or several polycrystals as a list.

    Raises:
        ValueError: if there is none.
    """
    require_type(polycrystals, (Polycrystal, Iterable), "polycrystals")
    given = [polycrystals] if isinstance(polycrystals, Polycrystal) else list(polycrystals)
    if not given:
        raise ValueError("Argument `polycrystals` must hold at least one, but is empty.")
    return given


def check_crystals(rve: Polycrystal, config: ModelConfig) -> None:
    """Make sure that crystals have the Laue group that a model was trained for.

    Raises:
        ValueError: if they have another one.
    """
    require_type(rve, Polycrystal, "rve")
    if config.seen.mixed:
        crystal_kinds(rve)
        return
    for index in rve.phase.unique().tolist():
        lattice, group = rve.lattices[index], rve.laue_group(index)
        if lattice is not None and group != config.laue_group:
            raise ValueError(
                f"This model must be given crystals of Laue group {config.laue}, but "
                f"phase {rve.phase_names[index]!r} is {lattice.family} ({group.name})."
            )


def check_phase(rve: Polycrystal) -> None:
    """Make sure that all grains are of one phase.

    Raises:
        ValueError: if they are of several.
    """
    require_type(rve, Polycrystal, "rve")
    if len(set(rve.phase.tolist())) > 1:
        raise ValueError(
            "A network is predicted for grains of one phase, but the polycrystal has several; "
            "`MaterialNetwork.from_polycrystal` takes them."
        )


def check_fields(fields: Tensor, config: ModelConfig) -> None:
    """Make sure that fields have the shape of a model's input.

    Raises:
        ValueError: if they have another one.
    """
    shape = (config.channels, *(config.voxels,) * 3)
    if tuple(fields.shape[1:]) != shape or not len(fields):
        raise ValueError(
            f"Argument `fields` must have shape (n, {', '.join(map(str, shape))}), "
            f"but has {tuple(fields.shape)}."
        )
