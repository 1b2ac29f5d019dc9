"""Slip and twin systems of a lattice, and how they interact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.slip import bcc, bct, fcc, hcp
from polyxtal.crystal.slip.tables import Family

_DATA: dict[str, ModuleType] = {"cF": fcc, "cI": bcc, "hP": hcp, "tI": bct}


@dataclass(frozen=True, eq=False)
class DeformationSystems:
    """Slip or twin systems, crystal frame.

    Attributes:
        directions: Unit shear directions s. [-]
        normals: Unit plane normals n. [-]
        family: Family of each, an index into the families of the lattice.
        shear: Characteristic shear γ_char of twins; zero for slip. [-]
    """

    directions: Float[Tensor, "systems 3"]
    normals: Float[Tensor, "systems 3"]
    family: Int[Tensor, " systems"]
    shear: Float[Tensor, " systems"]

    @property
    def count(self) -> int:
        """Number of systems."""
        return len(self.family)

    def schmid(self) -> Float[Tensor, "systems 3 3"]:
        """Return the Schmid tensors s ⊗ n. [-]"""
        return torch.einsum("ai,aj->aij", self.directions, self.normals)


def families(lattice: Lattice, kind: str = "slip") -> tuple[Family, ...]:
    """Return the families of slip or twin systems of a lattice.

    Args:
        lattice: Lattice cF, cI, hP or tI.
        kind: "slip" or "twin".
    Raises:
        ValueError: if there are no systems for this lattice.
    """
    if lattice.symbol not in _DATA:
        raise ValueError(
            f"Slip systems are known of the lattices {', '.join(_DATA)}, "
            f"but the lattice is {lattice.symbol}."
        )
    data = _DATA[lattice.symbol]
    return data.SLIP if kind == "slip" else data.TWIN


def slip_systems(lattice: Lattice, counts: Sequence[int]) -> DeformationSystems:
    """Return the first systems of each slip family.

    Args:
        lattice: Lattice; hP and tI with c/a.
        counts: Number of systems of each family, as DAMASK's `N_sl`; families left out have none.
    Raises:
        ValueError: if there are not that many systems or families, or c/a is unknown.
    """
    return _systems(lattice, counts, "slip")


def twin_systems(lattice: Lattice, counts: Sequence[int]) -> DeformationSystems:
    """Return the first systems of each twin family, as `slip_systems` does for slip."""
    return _systems(lattice, counts, "twin")


def interaction_types(
    lattice: Lattice, kind: str, reacting: Sequence[int], acting: Sequence[int]
) -> Int[Tensor, "reacting acting"]:
    """Return the type (0-based) of each interaction: row is hardened by column.

    Args:
        lattice: Lattice.
        kind: "sl-sl", "sl-tw", "tw-sl" or "tw-tw": the systems that harden, then those that act.
        reacting, acting: Number of systems of each family.
    Raises:
        ValueError: if there are not that many systems.
    """
    names = {"sl": "slip", "tw": "twin"}
    rows, columns = (
        _members(lattice, counts, names[part])
        for counts, part in zip((reacting, acting), kind.split("-"), strict=True)
    )
    if not rows or not columns:
        return torch.zeros(len(rows), len(columns), dtype=torch.int64)
    return torch.from_numpy(_DATA[lattice.symbol].INTERACTIONS[kind][np.ix_(rows, columns)])


def interaction_matrix(
    lattice: Lattice,
    kind: str,
    reacting: Sequence[int],
    acting: Sequence[int],
    coefficients: Sequence[float],
) -> Float[Tensor, "reacting acting"]:
    """Return the matrix of interaction coefficients of all pairs of systems.

    Args:
        lattice, kind, reacting, acting: As in `interaction_types`.
        coefficients: Coefficient of each type, as DAMASK's `h_sl-sl`; those of types that do not
            occur are ignored. [-]
    Raises:
        ValueError: if there are fewer than the types that occur, or one that occurs is negative.
    """
    kinds = interaction_types(lattice, kind, reacting, acting)
    if not kinds.numel():
        return torch.zeros(kinds.shape, dtype=torch.float64)
    needed = int(kinds.max()) + 1
    if len(coefficients) < needed:
        raise ValueError(
            f"Interactions h_{kind} of a {lattice.symbol} lattice must have {needed} coefficients "
            f"for these systems, but {len(coefficients)} are given."
        )
    values = torch.tensor([float(c) for c in coefficients], dtype=torch.float64)
    matrix = values[kinds]
    if bool((matrix < 0).any()):
        worst = int(kinds[matrix < 0].min())
        raise ValueError(
            f"Interactions h_{kind} that occur must not be negative, "
            f"but number {worst + 1} is {float(values[worst]):g}."
        )
    return matrix


def _members(lattice: Lattice, counts: Sequence[int], kind: str) -> list[int]:
    """Return the indices, among all systems, of the first systems of each family."""
    known = families(lattice, kind)
    if any(count > 0 for count in counts[len(known) :]):
        raise ValueError(
            f"A {lattice.symbol} lattice has {len(known)} {kind} families, "
            f"but systems of {len(counts)} are given."
        )
    members: list[int] = []
    first = 0
    for number, (family, count) in enumerate(zip(known, counts, strict=False), start=1):
        if not 0 <= count <= family.size:
            raise ValueError(
                f"{kind.capitalize()} family {number} of a {lattice.symbol} lattice "
                f"({family.name}) has {family.size} systems, but {count} are asked for."
            )
        members += range(first, first + count)
        first += family.size
    return members


def _systems(lattice: Lattice, counts: Sequence[int], kind: str) -> DeformationSystems:
    members = _members(lattice, counts, kind)
    if lattice.symbol in ("hP", "tI") and lattice.c_over_a is None:
        raise ValueError(
            f"A {lattice.symbol} lattice must have its c/a for slip systems, but it is not given."
        )
    known = families(lattice, kind)
    sizes = torch.tensor([family.size for family in known], dtype=torch.int64)
    family = torch.repeat_interleave(torch.arange(len(known)), sizes)[members]
    if not members:
        none = torch.zeros(0, 3, dtype=torch.float64)
        return DeformationSystems(none, none.clone(), family, none[:, 0].clone())
    indices = torch.from_numpy(np.concatenate([f.indices for f in known])[members])
    half = indices.shape[1] // 2
    shear = torch.zeros(len(members), dtype=torch.float64)
    if kind == "twin":
        each = _DATA[lattice.symbol].characteristic_shear(lattice.c_over_a)
        shear = torch.tensor(each, dtype=torch.float64)[family]
        if not bool((shear > 0).all()):
            wrong = known[int(family[~(shear > 0)][0])]
            raise ValueError(
                f"A twin family must have a positive characteristic shear, but {wrong.name} has "
                f"{float(shear.min()):.3g} at c/a = {lattice.c_over_a:g}."
            )
    return DeformationSystems(
        lattice.direction(indices[:, :half]), lattice.plane(indices[:, half:]), family, shear
    )
