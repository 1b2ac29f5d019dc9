"""Lattice planes of pole figures: their names, normals and symmetry copies."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.viz.sphere import direction_name, unit_vector

_AXES = ((0, 0, 1), (1, 0, 0), (0, 1, 0))
_PLANES: dict[str, tuple[tuple[int, ...], ...]] = {
    "cubic": ((0, 0, 1), (1, 1, 1), (0, 1, 1)),
    "tetragonal": ((0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 0, 1)),
    "hexagonal": ((0, 0, 0, 1), (1, 0, -1, 0), (1, 1, -2, 0), (1, 0, -1, 1)),
    "orthorhombic": _AXES,
    "monoclinic": _AXES,
    "triclinic": _AXES,
}
_INDEXED = ("cubic", "tetragonal", "hexagonal")

Plane = Sequence[int | float] | Tensor
"""Miller or Miller-Bravais indices; Cartesian crystal components for lattices below tetragonal."""


def default_planes(lattice: Lattice | None = None) -> tuple[tuple[int, ...], ...]:
    """Return the low-index planes whose pole figures are customary for a lattice.

    Cubic: {001}, {111}, {011}; tetragonal: {001}, {100}, {110}, {101}; hexagonal: {0001}, {10-10},
    {11-20}, {10-11}; else the Cartesian crystal axes z, x, y. Planes that need c/a are left out
    where it is unknown.

    Args:
        lattice: Lattice; None for a cubic one.
    """
    family = "cubic" if lattice is None else lattice.family
    planes = _PLANES[family]
    if family in ("tetragonal", "hexagonal") and lattice is not None and lattice.c_over_a is None:
        return planes[:-1]
    return planes


def main_plane(lattice: Lattice | None = None) -> tuple[int, ...]:
    """Return the plane of a single pole figure: cubic {111}, hexagonal {0001}, else {001}."""
    return default_planes(lattice)[1 if lattice is None or lattice.family == "cubic" else 0]


def plane_normal(plane: Plane, lattice: Lattice | None = None) -> Float[Tensor, "3"]:
    """Return a plane's unit normal in crystal axes.

    Args:
        plane: Miller indices, or Miller-Bravais indices of hexagonal lattices; Cartesian components
            for orthorhombic, monoclinic and triclinic lattices, whose edge lengths are unknown.
        lattice: Lattice; None for a cubic one.
    Raises:
        ValueError: if the indices do not belong to the lattice, or c/a is needed and unknown.
    """
    if lattice is None or lattice.family not in _INDEXED:
        return unit_vector(plane, "plane")
    return lattice.plane(number_tensor(plane, "plane"))


def plane_name(plane: Plane, lattice: Lattice | None = None) -> str:
    """Return the label of a form of planes, such as {10-10}, with overlines in mathtext."""
    if lattice is not None and lattice.family not in _INDEXED:
        return f"of crystal axis {direction_name(plane)}"
    return f"{{{index_label(plane)}}}"


def index_label(indices: Plane) -> str:
    """Return indices without spaces, negative ones overlined in mathtext."""
    values = [float(i) for i in indices]
    gap = " " if any(abs(v) >= 10 for v in values) else ""
    return gap.join(_overlined(-v) if v < 0 else f"{v:g}" for v in values)


def _overlined(number: float) -> str:
    # \bar is one digit wide and leaves a gap to its neighbour.
    return rf"$\{'bar' if number < 10 else 'overline'}{{{number:g}}}$"


def sample_poles(
    orientations: Float[Tensor, "*batch 4"], plane: Plane, lattice: Lattice | None = None
) -> Float[Tensor, "*batch copies 3"]:
    """Return the poles of a form {hkl} in the sample frame, one of each pair ±n.

    Args:
        orientations: Unit quaternions. [-]
        plane: Indices, see `plane_normal`.
        lattice: Lattice; None for a cubic one.
    Raises:
        ValueError: if the indices do not belong to the lattice, or c/a is needed and unknown.
    """
    laue = CUBIC if lattice is None else lattice.laue_group
    return sample_axes(orientations, plane_normal(plane, lattice), laue)


def sample_axes(
    orientations: Float[Tensor, "*batch 4"], direction: Float[Tensor, "3"], laue: LaueGroup
) -> Float[Tensor, "*batch copies 3"]:
    """Return all copies of a unit crystal direction in the sample frame, one of each pair ±h."""
    family = quaternion_to_matrix(laue.rotations) @ direction
    distinct: list[Tensor] = []
    for candidate in family:
        if all(float((candidate @ kept).abs()) < 1 - 1e-9 for kept in distinct):
            distinct.append(candidate)
    normals = torch.stack(distinct).to(orientations)
    return torch.einsum("...ij,kj->...ki", quaternion_to_matrix(orientations), normals)
