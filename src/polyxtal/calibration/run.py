"""`calibrate`: parameters of a plasticity law from measured curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.algebra.progress import Progress, Stages
from polyxtal.algebra.threads import thread_count
from polyxtal.argument_types import require_type
from polyxtal.calibration.checkpoint import Checkpoint, identity_of
from polyxtal.calibration.condition import Condition
from polyxtal.calibration.field import FullField
from polyxtal.calibration.fit import Minimum, fit, settle
from polyxtal.calibration.forward import Forward
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.objective import Objective
from polyxtal.calibration.parameters import Free, free_parameters, get_parameter
from polyxtal.calibration.posterior import Posterior, has_emcee, sample_posterior
from polyxtal.calibration.repeats import reduce_curve, uniform_part
from polyxtal.calibration.result import UNSETTLED, Calibration, FittedTest, estimates, missed_tests
from polyxtal.calibration.settings import CalibrationSettings
from polyxtal.calibration.slopes import check_slope, first_compliance
from polyxtal.calibration.uncertainty import SIGMA_90, Laplace, identifiability, laplace
from polyxtal.calibration.valleys import separate_minima
from polyxtal.crystal.material import Material
from polyxtal.files.wording import listing
from polyxtal.microstructure.from_texture import from_texture
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork
from polyxtal.texture.distribution import Texture

Array = NDArray[np.float64]

GRAINS = 343
"""Grains that stand for a texture."""
MOST_ROUNDS = 4
"""Most corrections by the full field."""
UNMOVED = 0.25
"""Change between corrections that does not matter, in standard deviations. [-]"""
BETTER = 0.1
"""Fall of |r|² from the fit to a point of the chains from which it is fitted again. [-]"""


def calibrate(
    specimen: Polycrystal | Texture,
    measurements: Measurement | Iterable[Measurement],
    material: Material,
    free: Free,
    settings: CalibrationSettings | None = None,
    *,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Calibration:
    """Fit parameters of a plasticity law to measured curves, with their uncertainty.

    A material network of the specimen is the forward model of least squares from several starts.
    The full field at the fit then corrects it, and the fit is repeated until the parameters are
    settled, so that the network's own error does not go into them.

    Args:
        specimen: Polycrystal, or a texture that 343 grains stand for; of one phase.
        measurements: Curves, along any directions and at any rates, fitted together.
        material: Material with first values of the free parameters and the values of all others.
        free: Names of the free parameters, with bounds: `{"slip_resistance_initial": (50, 200)}`,
            values of `FreeParameter` for other scales and priors, or names alone, whose bounds are
            then a fifth of and five times the first value. See `FreeParameter`.
        settings: Effort and accuracy; None for the defaults.
        threads: Number of curves at a time; None for one per core.
        checkpoint: File, `.npz`, with all curves that are solved; the same calibration resumes
            from it.
        on_progress: Called after every step, see `Progress`.
    Returns:
        Material, parameters with 90 % intervals, fitted curves and remarks.
    Raises:
        ValueError: if an argument is invalid, or a curve seems to have other units.
        ConvergenceError: if the curves converge at no start, or the full field does not.

    Example:
        >>> import polyxtal as px
        >>> alloy, texture = px.load_material("AA6022-T4"), px.rolling_texture({"cube": 0.3})
        >>> rve = px.from_texture(texture, grains=27)
        >>> truth = px.simulate(rve, alloy, px.LoadPath.uniaxial(0.02, increments=20))
        >>> test = px.Measurement(truth.strain("xx"), truth.stress("xx"))
        >>> quick = px.CalibrationSettings(leaves=4, starts=1, posterior=False)
        >>> found = px.calibrate(rve, test, alloy, ["slip_resistance_initial"], quick)
        >>> abs(found.parameters["slip_resistance_initial"].value / 76 - 1) < 0.02
        True
    """
    rve = specimen_volume(specimen, material)
    tests = _tests(measurements)
    chosen = settings or CalibrationSettings()
    require_type(chosen, CalibrationSettings, "settings")
    parameters = free_parameters(free, material)
    workers = thread_count(threads)
    reduced = [reduce_curve(test) for test in tests]
    each = [Condition.of(test, one) for test, one in zip(tests, reduced, strict=True)]
    conditions = list(dict.fromkeys(each))
    network = MaterialNetwork.from_polycrystal(rve, chosen.leaves, chosen.seed)
    moduli = [_modulus(network, material, test.axis) for test in tests]
    for test, one, modulus in zip(tests, reduced, moduli, strict=True):
        check_slope(test, one, modulus)
    identity = identity_of(rve, material, parameters, tests, conditions, chosen)
    path = None if checkpoint is None else Path(checkpoint)
    kept = Checkpoint(path, identity, len(parameters), len(conditions))
    stages = Stages(on_progress)

    def after_solve(solved: int) -> None:
        kept.after_solve()
        stages.report("fit", solved, 0, "curves of the network")

    forward = Forward(network, material, parameters, conditions, workers, kept.known, after_solve)
    which = [conditions.index(one) for one in each]
    objective = Objective(forward, tests, reduced, which, moduli[0])
    with kept:
        with stages.stage("fit"):
            first, *rest = fit(
                objective, _initial(objective, moduli[0]), chosen.starts, chosen.seed
            )
            minima = separate_minima(objective, first, rest)
        x, rounds, said, field = minima[0].x, 0, list[str](), None
        if chosen.accuracy is not None:
            field = FullField(rve, conditions, chosen.accuracy, chosen.seed, kept, workers)
            x, rounds, said = _correct(objective, field, x, chosen, stages)
        found, posterior = laplace(objective, x), None
        if chosen.posterior and has_emcee():
            found, posterior = _sample(objective, found, chosen.seed, stages)
    x = found.x
    tested = tuple(_fitted(objective, x, posterior))
    return Calibration(
        material=forward.material_at(x[: len(parameters)]),
        parameters=estimates(parameters, found, posterior, _systematic(objective, found)),
        tests=tested,
        remarks=(*said, *missed_tests(tested), *identifiability(found, parameters, tests)),
        covariance=found.covariance[: len(parameters), : len(parameters)],
        free=parameters,
        laplace=found,
        posterior=posterior,
        other_minima=tuple(_others(objective, minima)),
        bias=forward.correction,
        field_error=None if field is None else field.error,
        rounds=rounds,
        compliance=_compliance(objective, x),
        conditions=tuple(conditions),
        objective=objective,
        seconds=stages.seconds,
    )


def _initial(objective: Objective, modulus: float) -> Array:
    """Return the first values of the parameters and nuisances."""
    forward = objective.forward
    start = [
        one.coordinate(get_parameter(forward.material, name)) for name, one in forward.free.items()
    ]
    nuisances = np.zeros(len(objective.nuisance))
    if objective.nuisance.frame is not None:
        first = first_compliance(objective.tests, objective.reduced, modulus)
        nuisances[objective.nuisance.frame] = first
    return np.concatenate([start, nuisances])


def _others(
    objective: Objective, minima: Sequence[Minimum]
) -> Iterator[tuple[dict[str, float], float]]:
    """Yield the parameters of other minima, and their sums of squares over the best one's."""
    free = objective.forward.free
    least = max(minima[0].cost, 1e-300)
    for one in minima[1:]:
        values = {n: p.value(float(z)) for (n, p), z in zip(free.items(), one.x, strict=False)}
        yield values, one.cost / least


