"""Predicted networks: small networks fitted to the expected response of a polycrystal.

A reference network of many leaves tells the response of the texture and the grain shape along the
paths of `heads.curves`; the curve head corrects it for the arrangement of the grains. A few
Gauss-Newton steps then turn the normals of the small network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_average
from polyxtal.microstructure.phases import per_phase
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.curves.file import read_curve_numbers
from polyxtal.model.heads.curves.head import (
    COMPARISON,
    LOADED,
    TOLERANCE,
    CurveHead,
    missed_stiffness,
    plain_curve_head,
    softened,
)
from polyxtal.network.fit import CurveTarget, NetworkFit, StiffnessTarget, fit_network
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.limits import check_size
from polyxtal.network.reference import reference_ensemble
from polyxtal.network.tree import MaterialNetwork

ZENER = (0.15, 0.4, 2.5, 7.0)
"""Zener ratios of the crystals whose effective stiffness a network is fitted to."""
STIFFNESS_WEIGHT, MANY_LEAVES = 0.3, 128
"""Weight of stiffness relative to curves for networks of at least so many leaves; smaller ones
cannot match both, so the weight is proportional to the cube of the number of leaves. [-]"""
ELASTIC_ITERATIONS = 60
"""Least number of iterations of a fit to stiffness alone, which costs milliseconds."""
MISFIT = 0.02
"""Error of a fit above which the network is not to be relied on. [-]"""
SHIPPED = Path(__file__).parent / "weights" / "polyxtal-small"
"""Folder of the model whose curve head `predict_network` corrects cubic polycrystals with."""

Materials = Material | Mapping[str, Material]
Stiffness = Callable[[Elasticity | Mapping[str, Elasticity]], Float[Tensor, "6 6"]]


def predict_network(
    rve: Polycrystal,
    material: Materials,
    leaves: int = 32,
    seed: int = 0,
    effort: FitEffort = EFFORT,
    progress: Progress = no_progress,
) -> MaterialNetwork:
    """Predict a small network that reproduces the expected response of a polycrystal.

    Its leaves are those of `MaterialNetwork.from_polycrystal`. Its normals are fitted to the
    curves of a large reference network and to the self-consistent stiffness with arrangement, in
    about a second for 32 leaves of AA6022-T4; the first call for a kind of law compiles. Grains of
    one cubic phase have their curves corrected for the arrangement, by coefficients fitted to full
    fields of AA6022-T4; others have them as they are. No neural network takes part.

    Args:
        rve: Polycrystal of any grid, crystals and phases.
        material: One material for all grains, or one for each phase by name.
        leaves: Number of leaves (default: 32).
        seed: Random seed.
        effort: Effort spent on the fit.
        progress: Called after every step of the fit.
    Returns:
        A network; it may be used with other materials.
    Raises:
        ConvergenceError: if a network does not converge.
        ValueError: if a phase has no material, an argument is of the wrong type, or `leaves` or
            `seed` is out of bounds.
    Warns:
        UserWarning: if the network misses its targets by more than 2 % on average.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=0)
        >>> ferrite = px.load_material("ferrite")
        >>> effort = px.FitEffort(iterations=2, reference_leaves=16)
        >>> px.predict_network(rve, ferrite, leaves=8, effort=effort)
        MaterialNetwork(leaves=8, phases=('crystal',))
    """
    require_type(rve, Polycrystal, "rve")
    require_type(material, (Material, Mapping), "material")
    require_type(effort, FitEffort, "effort")
    check_size(leaves, seed)
    stiffness = partial(self_consistent_average, rve, arrangement=True)
    head = shipped_curve_head() if is_cubic(rve, material) else None
    fit = infer_fit(rve, leaves, material, head, stiffness, seed, effort, progress)
    return fitted_network(fit)


def shipped_curve_head() -> CurveHead:
    """Return the curve head of the shipped model, without loading the model."""
    head = read_curve_numbers(SHIPPED)
    assert head is not None
    return head


def is_cubic(rve: Polycrystal, material: Materials) -> bool:
    """Return whether all grains are cubic crystals of one phase."""
    crystals = per_phase(material, Material, rve.phase, rve.phase_names, "material")
    elastic = [one.elasticity for one in crystals.values()]
    return len(elastic) == 1 and isinstance(elastic[0], CubicElasticity)


def elastic_crystals() -> list[CubicElasticity]:
    """Return crystals of Zener ratios `ZENER`, of bulk modulus 150 GPa and Voigt shear 75 GPa."""
    bulk, shear = 150e3, 75e3
    tetragonal = [5 * shear / (2 + 3 * zener) for zener in ZENER]
    return [
        CubicElasticity(bulk + 4 / 3 * t, bulk - 2 / 3 * t, zener * t)
        for zener, t in zip(ZENER, tetragonal, strict=True)
    ]


def fitted_network(fit: NetworkFit) -> MaterialNetwork:
    """Return a fitted network; warn if it is not to be relied on."""
    if fit.error > MISFIT:
        warnings.warn(
            f"A predicted network must match its targets, but misses them by {fit.error:.1%} on "
            "average; take more leaves, or full fields on coarse grids (`polyxtal.predict`).",
            UserWarning,
            stacklevel=3,
        )
    return fit.network


def infer_fit(
    rve: Polycrystal,
    leaves: int,
    material: Materials,
    head: CurveHead | None,
    stiffness: Stiffness,
    seed: int = 0,
    effort: FitEffort = EFFORT,
    progress: Progress = no_progress,
) -> NetworkFit:
    """Fit the normals of an untrained network to expected curves and stiffnesses.

    Args:
        rve: Polycrystal.
        leaves: Number of leaves.
        material: Material of the curves, or one for each phase; of elastic ones, only the
            stiffness.
        head: Correction of the curves of cubic crystals; None for crystals of other kinds.
        stiffness: Function that predicts the polycrystal's stiffness for a crystal.
        seed: Random seed.
        effort: Effort spent on the fit.
        progress: Called after every step of the fit.
    Returns:
        The fit; its error is zero for one leaf, which has no normals, and for elastic crystals,
        whose stiffness is told beside the network's.
    Raises:
        ConvergenceError: if a network does not converge.
    """
    total = effort.iterations + 1
    progress("expected curves", 0, total)
    start = MaterialNetwork.from_polycrystal(rve, leaves, seed)
    if leaves == 1:
        return NetworkFit(start, (0.0,))
    phases = per_phase(material, Material, rve.phase, rve.phase_names, "material")
    soft = {rve.phase_names[k]: softened(one) for k, one in phases.items()}
    plastic = any(one.plasticity is not None for one in soft.values())
    curves = _expected_curves(rve, leaves, soft, head, stiffness, seed, effort) if plastic else []
    own = {name: one.elasticity for name, one in soft.items()}
    alone = [next(iter(own.values())) if len(own) == 1 else own]
    crystals = elastic_crystals() if plastic and head is not None else alone
    goals = [StiffnessTarget(crystal, stiffness(crystal)) for crystal in crystals]
    weight = STIFFNESS_WEIGHT * min(1.0, (leaves / MANY_LEAVES) ** 3)

    def step(done: int, _: float) -> None:
        progress("fit", min(done, effort.iterations) + 1, total)

    iterations = effort.iterations if curves else max(effort.iterations, ELASTIC_ITERATIONS)
    fit = fit_network(start, soft, curves, goals, iterations, weight, step, tolerance=TOLERANCE)
    return fit if curves else NetworkFit(fit.network, (0.0,))


def _expected_curves(
    rve: Polycrystal,
    leaves: int,
    material: Mapping[str, Material],
    head: CurveHead | None,
    stiffness: Stiffness,
    seed: int,
    effort: FitEffort,
) -> list[CurveTarget]:
    many = max(effort.reference_leaves, 2 * leaves)
    typical = reference_ensemble(rve, many, effort.reference_members, seed)
    if head is None:
        nothing = torch.zeros(len(LOADED), dtype=torch.float64)
        return plain_curve_head().expected(typical, material, nothing)
    missed = missed_stiffness(typical.stiffness(COMPARISON), stiffness(COMPARISON))
    return head.expected(typical, material, missed)
