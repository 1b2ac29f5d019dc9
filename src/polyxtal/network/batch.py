"""Material networks at the integration points of a finite-element model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
import torch

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_multiply,
    rotational_part,
)
from polyxtal.algebra.threads import thread_count
from polyxtal.argument_types import require_number, require_path, require_type
from polyxtal.crystal.material import Material
from polyxtal.network.batch_arguments import (
    materials_of_networks,
    network_index,
    rotations,
    wanted_deformation,
)
from polyxtal.network.batch_file import read_state, write_state
from polyxtal.network.batch_group import IncrementArrays, PointGroup
from polyxtal.network.online_compiled import TOLERANCE
from polyxtal.network.online_kernel import LOCAL_FAILURE
from polyxtal.network.point_kernel import MAX_PIECES
from polyxtal.network.tree import MaterialNetwork

MAX_NAMED = 5
"""Most points that a sentence names."""


@dataclass(frozen=True, eq=False)
class BatchIncrement:
    """Result of an increment; its arrays belong to the batch, whose next attempt overwrites them.

    Attributes:
        deformation: F of every point, (points, 3, 3). [-]
        stress: P of every point, (points, 3, 3); NaN where the point failed. [MPa]
        tangent: Consistent tangent ∂P/∂F, (points, 3, 3, 3, 3); not set if not asked for. [MPa]
        failed: Points without a solution, (points,) bool.
        pieces: Number of equal pieces that the increment of every point was cut into, (points,);
            0 where it failed.
        status: How points ended, (points,): 0 solved, 1 no balance of tractions between crystals,
            2 no solution of the law of a crystal (or of F that is not finite or has det F <= 0).
    """

    deformation: np.ndarray
    stress: np.ndarray
    tangent: np.ndarray
    failed: np.ndarray
    pieces: np.ndarray
    status: np.ndarray

    @property
    def cauchy(self) -> np.ndarray:
        """Cauchy stress P Fᵀ / det F of every point, (points, 3, 3). [MPa]"""
        volume = np.linalg.det(self.deformation)[:, None, None]
        return self.stress @ self.deformation.swapaxes(1, 2) / volume

    def reason(self) -> str | None:
        """Return a sentence on the points that failed; None if none did."""
        points = np.flatnonzero(self.failed)
        if len(points) == 0:
            return None
        F = self.deformation[points]
        with np.errstate(invalid="ignore"):
            wrong = points[~(np.linalg.det(np.where(np.isfinite(F), F, np.nan)) > 0)]
        if len(wrong):
            return (
                f"Every F must be finite with a positive determinant, but {len(wrong)} of "
                f"{len(self.failed)} are not (numbers {_named(wrong)})."
            )
        local = int((self.status[points] == LOCAL_FAILURE).sum())
        return (
            f"Every point must converge, but {len(points)} of {len(self.failed)} did not in "
            f"{MAX_PIECES} pieces of the increment (numbers {_named(points)}; {local} of them in "
            "the law of a crystal, the others in the balance of tractions); take a smaller "
            "increment."
        )


def _named(points: np.ndarray) -> str:
    more = ", …" if len(points) > MAX_NAMED else ""
    return ", ".join(str(point) for point in points[:MAX_NAMED]) + more


class NetworkBatch:
    """Material networks at many points, for a finite-element code.

    An increment leads from the accepted state to the prescribed F: `attempt` may be called many
    times, as in Newton's method for nodal displacements, before `accept` ends the increment.
    `step` does both. Points are independent: results do not depend on the number of threads.

    Args:
        networks: One network, or several.
        materials: One material for all leaves, or one for each phase name; or a sequence of such,
            one for each network.
        points: Number of points of a single network, or the index of the network of each point;
            by default there is one point for each network.
        axes: Local material axes, (points, 4): unit quaternions p with v = R(p) v_network, which
            rotate the network's axes into the global ones; by default they are the same.
        interfaces: Whether the network's interfaces transfer tractions. False gives all leaves of
            a point the same F: Taylor's model with the network's crystals.
        tolerance: Largest traction jump relative to the largest stress in the leaves. [-]
        threads: Number of threads; None for one per core.

    Attributes:
        points: Number of points.

    Raises:
        ValueError: if an argument is of the wrong type, or its shape or values do not fit.

    Example:
        >>> import numpy as np
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=4, grains=8, seed=0)
        >>> network = px.MaterialNetwork.from_polycrystal(rve, leaves=4, seed=0)
        >>> batch = px.NetworkBatch(network, px.load_material("AA6022-T4"), points=2)
        >>> F = np.tile(np.diag([1.001, 1.0, 1.0]), (2, 1, 1))
        >>> trial = batch.attempt(F, dt=1.0)
        >>> trial.stress.shape, trial.tangent.shape, trial.failed.any()
        ((2, 3, 3), (2, 3, 3, 3, 3), np.False_)
        >>> batch.accept()
        >>> bool(np.allclose(batch.deformation, F))
        True
    """

    def __init__(
        self,
        networks: MaterialNetwork | Sequence[MaterialNetwork],
        materials: Material | Mapping[str, Material] | Sequence[Material | Mapping[str, Material]],
        points: int | Sequence[int] | np.ndarray | None = None,
        axes: np.ndarray | torch.Tensor | Sequence[Sequence[float]] | None = None,
        *,
        interfaces: bool = True,
        tolerance: float = TOLERANCE,
        threads: int | None = None,
    ) -> None:
        """Allocate the undeformed points."""
        require_type(networks, (MaterialNetwork, Sequence), "networks")
        many = (networks,) if isinstance(networks, MaterialNetwork) else tuple(networks)
        if not many:
            raise ValueError("Argument `networks` must hold a network, but is empty.")
        for network in many:
            require_type(network, MaterialNetwork, "networks")
        require_type(interfaces, bool, "interfaces")
        require_number(tolerance, "tolerance")
        if not (math.isfinite(tolerance) and tolerance > 0):
            raise ValueError(f"Argument `tolerance` must be positive, but is {tolerance}.")
        self._threads = thread_count(threads)
        index = network_index(points, len(many))
        self.points = len(index)
        self._axes = rotations(axes, self.points)
        each = materials_of_networks(materials, len(many))
        self._groups = [
            PointGroup(network, material, np.flatnonzero(index == k), interfaces, tolerance)
            for k, (network, material) in enumerate(zip(many, each, strict=True))
        ]
        identity = hashlib.sha256(repr((index.tolist(), interfaces)).encode())
        for part in (*(a for g in self._groups for a in g.description()), self._axes):
            identity.update(part.tobytes())
        self._identity = identity.hexdigest()
        self._stress = np.zeros((self.points, 3, 3))
        self._tangent = np.zeros((self.points, 9, 9))
        self._open: np.ndarray | None = None

    @property
    def deformation(self) -> np.ndarray:
        """Accepted F of every point, (points, 3, 3), a copy. [-]"""
        local = self._collect([group.accepted.deformation for group in self._groups])
        return self._axes @ local @ self._axes.swapaxes(1, 2)

    @property
    def stress(self) -> np.ndarray:
        """Accepted P of every point, (points, 3, 3), a copy. [MPa]"""
        local = self._collect([group.accepted.piola for group in self._groups])
        return self._axes @ local @ self._axes.swapaxes(1, 2)

    def attempt(self, deformation: np.ndarray, dt: float, tangent: bool = True) -> BatchIncrement:
        """Advance every point from the accepted state to a wanted F; keep the accepted state.

        A point that does not converge is solved in up to 64 equal pieces of the increment; its
        tangent is then a central difference, and exact to some 1e-4.

        Args:
            deformation: Wanted F in global axes, (points, 3, 3); a C-contiguous float64 array is
                not copied. [-]
            dt: Length of the increment, the same for all points. [s]
            tangent: Whether to return the consistent tangent, a seventh to a third of the cost.
        Returns:
            Stress, tangent and the points that failed. Failure is data: the others are valid.
        Raises:
            ValueError: if the shape is wrong, or `dt` is not positive.
        """
        goal = wanted_deformation(deformation, self.points)
        require_number(dt, "dt")
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"Argument `dt` must be positive, but is {dt}.")
        pieces, status = np.zeros(self.points, np.int64), np.zeros(self.points, np.int64)
        increment = IncrementArrays(
            goal, float(dt), bool(tangent), self._stress, self._tangent, pieces, status
        )
        jobs = [
            job
            for group in self._groups
            for job in group.jobs(increment, self._axes, self._threads)
        ]
        if self._threads == 1:
            for job in jobs:
                job()
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                for done in [pool.submit(job) for job in jobs]:
                    done.result()
        failed = self._open = pieces == 0
        cube = self._tangent.reshape(self.points, 3, 3, 3, 3)
        return BatchIncrement(goal, self._stress, cube, failed, pieces, status)

    def accept(self) -> None:
        """Make the state of the last attempt the accepted one.

        Raises:
            RuntimeError: if there was no attempt since the last call, or a point failed in it.
        """
        if self._open is None or self._open.any():
            raise RuntimeError("An attempt in which no point failed must precede `accept`.")
        for group in self._groups:
            group.accept()
        self._open = None

    def step(self, deformation: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Advance to a prescribed F and accept the result; see `attempt`.

        Returns:
            P (points, 3, 3) and ∂P/∂F (points, 3, 3, 3, 3), valid until the next attempt. [MPa]
        Raises:
            ConvergenceError: if a point fails; the accepted state is as before.
        """
        increment = self.attempt(deformation, dt)
        reason = increment.reason()
        if reason is not None:
            raise ConvergenceError(reason, math.inf)
        self.accept()
        return increment.stress, increment.tangent

    def orientations(self, point: int) -> torch.Tensor:
        """Return the accepted orientations of a point's leaves in global axes, (leaves, 4). [-]"""
        require_type(point, Integral, "point")
        if not 0 <= point < self.points:
            raise ValueError(f"Argument `point` must be 0 to {self.points - 1}, but is {point}.")
        group = next(g for g in self._groups if point in g.members)
        elastic = group.elastic_deformation(int(np.flatnonzero(group.members == point)[0]))
        local = matrix_to_quaternion(rotational_part(torch.from_numpy(elastic)))
        frame = matrix_to_quaternion(torch.from_numpy(self._axes[point]))
        return quaternion_multiply(frame.expand_as(local), local)

    def save(self, path: str | Path) -> None:
        """Write the accepted state to an archive (.npz without pickles), atomically.

        Raises:
            OSError: if the disk is full or not writable.
        """
        require_path(path, "path")
        write_state(Path(path), [(g.before, g.accepted) for g in self._groups], self._identity)

    def restore(self, path: str | Path) -> None:
        """Replace the accepted state by one that `save` wrote, of the same networks and points.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or that of other networks, materials, axes or points.
        """
        require_path(path, "path")
        read_state(Path(path), [(g.before, g.accepted) for g in self._groups], self._identity)
        self._open = None

    def _collect(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        out = np.empty((self.points, *parts[0].shape[1:]))
        for group, part in zip(self._groups, parts, strict=True):
            out[group.members] = part
        return out
