"""Forward sensitivities of a network's response by parameters of its materials.

In every step, with the derivatives of the leaves' states from the step before, first the stress of
the leaves at fixed F is differentiated (`parameter_kernel.py`),

    dP_l/dp = A_l : dF_l/dp + P*_l,

then the tree, whose interfaces and boundary conditions stay satisfied: the linear system is that
of Newton's method in `online.py`, with P* in place of the unbalanced stress; at last the leaves'
states along the deformations that follow. The derivatives are those of the discrete increments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyxtal.crystal.kernel.records import EXACT
from polyxtal.crystal.material import Material
from polyxtal.crystal.update.compiled import law_groups
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import DYADS, MixedControl
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.network.condense_kernel import condense_stresses, condense_tangents
from polyxtal.network.online_compiled import TOLERANCE, CompiledOnline
from polyxtal.network.online_kernel import root_step, substitute_down
from polyxtal.network.parameter_kernel import linearise_all, vary_leaves
from polyxtal.network.tree import MaterialNetwork

Array = NDArray[np.float64]
Materials = Material | Mapping[str, Material]


class Variation(NamedTuple):
    """A parameter p: the materials at p - h and p + h.

    Attributes:
        minus, plus: One material for all leaves, or one for each phase name.
        step: h, about 1e-5 of the range over which the response changes by its own size.
    """

    minus: Materials
    plus: Materials
    step: float


class Sensitivity(NamedTuple):
    """A response with its derivatives; row 0 is the undeformed state.

    Attributes:
        F: Volume-average deformation gradient, (rows, 3, 3). [-]
        P: Volume-average first Piola-Kirchhoff stress, (rows, 3, 3). [MPa]
        by_F: dF/dp, (parameters, rows, 3, 3), in units of 1/p.
        by_P: dP/dp, (parameters, rows, 3, 3), in MPa over the unit of p.
    """

    F: Array
    P: Array
    by_F: Array
    by_P: Array


def respond_with_sensitivity(
    network: MaterialNetwork,
    material: Materials,
    variations: Sequence[Variation],
    path: LoadPath,
    tolerance: float = TOLERANCE,
) -> Sensitivity:
    """Return the response of a network to a load path and its derivatives by parameters.

    Args:
        network: The network.
        material: Materials at p, as in `MaterialNetwork.respond`.
        variations: Parameters.
        path: Load path.
        tolerance: See `MaterialNetwork.respond`.
    Raises:
        ConvergenceError: if an increment does not converge in its smallest pieces.
        ValueError: if a phase has no material, or one varies in its law or its number of systems.
    """
    stepper = SensitiveOnline(network, material, variations, tolerance)
    rows = [(*stepper.averages(), *stepper.average_derivatives())]

    def record(_: float) -> None:
        rows.append((*stepper.averages(), *stepper.average_derivatives()))

    follow(path, stepper, record)
    F, P, by_F, by_P = (np.stack(column) for column in zip(*rows, strict=True))
    return Sensitivity(F, P, by_F.swapaxes(0, 1), by_P.swapaxes(0, 1))


class SensitiveOnline(CompiledOnline):
    """A network under load whose accepted steps carry the derivatives by parameters along."""

    def __init__(
        self,
        network: MaterialNetwork,
        material: Materials,
        variations: Sequence[Variation],
        tolerance: float = TOLERANCE,
    ) -> None:
        """Allocate the undeformed network and the derivatives of its state."""
        law = _law(network, material)
        super().__init__(
            network.laminates(), law, law.initial_state(network.orientations), tolerance
        )
        leaves, width, count = network.leaves, law.width, len(variations)
        self._steps = [one.step for one in variations]
        self._sides = []
        self._by_plastic = np.zeros((count, leaves, 3, 3))
        self._by_internal = np.zeros((count, leaves, width))
        for k, one in enumerate(variations):
            sides, starts = [], []
            for given in (one.minus, one.plus):
                other = _law(network, given)
                groups = law_groups(other.materials, other.laws, other.index(leaves).numpy())
                sides.append([group.constants for group in groups])
                starts.append(other.initial_state(network.orientations).internal.numpy())
            kinds = [[constants.dtype for constants in side] for side in sides]
            own = law_groups(law.materials, law.laws, law.index(leaves).numpy())
            if kinds != [[group.constants.dtype for group in own]] * 2:
                raise ValueError(
                    "A parameter must leave the law and its systems as they are, but changes them."
                )
            self._sides.append(sides)
            self._by_internal[k] = (starts[1] - starts[0]) / (2.0 * one.step)
        nodes = 2 * leaves - 1
        self._by_state = self._state._replace(
            piola=np.zeros((nodes, 3, 3)), deformation=np.zeros((nodes, 3, 3))
        )
        self._still = np.zeros((nodes, 3, 3))
        self._by_F, self._by_P = np.zeros((count, 3, 3)), np.zeros((count, 3, 3))
        self._control: MixedControl | None = None

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Try to reach the goal from the accepted state."""
        self._control = control
        return super().attempt(dt, control, new_direction)

    def average_derivatives(self) -> tuple[Array, Array]:
        """Return the accepted dF/dp and dP/dp of the averages, (parameters, 3, 3) each."""
        return self._by_F.copy(), self._by_P.copy()

    def accept(self) -> None:
        """Make the state of the last attempt the accepted one, and so its derivatives."""
        self._differentiate()
        super().accept()

    def _differentiate(self) -> None:
        state, scratch, tree = self._state, self._scratch, self._tree
        dt, control = self._attempted[0], self._control
        assert control is not None
        rows = np.ascontiguousarray(state.deformation[: len(self._weights)].reshape(-1, 9).T)
        linearise_all(
            self._groups, rows, state.plastic_start, state.internal_start, float(dt), state.stress,
            state.internal, EXACT, scratch.tangent, scratch.stress_gradient,
        )  # fmt: skip
        condense_tangents(tree, scratch)
        held, basis = control.stress_controlled.numpy(), control.basis
        matrix, right = np.empty((9, 9)), np.empty(9)
        for k, step in enumerate(self._steps):
            self._vary(k, step, float(dt), self._still)  # P*, at fixed F
            condense_stresses(tree, self._by_state, scratch)
            if not root_step(
                tree, self._by_state, scratch, np.zeros(9), held,
                DYADS if basis is None else basis.numpy(), matrix, right,
            ):  # fmt: skip
                raise ArithmeticError("The tangent of a converged step must be regular.")
            substitute_down(tree, scratch)
            plastic, internal = self._vary(k, step, float(dt), scratch.change)
            condense_stresses(tree, self._by_state, scratch)
            self._by_plastic[k], self._by_internal[k] = plastic, internal
            self._by_F[k] = scratch.change[self._root]
            self._by_P[k] = self._by_state.piola[self._root]

    def _vary(self, k: int, step: float, dt: float, change: Array) -> tuple[Array, Array]:
        """Fill dP/dp of the leaves along dF/dp; return dF_p⁻¹/dp and dz/dp."""
        state = self._state
        plastic, internal = np.zeros_like(self._by_plastic[k]), np.zeros_like(self._by_internal[k])
        for number, (laws, phase, members, _, ws, _) in enumerate(self._groups):
            vary_leaves(
                laws, self._sides[k][0][number], self._sides[k][1][number], step, phase, members,
                ws, dt, state.deformation, change, state.plastic_start, self._by_plastic[k],
                state.internal_start, self._by_internal[k], state.stress, state.internal,
                self._by_state.piola, plastic, internal,
            )  # fmt: skip
        return plastic, internal


def _law(network: MaterialNetwork, material: Materials) -> CrystalPlasticity:
    phased = PhasedMaterials.of(material, network.phase, network.phase_names, network.lattices)
    return CrystalPlasticity(phased.materials, phased.place)
