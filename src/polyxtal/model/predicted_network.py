"""Predicted networks: small networks fitted to expected curves and stiffnesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import member_seeds
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.material import Material
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.curves.head import COMPARISON, CurveHead, cyclic_paths, missed_stiffness
from polyxtal.network.fit import CurveTarget, StiffnessTarget, fit_network
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.reference import reference_ensemble
from polyxtal.network.tree import MaterialNetwork

ZENER = (0.15, 0.4, 2.5, 7.0)
"""Zener ratios of the crystals whose effective stiffness a network is fitted to."""
STIFFNESS_WEIGHT, MANY_LEAVES = 0.3, 128
"""Weight of stiffness relative to curves for networks of at least so many leaves; smaller ones
cannot match both, so the weight is proportional to the cube of the number of leaves. [-]"""


def elastic_crystals() -> list[CubicElasticity]:
    """Return crystals of Zener ratios `ZENER`, of bulk modulus 150 GPa and Voigt shear 75 GPa."""
    bulk, shear = 150e3, 75e3
    tetragonal = [5 * shear / (2 + 3 * zener) for zener in ZENER]
    return [
        CubicElasticity(bulk + 4 / 3 * t, bulk - 2 / 3 * t, zener * t)
        for zener, t in zip(ZENER, tetragonal, strict=True)
    ]


def infer_network(
    rve: Polycrystal,
    leaves: int,
    material: Material,
    head: CurveHead,
    stiffness: Callable[[Elasticity], Float[Tensor, "6 6"]],
    seed: int = 0,
    effort: FitEffort = EFFORT,
    progress: Progress = no_progress,
) -> MaterialNetwork:
    """Fit the normals of untrained networks to expected curves and stiffnesses.

    With few leaves, several networks are fitted and the one that is closest in load cycles is
    returned.

    Args:
        rve: Polycrystal of one material.
        leaves: Number of leaves.
        material: Material of the curves; of an elastic one, only the stiffness.
        head: Correction of the curves of reference networks.
        stiffness: Function that predicts the polycrystal's stiffness for a crystal.
        seed: Random seed.
        effort: Effort spent on the fits.
        progress: Called after every step of a fit.
    Raises:
        ConvergenceError: if a network does not converge.
    """
    iterations, fits = effort.iterations, effort.fits_of(leaves, material)
    total = fits * iterations + 1
    progress("expected curves", 0, total)
    crystals: list[Elasticity] = [*elastic_crystals()]
    curves: list[CurveTarget] = []
    cycles: list[CurveTarget] = []
    if material.plasticity is None:
        crystals.append(material.elasticity)
    else:
        typical = reference_ensemble(rve, effort.reference_leaves, effort.reference_members, seed)
        missed = missed_stiffness(typical.stiffness(COMPARISON), stiffness(COMPARISON))
        curves = head.expected(typical, material, missed)
        if fits > 1:
            cycles = head.expected(typical, material, missed, cyclic_paths())
    goals = [StiffnessTarget(crystal, stiffness(crystal)) for crystal in crystals]
    weight = STIFFNESS_WEIGHT * min(1.0, (leaves / MANY_LEAVES) ** 3)

    starts = by_error(
        untrained_starts(rve, leaves, seed, effort.starts), material, curves, goals, weight
    )
    fitted: list[MaterialNetwork] = []
    for start in starts[:fits]:
        before = len(fitted) * iterations

        def step(done: int, _: float, before: int = before) -> None:
            progress("fit", before + done + 1, total)

        fit = fit_network(start, material, curves, goals, iterations, weight, step)
        fitted.append(fit.network)
    return best_start(fitted, material, cycles) if cycles else fitted[0]


def by_error(
    starts: Sequence[MaterialNetwork],
    material: Material,
    curves: Sequence[CurveTarget],
    goals: Sequence[StiffnessTarget] = (),
    weight: float = 1.0,
) -> list[MaterialNetwork]:
    """Return networks by increasing error of their targets, as they are.

    Networks that do not converge along the curves are left out.

    Raises:
        ConvergenceError: if none converges.
    """
    errors: list[tuple[float, int]] = []
    failed: ConvergenceError | None = None
    for place, start in enumerate(starts):
        try:
            error = fit_network(start, material, curves, goals, 0, weight).error
        except ConvergenceError as caught:
            failed = caught
        else:
            errors.append((error, place))
    if failed is not None and not errors:
        raise failed
    return [starts[place] for _, place in sorted(errors)]


def best_start(
    starts: Sequence[MaterialNetwork],
    material: Material,
    curves: Sequence[CurveTarget],
    goals: Sequence[StiffnessTarget] = (),
    weight: float = 1.0,
) -> MaterialNetwork:
    """Return the network closest to its targets, as it is; raises as `by_error`."""
    return by_error(starts, material, curves, goals, weight)[0]


def untrained_starts(
    rve: Polycrystal, leaves: int, seed: int, count: int = EFFORT.starts
) -> list[MaterialNetwork]:
    """Draw the networks that fits may start from.

    The first eight have the seeds of the reference networks. With 128 leaves they are these
    networks except for their normals, and so closer to the mean of them than other starts, by about
    √(7/9). That they are preferred does no harm: the expected curves do not depend on the starts,
    and no full field is involved. With another number of leaves, the same seeds draw others.
    """
    seeds = member_seeds(seed, count)
    return [MaterialNetwork.from_polycrystal(rve, leaves, one) for one in seeds]
