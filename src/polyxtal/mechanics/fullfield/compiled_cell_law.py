"""The plasticity law at every voxel by the compiled kernel: the fast form of `cell_law.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.crystal.kernel.batches import SOLVED, solve_points
from polyxtal.crystal.kernel.records import ACCURATE
from polyxtal.crystal.kernel.rotation import crystal_orientations, normalise
from polyxtal.crystal.material import Material
from polyxtal.crystal.update.compiled import law_groups
from polyxtal.crystal.update.crystal import CrystalPlasticity, named_fields
from polyxtal.mechanics.fullfield.accumulated_slip import AccumulatedSlip
from polyxtal.mechanics.fullfield.cell_law import check_state
from polyxtal.mechanics.fullfield.voxel_kernel import (
    BLOCK,
    ROWS,
    linearise_voxels,
    multiply_tangents,
)
from polyxtal.microstructure.phased_materials import VOID

T = TypeVar("T")

BLOCKS_A_THREAD = 16
"""Smallest number of blocks for which a thread pays off."""


class CompiledCellLaw:
    """The law of `ReadableCellLaw`, compiled, on one or more threads."""

    def __init__(
        self,
        materials: Sequence[Material],
        phase: Int[Tensor, " voxels"],
        orientations: Float[Tensor, "voxels 4"],
        threads: int = 1,
        accuracy: float = ACCURATE,
    ) -> None:
        """Start undeformed; `phase` indexes `materials` or is `VOID`; see `solve_point`."""
        self.void = phase == VOID
        law = CrystalPlasticity(materials, phase.clamp_min(0))
        start = law.initial_state(orientations)
        self._laws, self._phase, self._accuracy = law.laws, phase, accuracy
        self._groups = law_groups(law.materials, law.laws, phase.numpy())
        self._plastic_start = start.plastic_inverse.clone()
        self._internal_start = start.internal.clone()
        self._positive = law.positive(len(phase))
        self._plastic_inverse = self._plastic_start.clone()
        self._slip, self._dt = AccumulatedSlip(law.laws, phase), 0.0
        self.guess = {"stress": start.stress.clone(), "internal": self._internal_start.clone()}
        voxels = len(phase)
        self.piola = torch.zeros(9, voxels, dtype=torch.float64)
        blocks = -(-voxels // BLOCK)
        self._tangent = torch.zeros(blocks, 9 * ROWS, BLOCK, dtype=torch.float32)
        pieces = max(1, min(threads, blocks // BLOCKS_A_THREAD))
        ends = [round(piece * blocks / pieces) for piece in range(pieces + 1)]
        self._pieces = list(pairwise(ends))
        self._scratch = [[group.scratch() for group in self._groups] for _ in self._pieces]
        self._pool = ThreadPoolExecutor(pieces) if pieces > 1 else None

    def _voxels(self, first: int, last: int) -> tuple[int, int]:
        return first * BLOCK, min(last * BLOCK, len(self._phase))

    def _each_piece(self, task: Callable[[int, int, int], T]) -> list[T]:
        arguments = [(piece, *ends) for piece, ends in enumerate(self._pieces)]
        if self._pool is None:
            return [task(*a) for a in arguments]
        return list(self._pool.map(lambda a: task(*a), arguments))

    def evaluate(self, deformation: Float[Tensor, "9 voxels"], dt: float) -> bool:
        """Solve the law; see `CellLaw`."""
        # A wild guess must not make a slip resistance negative.
        least = torch.where(self._positive, 0.5 * self._internal_start, -torch.inf)
        torch.maximum(self.guess["internal"], least, out=self.guess["internal"])
        self._deformation, self._dt = deformation.contiguous(), float(dt)
        failed = self._each_group(
            solve_points,
            self._dt,
            self._accuracy,
            self.guess["stress"].numpy(),
            self.guess["internal"].numpy(),
            self._plastic_inverse.numpy(),
            self.piola.numpy(),
        )
        return all(voxel == SOLVED for voxel in failed)

    def linearise(self) -> None:
        """Replace the tangent; see `CellLaw`."""
        stress, internal = self.guess["stress"].numpy(), self.guess["internal"].numpy()
        self._each_group(linearise_voxels, self._dt, stress, internal, self._tangent.numpy())

    def _each_group(self, kernel: Callable[..., int | None], *more: object) -> list[int | None]:
        """Call a kernel for all batches of every law, in as many pieces as there are threads."""
        fields = self._deformation, self._plastic_start, self._internal_start
        arrays = *(field.numpy() for field in fields), *more

        def task(piece: int, first: int, last: int) -> list[int | None]:
            results = []
            for group, scratch in zip(self._groups, self._scratch[piece], strict=True):
                count, pieces = len(group.batches), len(self._pieces)
                ends = count * piece // pieces, count * (piece + 1) // pieces
                results.append(kernel(*group.points(), *scratch, *arrays, *ends))
            return results

        return [result for results in self._each_piece(task) for result in results]

    def anticipate(self, change: Float[Tensor, "9 voxels"]) -> None:
        """Move the guess of S by ∂S/∂F : δF; see `CellLaw`."""
        out = torch.empty(ROWS - 9, change.shape[1], dtype=torch.float32)
        arrays = self._tangent[:, 81:].numpy(), change.float().numpy(), out.numpy()
        self._each_piece(lambda _, first, last: multiply_tangents(*arrays, first, last))
        self.guess["stress"].add_(out.mT)

    def accept(self) -> None:
        """Make the state last found the start of the next step."""
        inverse = self._plastic_inverse.numpy()
        self._each_piece(lambda _, first, last: normalise(inverse, *self._voxels(first, last)))
        self._plastic_start.copy_(self._plastic_inverse)
        self._internal_start.copy_(self.guess["internal"])
        self._slip.add(self.guess["stress"], self._internal_start, self._dt)

    def multiply(self, gradient: Float[Tensor, "9 voxels"]) -> Float[Tensor, "9 voxels"]:
        """Return the tangent times a gradient at every voxel; see `CellLaw`."""
        out = torch.empty_like(gradient)
        arrays = self._tangent[:, :81].numpy(), gradient.numpy(), out.numpy()
        self._each_piece(lambda _, first, last: multiply_tangents(*arrays, first, last))
        return out

    def mean_tangent(self) -> Float[Tensor, "9 9"]:
        """Return the volume average of the tangent. [MPa]"""
        total = self._tangent[:, :81].sum((0, 2), dtype=torch.float64)
        return (total / len(self._phase)).reshape(9, 9)

    def orientations(self, deformation: Float[Tensor, "9 voxels"]) -> Float[Tensor, "voxels 4"]:
        """Return the rotations of F_e. [-]"""
        out = deformation.new_zeros(len(self._phase), 4)
        arrays = deformation.contiguous().numpy(), self._plastic_start.numpy()

        def task(_: int, first: int, last: int) -> None:
            crystal_orientations(*arrays, *self._voxels(first, last), out.numpy())

        self._each_piece(task)
        return out

    def plastic_inverse(self) -> Float[Tensor, "voxels 3 3"]:
        """Return the accepted F_p⁻¹. [-]"""
        return self._plastic_start.clone()

    def internal(self) -> dict[str, Tensor]:
        """Return the accepted internal variables by name."""
        return named_fields(self._laws, self._phase, self._internal_start)

    def slip(self) -> dict[str, Tensor]:
        """Return the accumulated slip."""
        return self._slip.named()

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint."""
        return {
            "plastic_inverse": self._plastic_start,
            "internal": self._internal_start,
            "slip": self._slip.total,
            "tangent": self._tangent,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        check_state(state, self._positive & ~self.void[:, None])
        self._plastic_start.copy_(state["plastic_inverse"])
        self._plastic_inverse.copy_(state["plastic_inverse"])
        self._internal_start.copy_(state["internal"])
        self._slip.total.copy_(state["slip"])
        self._tangent.copy_(state["tangent"])

    def close(self) -> None:
        """Release the threads."""
        if self._pool is not None:
            self._pool.shutdown()