def specimen_volume(specimen: Polycrystal | Texture, material: Material) -> Polycrystal:
    """Return the volume of one phase that a specimen is or is represented by."""
    require_type(specimen, (Polycrystal, Texture), "specimen")
    require_type(material, Material, "material")
    if isinstance(specimen, Texture):
        return from_texture(specimen, GRAINS, lattice=material.lattice)
    if len(set(specimen.phase.tolist())) > 1:
        raise ValueError(
            "The specimen of a calibration must have one phase, but has "
            f"{len(set(specimen.phase.tolist()))}."
        )
    return specimen


def _tests(measurements: Measurement | Iterable[Measurement]) -> list[Measurement]:
    require_type(measurements, (Measurement, Iterable), "measurements")
    tests = [measurements] if isinstance(measurements, Measurement) else list(measurements)
    if not tests:
        raise ValueError("Argument `measurements` must hold a measurement, but is empty.")
    for test in tests:
        require_type(test, Measurement, "measurements")
    known = sorted({float(t.temperature) for t in tests if t.temperature is not None})
    if len(known) > 1:
        raise ValueError(
            "All tests must be at one temperature, since no law depends on it, but are at "
            f"{listing([f'{one:g} K' for one in known])}; calibrate each temperature by itself."
        )
    return [uniform_part(test) for test in tests]


