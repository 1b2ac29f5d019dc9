"""From a polycrystal to a small network that does what is expected of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.heads.curves import COMPARISON, CurveHead, missed_stiffness
from polyxtal.network.fit import CurveTarget, StiffnessTarget, fit_network
from polyxtal.network.tree import MaterialNetwork
from polyxtal.network.typical import typical_networks

ZENER = (0.15, 0.4, 2.5, 7.0)
"""Zener ratios of the crystals whose polycrystal's stiffness a network is to have."""
ITERATIONS, STARTS = 16, 12
"""Steps of the fit, and untrained networks of which the best one is fitted."""
STIFFNESS_WEIGHT, MANY_LEAVES = 0.3, 128
"""What stiffness weighs beside curves in a network of so many leaves; smaller ones can not have
both, so there it weighs less, in proportion to the cube of the leaves. [-]"""


def elastic_crystals() -> list[CubicElasticity]:
    """List crystals of the Zener ratios `ZENER`; bulk modulus 150 GPa, Voigt's shear half that."""
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
    stiffness: Callable[[CubicElasticity], Float[Tensor, "6 6"]],
    seed: int = 0,
    iterations: int | None = None,
    on_stage: Callable[[str, int, int], None] | None = None,
) -> MaterialNetwork:
    """Expect curves and stiffness, then turn the normals of an untrained network to follow them.

    Args:
        rve: Polycrystal of one material.
        leaves: Leaves of the network.
        material: Whose curves are followed; an elastic one has none, and its stiffness is followed.
        head: What full fields differ by from typical networks.
        stiffness: Tells the polycrystal's expected stiffness for a crystal.
        seed: Same seed, same network.
        iterations: Steps of the fit, `ITERATIONS` if None.
        on_stage: Called with what is done, how many steps of it, and of how many.
    Raises:
        ConvergenceError: if a network does not converge.
    """
    tell = on_stage or (lambda what, done, total: None)
    iterations = ITERATIONS if iterations is None else iterations
    tell("expected curves", 0, iterations + 1)
    crystals = elastic_crystals()
    curves: list[CurveTarget] = []
    if material.plasticity is None:
        crystals.append(material.elasticity)
    else:
        typical = typical_networks(rve, seed=seed)
        missed = missed_stiffness(typical.stiffness(COMPARISON), stiffness(COMPARISON))
        curves = head.expected(typical, material, missed)
    goals = [StiffnessTarget(crystal, stiffness(crystal)) for crystal in crystals]
    weight = STIFFNESS_WEIGHT * min(1.0, (leaves / MANY_LEAVES) ** 3)

    starts = untrained_starts(rve, leaves, seed)
    start = best_start(starts, material, curves, goals, weight)

    def step(done: int, _: float) -> None:
        tell("fit", done + 1, iterations + 1)

    return fit_network(start, material, curves, goals, iterations, weight, step).network


def best_start(
    starts: Sequence[MaterialNetwork],
    material: Material,
    curves: Sequence[CurveTarget],
    goals: Sequence[StiffnessTarget] = (),
    weight: float = 1.0,
) -> MaterialNetwork:
    """Pick the network that is closest to its targets as it is.

    Raises:
        ConvergenceError: if none can follow the curves.
    """
    errors = []
    failed: ConvergenceError | None = None
    for start in starts:
        try:
            errors.append(fit_network(start, material, curves, goals, 0, weight).error)
        except ConvergenceError as error:
            failed = error
            errors.append(math.inf)
    if failed is not None and not math.isfinite(min(errors)):
        raise failed
    return starts[errors.index(min(errors))]


def untrained_starts(rve: Polycrystal, leaves: int, seed: int) -> list[MaterialNetwork]:
    """Draw the networks that a fit may begin with.

    The first eight are drawn by the seeds of the typical networks. With 128 leaves they are these
    networks, but for their normals, and so closer to the mean of them than other starts are, by
    about √(7/9), as members are of what a mean is taken over. They are preferred for that, which
    does no harm: what is expected does not depend on the starts, every fit is led to it, and no
    full field enters either. With another number of leaves the same seeds draw other networks.
    """
    drawn = torch.randint(2**62, (STARTS,), generator=torch.Generator().manual_seed(int(seed)))
    return [MaterialNetwork.from_polycrystal(rve, leaves, one) for one in drawn.tolist()]
