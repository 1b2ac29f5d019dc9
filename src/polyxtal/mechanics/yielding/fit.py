"""Fit of a yield function to yield stresses and ratios of plastic strains, by least squares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.argument_types import require_number, require_seed, require_type
from polyxtal.mechanics.yielding.cpb06 import CPB06
from polyxtal.mechanics.yielding.data import STRESS, YieldPoints
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.hill48 import Hill48
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.mechanics.yielding.tensors import Array, von_mises
from polyxtal.mechanics.yielding.transformed import require_exponent
from polyxtal.mechanics.yielding.yld91 import Yld91
from polyxtal.mechanics.yielding.yld2000 import Yld2000
from polyxtal.mechanics.yielding.yld2004 import Yld2004

KINDS: dict[str, type[YieldFunction]] = {
    kind.kind: kind for kind in (Hill48, Yld91, Yld2000, Yld2004, CPB06)
}
"""Yield functions by name."""
SPREAD = 0.1
"""Standard deviation of the parameters of further starts about the isotropic ones. [-]"""
STEP = 1e-7
"""Step of the differences that approximate derivatives by parameters. [-]"""
EVALUATIONS = 1000
"""Largest number of evaluations from one start."""


def fit_yield_function(
    points: YieldPoints,
    kind: str = "yld2000",
    *,
    exponent: float = 8.0,
    reference: float | None = None,
    starts: int = 4,
    seed: int = 0,
) -> YieldFit:
    """Fit the parameters of a yield function.

        Σ_i [(predicted_i - measured_i) / uncertainty_i]² → min

    The first of several starts is isotropic; the best result is returned. Parameters without any
    effect on the points, such as those of shear out of the sheet, keep their isotropic values.

    Args:
        points: Yield stresses and ratios of plastic strains.
        kind: "hill48", "yld91", "yld2000", "yld2004" or "cpb06".
        exponent: Exponent of the function: 8 for cF, 6 for cI crystals, often 2 for hexagonal ones
            with "cpb06"; "hill48" has none.
        reference: Stress that σ̄ equals at yield, to which the hardening law belongs; by default
            the yield stress in tension along x, or where there is none the mean von Mises
            equivalent of the yield stresses, or 1. [MPa]
        starts: Number of starts.
        seed: Seed of the starts.
    Returns:
        Function, uncertainties of its parameters, residuals.
    Raises:
        ValueError: if there are fewer points than parameters, the kind is unknown, or the best
            function is not convex.
        ConvergenceError: if no start converges.

    Example:
        >>> import polyxtal as px
        >>> points = px.YieldPoints.uniaxial(
        ...     [0, 45, 90], [304.3, 296.0, 290.5], [0.80, 0.37, 0.54]
        ... ) + px.YieldPoints.biaxial(282.7, 1.08)  # AA6022-T4 [Tian2016]
        >>> fit = px.fit_yield_function(points, "yld2000", exponent=8)
        >>> fit.function.r_value([0, 45, 90]).round(3)
        array([0.8 , 0.37, 0.54])
        >>> round(fit.rms_stress, 6), round(fit.rms_ratio, 6)
        (0.0, 0.0)
    """
    require_type(points, YieldPoints, "points")
    require_type(kind, str, "kind")
    require_seed(seed)
    require_type(starts, int, "starts")
    require_exponent(exponent)
    if kind not in KINDS:
        raise ValueError(f"Argument `kind` must be one of {', '.join(KINDS)}, but is {kind!r}.")
    if starts < 1:
        raise ValueError(f"Argument `starts` must be 1 or more, but is {starts}.")
    points, scale = _with_scale(points, reference)
    function = KINDS[kind]
    isotropic = function().vector

    def residual(vector: Array, loaded: Array | None = None) -> Array:
        predicted = points.predicted(function.from_vector(vector, exponent), scale, loaded)
        return (predicted - points.values) / points.uncertainties

    def jacobian(vector: Array) -> Array:
        loaded = points.loaded(function.from_vector(vector, exponent))
        start = residual(vector, loaded)
        steps = STEP * np.where(vector < 0, -1.0, 1.0) * np.maximum(np.abs(vector), 1.0)
        moved = vector - np.diag(steps)  # towards zero, so that bounds hold
        return np.array([residual(v, loaded) - start for v in moved]).T / -steps

    random = np.random.default_rng(seed)
    first = isotropic + SPREAD * random.standard_normal(len(isotropic))
    free = np.abs(jacobian(np.clip(first, *_bounds(function)))).max(0) > 1e-6
    needed = int(free.sum()) - function.redundant
    if len(points) < needed:
        raise ValueError(
            f"A fit of {kind} must have {needed} points or more, one for each parameter that the "
            f"points depend on, but has {len(points)}."
        )
    trials = [isotropic, first]
    trials += [isotropic + SPREAD * random.standard_normal(len(isotropic)) for _ in range(starts)]
    found = [
        _minimize(residual, jacobian, trial, isotropic, free, _bounds(function))
        for trial in trials[:starts]
    ]
    converged = [one for one in found if one.status > 0]
    if not converged:
        raise ConvergenceError(
            f"The fit of {kind} must converge, but has not after {EVALUATIONS} evaluations; its "
            "points may need another yield function."
        )
    best = min(converged, key=lambda one: one.cost)
    vector = isotropic.copy()
    vector[free] = best.x
    return _checked(function.from_vector(vector, exponent), points, scale, best, free)


def _with_scale(points: YieldPoints, reference: float | None) -> tuple[YieldPoints, float]:
    """Return points that fix the scale of a function, and its value at yield. [MPa]"""
    stress = points.kinds == STRESS
    if reference is not None:
        require_number(reference, "reference")
        if not 0 < reference < np.inf:
            raise ValueError(f"Argument `reference` must be positive, but is {reference} MPa.")
    if (points.kinds == "ratio").all():
        scale = 1.0 if reference is None else float(reference)
        return points + YieldPoints.uniaxial(0.0, scale), scale
    if reference is not None:
        return points, float(reference)
    along_x = stress & (np.abs(points.directions - np.eye(6)[0]).max(-1) < 1e-9)
    if along_x.any():
        return points, float(points.values[along_x].mean())
    yields = points.kinds != "ratio"
    return points, float((points.values * von_mises(points.directions))[yields].mean())


def _bounds(function: type[YieldFunction]) -> tuple[Array, Array]:
    limits = [function.bounds.get(name, (-np.inf, np.inf)) for name in function.names]
    low, high = np.array(limits).T
    return low, high


def _minimize(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    trial: Array,
    isotropic: Array,
    free: np.ndarray,
    bounds: tuple[Array, Array],
) -> OptimizeResult:
    """Return the least squares of the free parameters from one start."""
    low, high = bounds

    def whole(values: Array) -> Array:
        vector = isotropic.copy()
        vector[free] = values
        return vector

    return least_squares(
        lambda values: residual(whole(values)),
        np.clip(trial, low + 1e-3, high - 1e-3)[free],
        jac=lambda values: jacobian(whole(values))[:, free],  # pyright: ignore[reportArgumentType]
        bounds=(low[free], high[free]),
        ftol=1e-10,
        xtol=1e-12,
        gtol=1e-12,
        max_nfev=EVALUATIONS,
    )


def _checked(
    function: YieldFunction,
    points: YieldPoints,
    reference: float,
    best: OptimizeResult,
    free: np.ndarray,
) -> YieldFit:
    """Return the result of a fit with uncertainties of its parameters."""
    if not function.convex:
        found = ", ".join(f"{name} = {value:.4g}" for name, value in function.parameters.items())
        raise ValueError(
            f"The {function.kind} that fits best must be convex, but is not, with {found}: the "
            "points need another yield function, or are wrong."
        )
    names = np.array(function.names)
    _, singular, right = np.linalg.svd(best.jac, full_matrices=True)
    rank = int((singular > 1e-6 * singular[0]).sum())
    lost = (right[rank:] ** 2).sum(0) > 1e-6
    lost &= len(best.x) - rank > function.redundant
    surplus = len(points) - rank
    inflation = max(1.0, 2.0 * best.cost / surplus) if surplus > 0 else 1.0
    variance = (right[:rank] ** 2 / singular[:rank, None] ** 2).sum(0)
    spread = np.where(lost, np.inf, np.sqrt(inflation * variance))
    return YieldFit(
        function=function,
        points=points,
        reference=reference,
        uncertainties=dict(zip(names[free].tolist(), spread.tolist(), strict=True)),
        held=tuple(names[~free].tolist()),
        undetermined=len(best.x) - rank,
    )