def _modulus(network: MaterialNetwork, material: Material, axis: Array) -> float:
    """Return Young's modulus of the network along an axis. [MPa]"""
    compliance = torch.linalg.inv(network.stiffness(material.elasticity))
    load = matrix_to_mandel(torch.from_numpy(np.outer(axis, axis)))
    return 1.0 / float(load @ compliance @ load)


def _correct(
    objective: Objective, field: FullField, x: Array, chosen: CalibrationSettings, stages: Stages
) -> tuple[Array, int, list[str]]:
    """Correct by the full field and fit again until the parameters are settled, or say it."""
    forward, n = objective.forward, objective.parameters
    widths = np.array([one.width if one.log else 1.0 for one in forward.free.values()])
    for rounds in range(1, MOST_ROUNDS + 1):
        z = x[:n]
        with stages.stage("full field", len(forward.conditions)) as step:
            truth = field.curves(z.tobytes(), forward.material_at(z), step)
        forward.correct(z, truth)
        objective.field_error = field.error / SIGMA_90
        with stages.stage("fit"):
            x = settle(objective, x).x
        spread = np.sqrt(np.diag(laplace(objective, x).covariance))[:n]
        if (np.abs(x[:n] - z) < np.maximum(chosen.tolerance / widths, UNMOVED * spread)).all():
            return x, rounds, []
    return x, MOST_ROUNDS, [UNSETTLED.format(MOST_ROUNDS)]


def _sample(
    objective: Objective, found: Laplace, seed: int, stages: Stages
) -> tuple[Laplace, Posterior | None]:
    """Sample around a fit, and around a better one if the chains find that."""
    with stages.stage("posterior") as step:
        posterior = sample_posterior(objective, found, seed, step)
        if posterior is not None and posterior.best[1] < -BETTER:
            found = laplace(objective, settle(objective, posterior.best[0]).x)
            posterior = sample_posterior(objective, found, seed, step)
    return found, posterior


def _systematic(objective: Objective, found: Laplace) -> Array:
    """Return the deviation of the coordinates that is the full field's error. [-]"""
    n, error = objective.parameters, objective.field_error
    objective.field_error = 0.0
    without = laplace(objective, found.x).covariance
    objective.field_error = error
    return np.sqrt(np.maximum(np.diag(found.covariance - without)[:n], 0.0))


def _compliance(objective: Objective, x: Array) -> float | None:
    own = objective.nuisance
    if own.frame is None:
        return None
    return float(x[objective.parameters + own.frame] * own.scale[own.frame])


def _fitted(objective: Objective, x: Array, posterior: Posterior | None) -> list[FittedTest]:
    n = objective.parameters
    curves = objective.forward.solve(x[:n])
    assert curves is not None
    stresses, out = objective.predicted(x, curves), []
    for k, (test, one) in enumerate(zip(objective.tests, objective.reduced, strict=True)):
        toe = objective.nuisance.toe[k]
        band = None
        if posterior is not None and posterior.trusted:
            band = np.quantile(posterior.stress[k], (0.05, 0.95), axis=0)
        rest = stresses[k] - one.stress
        rows = objective.branch_rows(k)
        out.append(
            FittedTest(
                test,
                one,
                objective.specimen_strain(k, x[n:]),
                stresses[k],
                band,
                float(np.sqrt(np.mean(rest**2))),
                float(np.sqrt(np.mean(one.deviation**2))),
                float(objective.discrepancy[k]),
                0.0 if toe is None else float(x[n + toe] * objective.nuisance.scale[toe]),
                None if test.direction == "z" else _r_value(objective, curves, k, rows),
            )
        )
    return out


def _r_value(objective: Objective, curves: Sequence, k: int, rows: int) -> float | None:  # type: ignore[type-arg]
    value = curves[objective.which[k]].r_value(rows)
    return value if math.isfinite(value) else None
