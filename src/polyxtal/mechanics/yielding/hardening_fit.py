"""Fit of a hardening law to a flow curve, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.number_arrays import number_array
from polyxtal.argument_types import require_type
from polyxtal.mechanics.yielding.hardening import (
    HardeningLaw,
    HockettSherby,
    Ludwik,
    Swift,
    SwiftVoce,
    Voce,
)
from polyxtal.mechanics.yielding.tensors import Array

LAWS: dict[str, type[HardeningLaw]] = {
    law.kind: law for law in (Swift, Voce, SwiftVoce, HockettSherby, Ludwik)
}
"""Hardening laws by name."""
EVALUATIONS = 1000
"""Largest number of evaluations."""


@dataclass(frozen=True, eq=False)
class HardeningFit:
    """A fitted hardening law beside the flow curve.

    Attributes:
        law: The hardening law.
        plastic_strain: Plastic strains of the flow curve (n,). [-]
        measured: Flow stresses (n,). [MPa]
        uncertainties: Standard uncertainty of each parameter, from the scatter about the law;
            infinite if the curve does not determine it. [MPa and -]
    """

    law: HardeningLaw
    plastic_strain: Array
    measured: Array
    uncertainties: dict[str, float]

    @property
    def residuals(self) -> Array:
        """Flow stresses of the law less those measured (n,). [MPa]"""
        return self.law.stress(self.plastic_strain) - self.measured

    @property
    def rms(self) -> float:
        """Root mean square of the residuals. [MPa]"""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def remark(self) -> str:
        """Where the law is an extrapolation, and what it says there."""
        end = float(self.plastic_strain.max())
        last, far = self.law.stress([end, 1.0])
        return (
            f"The flow curve ends at a plastic strain of {end:.3g} and {last:.4g} MPa; beyond, "
            f"{self.law.kind} is an extrapolation, which reaches {far:.4g} MPa at 1."
        )


def fit_hardening(plastic_strain: Any, stress: Any, law: str = "swift-voce") -> HardeningFit:
    """Fit a hardening law to a flow curve.

    Args:
        plastic_strain: Plastic strains ε (n,), zero and more. [-]
        stress: Flow stresses, positive (n,). [MPa]
        law: "swift", "voce", "swift-voce", "hockett-sherby" or "ludwik".
    Returns:
        The law, with residuals and a remark on its extrapolation.
    Raises:
        ValueError: if the law is unknown, the arrays differ in length, there are fewer points than
            parameters, a strain is negative or a stress not positive.
        ConvergenceError: if the fit does not converge.

    Example:
        >>> import numpy as np
        >>> import polyxtal as px
        >>> strain = np.linspace(0.0, 0.2, 30)
        >>> fit = px.fit_hardening(strain, 436 - 222 * np.exp(-6.75 * strain), "voce")
        >>> {name: round(value, 3) for name, value in fit.law.parameters.items()}
        {'s0': 214.0, 'Q': 222.0, 'b': 6.75}
        >>> fit.remark
        'The flow curve ends at a plastic strain of 0.2 and 378.4 MPa; beyond, voce is an \
extrapolation, which reaches 435.7 MPa at 1.'
    """
    require_type(law, str, "law")
    if law not in LAWS:
        raise ValueError(f"Argument `law` must be one of {', '.join(LAWS)}, but is {law!r}.")
    strain = number_array(plastic_strain, "plastic_strain").astype(float)
    measured = number_array(stress, "stress").astype(float)
    names = LAWS[law].names()
    if strain.ndim != 1 or strain.shape != measured.shape or len(strain) < len(names):
        raise ValueError(
            f"A fit of {law} must have {len(names)} strains or more and a stress for each, but "
            f"has shapes {strain.shape} and {measured.shape}."
        )
    if not (strain >= 0).all() or not ((measured > 0) & np.isfinite(measured + strain)).all():
        raise ValueError(
            "A flow curve must have strains of zero and more and positive stresses, but has "
            f"{strain.min():.6g} and {measured.min():.6g} MPa."
        )
    found = _least_squares(LAWS[law], _start(law, strain, measured), strain, measured)
    if found.status <= 0:
        raise ConvergenceError(
            f"The fit of {law} must converge, but has not after {EVALUATIONS} evaluations."
        )
    return HardeningFit(
        LAWS[law].from_vector(found.x),
        strain,
        measured,
        dict(zip(names, _uncertainties(found.jac, found.cost).tolist(), strict=True)),
    )


def _start(law: str, strain: Array, measured: Array) -> list[float]:
    """Return starting values; for the mixed law those of its parts, in equal shares."""
    low, high = float(measured[strain.argmin()]), float(measured.max())
    end = float(strain.max()) or 1.0
    gain = max(high - low, 1e-3 * high)
    alone = {
        "swift": [high / end**0.2, 0.005, 0.2],
        "voce": [low, gain, 3.0 / end],
        "ludwik": [low, gain / end**0.6, 0.6],
        "hockett-sherby": [low, gain, 3.0 / end**0.8, 0.8],
    }
    if law in alone:
        return alone[law]
    swift, voce = (fit_hardening(strain, measured, part).law.vector for part in ("swift", "voce"))
    return [0.5, *swift.tolist(), *voce.tolist()]


def _least_squares(
    law: type[HardeningLaw], start: list[float], strain: Array, measured: Array
) -> OptimizeResult:
    """Return the least squares from a start."""
    high = np.array([law.largest.get(name, np.inf) for name in law.names()])
    inside = np.clip(start, 1e-8, np.where(np.isfinite(high), 0.999 * high, high))
    return least_squares(
        lambda vector: law.from_vector(vector).stress(strain) - measured,
        inside,
        jac="3-point",
        bounds=(np.zeros(len(high)), high),
        x_scale=np.maximum(inside, 1e-3),
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
        max_nfev=EVALUATIONS,
    )


def _uncertainties(jacobian: Array, cost: float) -> Array:
    """Return standard uncertainties from the scatter; infinite where undetermined."""
    scale = np.linalg.norm(jacobian, axis=0)
    scale[scale == 0] = 1.0
    _, singular, right = np.linalg.svd(jacobian / scale, full_matrices=False)
    known = singular > 1e-8 * singular[0]
    variance = (right[known] ** 2 / singular[known, None] ** 2).sum(0)
    surplus = jacobian.shape[0] - jacobian.shape[1]
    scatter = 2.0 * cost / surplus if surplus > 0 else np.inf
    lost = (right[~known] ** 2).sum(0) > 1e-6
    return np.where(lost, np.inf, np.sqrt(scatter * variance) / scale)
