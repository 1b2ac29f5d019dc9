"""The material network, a tree of laminates with crystals as leaves, and ensembles of networks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, overload

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.randomness import member_seeds
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.material import Material
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import respond
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.microstructure.phases import check_elastic_symmetry, per_phase
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.checks import check_leaves, check_normals
from polyxtal.network.limits import check_size
from polyxtal.network.offline import homogenize_tree, node_weights
from polyxtal.network.online import Laminates, Online
from polyxtal.network.online_compiled import TOLERANCE, CompiledOnline
from polyxtal.network.quantise import quantise
from polyxtal.network.topology import BinaryTree, spread_normals
from polyxtal.notebook import notebook_html


@dataclass(frozen=True, eq=False, repr=False)
class MaterialNetwork:
    """An orientation-aware deep material network: a binary tree of two-phase laminates.

    Attributes:
        tree: Topology.
        orientations: Orientation of every leaf, v_sample = R(q) v_crystal. [-]
        weights: Volume fraction of every leaf, positive; they sum to 1. [-]
        normals: Unit interface normal of every inner node. [-]
        phase: Phase of every leaf, an index into `phase_names`.
        phase_names: Name of each phase.
        lattices: Lattice of each phase, None where it is unknown; () if all are.

    Raises:
        ValueError: if shapes disagree, or a weight or a normal is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve = px.Polycrystal([[[0, 1]]], [[1, 0, 0, 0], [0.8, 0.6, 0, 0]])
        >>> net = px.MaterialNetwork.from_polycrystal(rve, leaves=4, seed=0)
        >>> net.leaves
        4
        >>> net.stiffness(px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)).shape
        torch.Size([6, 6])
    """

    tree: BinaryTree
    orientations: Float[Tensor, "leaves 4"]
    weights: Float[Tensor, "leaves"]
    normals: Float[Tensor, "inner 3"]
    phase: Int[Tensor, "leaves"]
    phase_names: tuple[str, ...] = ("crystal",)
    lattices: tuple[Lattice | None, ...] = ()

    _repr_html_ = notebook_html

    def __post_init__(self) -> None:
        """Validate shapes, weights and normals."""
        phases = len(self.phase_names)
        check_leaves(self.tree.leaves, self.orientations, self.weights, self.phase, phases)
        check_normals(self.tree.leaves, self.normals)

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return f"MaterialNetwork(leaves={self.leaves}, phases={self.phase_names})"

    @overload
    @classmethod
    def from_polycrystal(
        cls, rve: Polycrystal, leaves: int = 512, seed: int = 0, ensemble: Literal[1] = 1
    ) -> MaterialNetwork: ...

    @overload
    @classmethod
    def from_polycrystal(
        cls, rve: Polycrystal, leaves: int = 512, seed: int = 0, *, ensemble: int
    ) -> MaterialNetwork | NetworkEnsemble: ...

    @classmethod
    def from_polycrystal(
        cls, rve: Polycrystal, leaves: int = 512, seed: int = 0, ensemble: int = 1
    ) -> MaterialNetwork | NetworkEnsemble:
        """Build a network from the polycrystal's texture, without training.

        Leaves have the grains' orientations and volume fractions (`quantise`) in random order; the
        normals of each level are evenly distributed over the sphere, in random order.

        Args:
            rve: Polycrystal.
            leaves: Number of leaves; powers of two give perfect trees.
            seed: Random seed.
            ensemble: Number of independent networks whose results are averaged.
        Returns:
            A `MaterialNetwork`, or for `ensemble` > 1 a `NetworkEnsemble` with the same methods.
        Raises:
            ValueError: if `leaves`, `ensemble` or `seed` is out of bounds.
        """
        check_size(leaves, seed, ensemble)
        if ensemble > 1:
            seeds = member_seeds(seed, ensemble)
            return NetworkEnsemble(tuple(cls.from_polycrystal(rve, leaves, s) for s in seeds))
        generator = torch.Generator().manual_seed(int(seed))
        parts = quantise(rve, leaves, generator)
        order = torch.randperm(leaves, generator=generator)
        tree = BinaryTree.balanced(leaves)
        return cls(
            tree,
            parts.orientations[order],
            parts.weights[order],
            spread_normals(tree, generator),
            parts.phase[order],
            rve.phase_names,
            rve.lattices,
        )

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return self.tree.leaves

    def laminates(self) -> Laminates:
        """Return the geometry for the solvers under load."""
        nodes = node_weights(self.tree, self.weights)
        left, right = nodes[self.tree.left], nodes[self.tree.right]
        return Laminates(self.tree, self.normals, left / (left + right))

    def stiffness(self, elasticity: Elasticity | Mapping[str, Elasticity]) -> Float[Tensor, "6 6"]:
        """Return the effective elastic stiffness, exact for this tree.

        Args:
            elasticity: Elastic constants of all leaves, or of each phase by name.
        Returns:
            Mandel stiffness. [MPa]
        """
        leaf = self.leaf_stiffness(elasticity)
        return homogenize_tree(self.tree, leaf, self.weights, self.normals)

    def leaf_stiffness(
        self, elasticity: Elasticity | Mapping[str, Elasticity]
    ) -> Float[Tensor, "leaves 6 6"]:
        """Return the Mandel stiffness of every leaf in the sample frame. [MPa]"""
        crystals = per_phase(elasticity, Elasticity, self.phase, self.phase_names, "elasticity")
        if self.lattices:
            check_elastic_symmetry(self.lattices, crystals, self.phase_names)
        leaf = self.orientations.new_zeros(self.leaves, 6, 6)
        for index, crystal in crystals.items():
            members = (self.phase == index).nonzero().flatten()
            leaf = leaf.index_copy(0, members, crystal.stiffness(self.orientations[members]))
        return leaf

    def respond(
        self,
        material: Material | Mapping[str, Material],
        path: LoadPath,
        engine: Literal["compiled", "torch"] = "compiled",
        tolerance: float = TOLERANCE,
        on_increment: Callable[[float], None] | None = None,
    ) -> Response:
        """Return the response to a load path.

        Args:
            material: One material for all leaves, or one for each phase name.
            path: Load path.
            engine: "compiled" (CPU kernel) or "torch" (readable, slow) form of the same equations,
                as `compiled=True` and False of full-field solvers.
            tolerance: Largest traction jump relative to the largest stress in the leaves. [-]
            on_increment: Called with the time [s] after every increment, for progress.
        Returns:
            Response with the orientation of every leaf at every increment.
        Raises:
            ConvergenceError: if an increment does not converge in its smallest pieces.
            ValueError: if a phase has no material.
        """
        stepper = self.online(material, engine, tolerance)
        worst = 0.0

        def watch(now: float) -> None:
            nonlocal worst
            worst = max(worst, stepper.hill_mandel_residual())
            if on_increment is not None:
                on_increment(now)

        response = respond(path, stepper, self.weights, watch)
        response.statistics["hill_mandel"] = worst
        return response

    def online(
        self,
        material: Material | Mapping[str, Material],
        engine: Literal["compiled", "torch"] = "compiled",
        tolerance: float = TOLERANCE,
    ) -> CompiledOnline | Online:
        """Return a stepper of the undeformed network, to be advanced step by step.

        A finite-element code keeps one per integration point: `attempt` a step, get its `tangent`
        (compiled engine only), `accept` it, get the `averages`.
        """
        if engine not in ("compiled", "torch"):
            raise ValueError(f"Argument `engine` must be 'compiled' or 'torch', but is {engine!r}.")
        if not (math.isfinite(tolerance) and tolerance > 0):
            raise ValueError(f"Argument `tolerance` must be positive, but is {tolerance}.")
        law = self.law(material)
        solver = CompiledOnline if engine == "compiled" else Online
        return solver(self.laminates(), law, law.initial_state(self.orientations), tolerance)

    def law(self, material: Material | Mapping[str, Material]) -> CrystalPlasticity:
        """Return the constitutive law of the leaves."""
        phased = PhasedMaterials.of(material, self.phase, self.phase_names, self.lattices)
        return CrystalPlasticity(phased.materials, phased.place)


@dataclass(frozen=True, eq=False, repr=False)
class NetworkEnsemble:
    """Several networks of one polycrystal, averaged with equal weight: random errors cancel.

    Attributes:
        members: The networks.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=4, grains=4, seed=0)
        >>> ensemble = px.MaterialNetwork.from_polycrystal(rve, leaves=8, ensemble=3)
        >>> len(ensemble.members), ensemble.leaves
        (3, 24)
    """

    members: tuple[MaterialNetwork, ...]

    _repr_html_ = notebook_html

    def __post_init__(self) -> None:
        """Validate that there is a member."""
        if not self.members:
            raise ValueError("An ensemble must have at least one network, but has none.")

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return f"NetworkEnsemble(members={len(self.members)}, leaves={self.leaves})"

    @property
    def leaves(self) -> int:
        """Number of leaves of all members together."""
        return sum(member.leaves for member in self.members)

    def stiffness(self, elasticity: Elasticity | Mapping[str, Elasticity]) -> Float[Tensor, "6 6"]:
        """Return the mean Mandel stiffness of the members. [MPa]"""
        return torch.stack([member.stiffness(elasticity) for member in self.members]).mean(0)

    def respond(
        self,
        material: Material | Mapping[str, Material],
        path: LoadPath,
        engine: Literal["compiled", "torch"] = "compiled",
        tolerance: float = TOLERANCE,
        on_increment: Callable[[float], None] | None = None,
    ) -> Response:
        """Return the mean response of the members, of F and of P; see `MaterialNetwork.respond`.

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
