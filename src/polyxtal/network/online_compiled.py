"""The material network under load by the compiled kernel: the fast form of `online.py`."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.kernel.records import EXACT, INACTIVE
from polyxtal.crystal.kernel.rotation import normalise
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.compiled import law_groups
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import DYADS, STRESS_FLOOR, MixedControl
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.network.condense_kernel import (
    TreeArrays,
    TreeState,
    place_deformation,
    tree_workspace,
)
from polyxtal.network.online import Laminates
from polyxtal.network.online_kernel import CONVERGED, LOCAL_FAILURE, advance

TOLERANCE = 1e-8
"""Largest traction jump and stress error, relative to the largest stress in the leaves. [-]"""
MAX_ITERATIONS = 25

_EXTRAPOLATED = ("interaction", "internal", "stress")


class CompiledOnline:
    """A network under load (a `Stepper`), compiled for CPU.

    Each step starts from the extrapolation of the last two; after a change of direction, from the
    accepted state and elastic tangents.
    """

    def __init__(
        self,
        laminates: Laminates,
        law: CrystalPlasticity,
        start: CrystalState,
        tolerance: float = TOLERANCE,
    ) -> None:
        """Allocate the arrays of the undeformed network."""
        leaves = laminates.tree.leaves
        self.tolerance = tolerance
        self._tree = TreeArrays(
            laminates.tree.left,
            laminates.tree.right,
            np.ascontiguousarray(laminates.normals.detach().numpy()),
            np.ascontiguousarray(laminates.fractions.detach().numpy()),
            np.zeros(leaves, dtype=np.int8),
        )
        groups = law_groups(law.materials, law.laws, law.index(leaves).numpy())
        self._groups = tuple((*g.points(), *g.scratch()) for g in groups)
        self._positive = law.positive(leaves).numpy()
        inverse = start.plastic_inverse.numpy().copy()
        internal = start.internal.numpy().copy()
        self._state = TreeState(
            plastic_start=inverse,
            internal_start=internal,
            plastic_inverse=inverse.copy(),
            internal=internal.copy(),
            stress=start.stress.numpy().copy(),
            interaction=np.zeros((leaves - 1, 3)),
            deformation=np.tile(np.eye(3), (2 * leaves - 1, 1, 1)),
            piola=np.zeros((2 * leaves - 1, 3, 3)),
        )
        self._accepted = TreeState(*(a.copy() for a in self._state))
        self._undeformed = TreeState(*(a.copy() for a in self._state))
        self._scratch = tree_workspace(leaves)
        self._root = laminates.tree.root
        self._weights = laminates.leaf_fractions().detach().numpy()
        self._rates: dict[str, np.ndarray] = {}
        self._previous: dict[str, np.ndarray] = {}
        self._lengths = (0.0, 0.0)
        self._attempted = (0.0, True)
        self._open = False

    def restart(self, normals: np.ndarray) -> None:
        """Return to the undeformed state, with other interface normals (inner, 3)."""
        for accepted, start in zip(self._accepted, self._undeformed, strict=True):
            accepted[...] = start
        self._tree = self._tree._replace(normal=np.array(normals, dtype=np.float64))
        self._rates, self._previous = {}, {}
        self._lengths, self._attempted, self._open = (0.0, 0.0), (0.0, True), False

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted volume averages F [-] and P [MPa], (3, 3) each."""
        return (
            self._accepted.deformation[self._root].copy(),
            self._accepted.piola[self._root].copy(),
        )

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal from the accepted state."""
        for current, accepted in zip(self._state, self._accepted, strict=True):
            current[...] = accepted
        new_direction = new_direction or not self._rates
        if not new_direction:
            self._extrapolate(dt, control)
        place_deformation(self._tree, self._state.interaction, self._state.deformation)
        self._attempted = (dt, new_direction)
        status, iterations, residual = self._advance(dt, control, new_direction)
        self._open = status == CONVERGED
        return StepResult(self._open, iterations, residual, status == LOCAL_FAILURE)

    def _advance(
        self,
        dt: float,
        control: MixedControl,
        elastic_start: bool,
        iterations: int = MAX_ITERATIONS,
        inactive: float = INACTIVE,
    ) -> tuple[int, int, float]:
        return advance(
            self._tree,
            self._groups,
            self._state,
            float(dt),
            control.target.numpy(),
            control.stress_controlled.numpy(),
            DYADS if control.basis is None else control.basis.numpy(),
            bool(elastic_start),
            self.tolerance,
            STRESS_FLOOR,
            iterations,
            inactive,
            self._scratch,
        )

    def _extrapolate(self, dt: float, control: MixedControl) -> None:
        last, before = self._lengths
        bend = (dt + last) / (last + before) if self._previous else 0.0
        change = {
            name: dt * (rate + bend * (rate - self._previous.get(name, rate)))
            for name, rate in self._rates.items()
        }
        for name in _EXTRAPOLATED:
            getattr(self._state, name)[...] += change[name]
        # A wild guess must not make a slip resistance negative.
        internal, start = self._state.internal, self._state.internal_start
        np.maximum(internal, 0.5 * start, out=internal, where=self._positive)
        root = self._state.deformation[self._root]
        root[...] = control.placed(torch.from_numpy(root + change["deformation"])).numpy()

    def accept(self) -> None:
        """Make the state reached by the last attempt the accepted one."""
        dt, new_direction = self._attempted
        self._open = False
        state, accepted = self._state, self._accepted
        normalise(state.plastic_inverse, 0, len(state.plastic_inverse))
        state.plastic_start[...] = state.plastic_inverse
        state.internal_start[...] = state.internal
        self._previous = {} if new_direction else self._rates
        self._lengths = (dt, self._lengths[0])
        self._rates = {
            name: (getattr(state, name) - getattr(accepted, name)) / dt for name in _EXTRAPOLATED
        }
        self._rates["deformation"] = (
            state.deformation[self._root] - accepted.deformation[self._root]
        ) / dt
        for current, kept in zip(state, accepted, strict=True):
            kept[...] = current

    def tangent(self) -> np.ndarray:
        """Return the consistent tangent ∂P̄/∂F̄ of the last attempted step, (3, 3, 3, 3). [MPa]

        It is the derivative at prescribed F, whatever was prescribed; call it before `accept`.

        Raises:
            RuntimeError: if there is no attempted step, or it was accepted already.
        """
        dt, _ = self._attempted
        if not self._open:
            raise RuntimeError("A tangent must be asked for between `attempt` and `accept`.")
        held = np.zeros((3, 3), dtype=bool)
        control = MixedControl.of(self._state.deformation[self._root].copy(), held)
        # One iteration at the solution with all slip systems; its Newton step is negligible.
        self._advance(dt, control, False, iterations=1, inactive=EXACT)
        return self._scratch.tangent[self._root].reshape(3, 3, 3, 3).copy()

    def interfaces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the accepted a (inner, 3) [-] and every node's P (nodes, 3, 3) [MPa]."""
        return self._accepted.interaction.copy(), self._accepted.piola.copy()

    def crystal_state(self) -> CrystalState:
        """Return the accepted state of the leaves."""
        a = self._accepted
        return CrystalState(
            *(torch.from_numpy(x.copy()) for x in (a.plastic_start, a.internal_start, a.stress))
        )

    def elastic_deformation(self) -> Float[Tensor, "leaves 3 3"]:
        """Return the accepted F_e of every leaf. [-]"""
        leaves = len(self._weights)
        elastic = self._accepted.deformation[:leaves] @ self._accepted.plastic_start
        return torch.from_numpy(elastic)

    def hill_mandel_residual(self) -> float:
        """Return |Σ w P : F - P̄ : F̄| of the accepted state, relative to the largest stress. [-]"""
        a = self._accepted
        piola, deformation = (x[: len(self._weights)] for x in (a.piola, a.deformation))
        work = np.einsum("l,lij,lij->", self._weights, piola, deformation)
        macroscopic = np.einsum("ij,ij->", a.piola[self._root], a.deformation[self._root])
        scale = max(float(np.abs(a.piola[self._root]).max()), STRESS_FLOOR)
        return float(abs(work - macroscopic)) / scale
