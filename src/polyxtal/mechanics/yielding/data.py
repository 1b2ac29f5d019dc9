"""What yield functions are fitted to: yield stresses and ratios of plastic strains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.number_arrays import number_array
from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.tensors import (
    DEVIATOR,
    NORMAL,
    Array,
    axes_at,
    shear_at,
    to_vectors,
    von_mises,
)

STRESS, RATIO, PLANE_STRAIN = "stress", "ratio", "plane strain"
STRESS_UNCERTAINTY, R_UNCERTAINTY = 0.01, 0.05
"""Standard uncertainties where none are given: relative of stresses, absolute of r-values. [-]"""


@dataclass(frozen=True, eq=False)
class YieldPoints:
    """Measured or computed yield stresses and ratios of plastic strains, n in all.

    The constructors make the points of one kind of test, and `+` joins them. Stresses may be in
    MPa or over a reference stress, as long as all are in the same unit. x is the rolling, y the
    transverse direction, angles in degrees from x towards y.

    Attributes:
        names: Name of each point, such as "r at 45".
        kinds: "stress", "ratio" or "plane strain".
        directions: Stress of unit length along which the specimen yields, as Mandel vectors (n, 6).
        first: Mandel vectors a (n, 6): a : N is the numerator of a ratio, and zero in plane strain.
        second: Mandel vectors b (n, 6): b : N is the denominator of a ratio.
        values: Yield stress [MPa] or ratio [-] (n,).
        uncertainties: Standard uncertainties of the values (n,).

    Example:
        >>> import polyxtal as px
        >>> points = px.YieldPoints.uniaxial(
        ...     [0, 45, 90], yield_stress=[304, 296, 290], r_value=[0.8, 0.37, 0.54]
        ... ) + px.YieldPoints.biaxial(yield_stress=283)
        >>> len(points), points.names[0], points.names[-1]
        (7, 'yield stress at 0', 'biaxial yield stress')
    """

    names: tuple[str, ...]
    kinds: NDArray[Any]
    directions: Array
    first: Array
    second: Array
    values: Array
    uncertainties: Array

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.names)

    def __add__(self, other: YieldPoints) -> YieldPoints:
        """Return the points of both."""
        require_type(other, YieldPoints, "other")
        arrays = ("kinds", "directions", "first", "second", "values", "uncertainties")
        joined = [np.concatenate([getattr(self, a), getattr(other, a)]) for a in arrays]
        return YieldPoints(self.names + other.names, *joined)

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return f"YieldPoints({len(self)} points)"

    @classmethod
    def uniaxial(
        cls,
        angles: Any,
        yield_stress: Any = None,
        r_value: Any = None,
        *,
        compression: bool = False,
        stress_uncertainty: Any = None,
        r_uncertainty: Any = R_UNCERTAINTY,
    ) -> YieldPoints:
        """Return yield stresses and r-values in tension along angles in the sheet.

        Args:
            angles: Angles to the rolling direction (m,). [degrees]
            yield_stress: Yield stresses (m,); NaN where none was measured, None for none. [MPa]
            r_value: r-values likewise: strain across over that through the thickness. [-]
            compression: Of compression tests; the stresses are magnitudes.
            stress_uncertainty: Standard uncertainties of the stresses; 1 % if None. [MPa]
            r_uncertainty: Standard uncertainties of the r-values. [-]
        Raises:
            ValueError: if lengths differ, a stress or an uncertainty is not positive, or there is
                neither a stress nor an r-value.
        """
        angle = np.atleast_1d(number_array(angles, "angles").astype(float))
        along, across = axes_at(angle)
        sign = -1.0 if compression else 1.0
        where = " in compression" if compression else ""
        labels = [f"at {a:g}{where}" for a in angle]
        stresses = _points(
            cls, STRESS, labels, sign * along, along, along, yield_stress, stress_uncertainty
        )
        ratios = _points(
            cls, RATIO, labels, sign * along, across, NORMAL, r_value, r_uncertainty, "r"
        )
        return _not_empty(stresses + ratios, "`yield_stress` or `r_value`")

    @classmethod
    def biaxial(
        cls,
        yield_stress: float | None = None,
        r_value: float | None = None,
        *,
        stress_uncertainty: float | None = None,
        r_uncertainty: float = R_UNCERTAINTY,
    ) -> YieldPoints:
        """Return the yield stress and the r-value in equibiaxial tension.

        Args:
            yield_stress: Equibiaxial yield stress σ_b. [MPa]
            r_value: Plastic strain along y over that along x. [-]
            stress_uncertainty: Standard uncertainty of the stress; 1 % if None. [MPa]
            r_uncertainty: Standard uncertainty of the r-value. [-]
        Raises:
            ValueError: as in `uniaxial`.
        """
        x, y = np.eye(6)[:2]
        labels, stress = [""], (x + y)[None]
        points = _points(
            cls,
            STRESS,
            labels,
            stress,
            x,
            x,
            yield_stress,
            stress_uncertainty,
            "biaxial yield stress",
        ) + _points(cls, RATIO, labels, stress, y, x, r_value, r_uncertainty, "biaxial r")
        return _not_empty(points, "`yield_stress` or `r_value`")

    @classmethod
    def plane_strain(
        cls, angles: Any, yield_stress: Any, *, uncertainty: Any = None
    ) -> YieldPoints:
        """Return yield stresses in tension of wide specimens, whose width stays constant.

        Args:
            angles: Angles between tension and rolling direction (m,). [degrees]
            yield_stress: Yield stresses along the tension (m,). [MPa]
            uncertainty: Standard uncertainties; 1 % if None. [MPa]
        Raises:
            ValueError: as in `uniaxial`.
        """
        angle = np.atleast_1d(number_array(angles, "angles").astype(float))
        along, across = axes_at(angle)
        labels = [f"at {a:g}" for a in angle]
        name = "plane-strain yield stress"
        return _points(
            cls, PLANE_STRAIN, labels, along, across, along, yield_stress, uncertainty, name
        )

    @classmethod
    def shear(cls, angles: Any, yield_stress: Any, *, uncertainty: Any = None) -> YieldPoints:
        """Return yield stresses in shear within the sheet.

        Args:
            angles: Angles between the direction of shear and the rolling direction (m,). [degrees]
            yield_stress: Shear stresses at yield (m,). [MPa]
            uncertainty: Standard uncertainties; 1 % if None. [MPa]
        Raises:
            ValueError: as in `uniaxial`.
        """
        angle = np.atleast_1d(number_array(angles, "angles").astype(float))
        shear, labels = shear_at(angle), [f"at {a:g}" for a in angle]
        name = "shear yield stress"
        return _points(cls, STRESS, labels, shear, shear, shear, yield_stress, uncertainty, name)

    @classmethod
    def stresses(cls, stress: Any, *, uncertainty: Any = None) -> YieldPoints:
        """Return stresses at yield, as tensors; each counts by its von Mises equivalent.

        Args:
            stress: Tensors (m, 3, 3), or components 11, 22, 33, 23, 13, 12 (m, 6). [MPa]
            uncertainty: Standard uncertainties of the von Mises equivalents (m,); 1 % if None.
        Raises:
            ValueError: if the shape is another, or a stress is hydrostatic.
        """
        vectors = to_vectors(stress)
        if vectors.ndim != 2:
            raise ValueError(
                "Argument `stress` must hold a list of stresses, but has "
                f"{vectors.ndim - 1} axes before those of the tensor."
            )
        size = von_mises(vectors)
        if not (size > 1e-9 * np.linalg.norm(vectors, axis=-1)).all():
            raise ValueError("Argument `stress` must not be hydrostatic or zero, but one is.")
        unit = vectors @ DEVIATOR / size[:, None]
        labels = [str(i) for i in range(len(vectors))]
        return _points(cls, STRESS, labels, unit, unit, unit, size, uncertainty, "yield point")

    def loaded(self, function: YieldFunction) -> Array:
        """Return the directions of stress (n, 6), in plane strain with the transverse stress."""
        stress = self.directions.copy()
        wide = self.kinds == PLANE_STRAIN
        if wide.any():
            stress[wide] = function.with_constant_width(stress[wide], self.first[wide])
        return stress

    def predicted(
        self, function: YieldFunction, reference: float = 1.0, loaded: Array | None = None
    ) -> Array:
        """Return what a yield function says in place of the values (n,).

        Args:
            function: The yield function.
            reference: Value of σ̄ at yield. [MPa]
            loaded: Result of `loaded`, if known. It hardly depends on the function: a change of
                the transverse stress changes the yield stress in plane strain by second order only.
        """
        require_type(function, YieldFunction, "function")
        require_number(reference, "reference")
        stress = self.loaded(function) if loaded is None else loaded
        equivalent, flow = function._evaluate(stress)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (self.first * flow).sum(-1) / (self.second * flow).sum(-1)
            return np.where(self.kinds == RATIO, ratio, reference / equivalent)


def _points(
    cls: type[YieldPoints],
    kind: str,
    labels: list[str],
    directions: Array,
    first: Array,
    second: Array,
    values: Any,
    uncertainties: Any,
    name: str = "yield stress",
) -> Any:
    """Return points of one kind, without those whose value is None or NaN."""
    count = len(labels)
    argument = "r_value" if kind == RATIO else "yield_stress"
    given = np.nan if values is None else number_array(values, argument).astype(float)
    given = np.atleast_1d(given) if values is not None else np.full(count, np.nan)
    if given.shape != (count,):
        raise ValueError(
            f"Argument `{argument}` must hold {count} numbers, one for each angle, "
            f"but has shape {given.shape}."
        )
    spread = STRESS_UNCERTAINTY * given if uncertainties is None else uncertainties
    spread = np.broadcast_to(number_array(spread, "uncertainty").astype(float), given.shape)
    kept = ~np.isnan(given)
    if kind != RATIO and not (given[kept] > 0).all():
        raise ValueError(
            f"Argument `{argument}` must be positive, but holds {given[kept].min():g} MPa."
        )
    if not (spread[kept] > 0).all() or not np.isfinite([*given[kept], *spread[kept]]).all():
        raise ValueError(
            f"Argument `{argument}` must be finite with positive uncertainties, but a value is "
            f"{given[kept][np.argmin(spread[kept])]:g} ± {spread[kept].min():g}."
        )
    names = [f"{name} {label}".strip() for label, keep in zip(labels, kept, strict=True) if keep]

    def rows(vectors: Array) -> Array:
        return np.broadcast_to(vectors, (count, 6))[kept]

    return cls(
        names=tuple(names),
        kinds=np.full(len(names), kind),
        directions=rows(directions),
        first=rows(first),
        second=rows(second),
        values=given[kept],
        uncertainties=spread[kept],
    )


def _not_empty(points: Any, wanted: str) -> Any:
    if not len(points):
        raise ValueError(f"Arguments {wanted} must hold a number, but there is none.")
    return points
