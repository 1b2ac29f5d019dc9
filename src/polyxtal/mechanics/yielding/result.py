"""The result of a fit of a yield function."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from polyxtal.mechanics.yielding.data import RATIO, YieldPoints
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.tensors import Array


@dataclass(frozen=True, eq=False)
class YieldFit:
    """A fitted yield function beside what it was fitted to.

    `print` shows the residuals as a table.

    Attributes:
        function: The yield function.
        points: The points, with their uncertainties.
        reference: Stress that σ̄ equals at yield. [MPa]
        uncertainties: Standard uncertainty of each fitted parameter, larger by the root of the
            reduced χ² where the residuals exceed the uncertainties of the points; infinite if the
            points do not determine the parameter. [-]
        held: Parameters without effect on the points, which keep their isotropic values.
        undetermined: Number of combinations of parameters that the points leave free.
        fitted: What the function says in place of each measured value (n,). [MPa or -]

    Example:
        >>> import polyxtal as px
        >>> points = px.YieldPoints.uniaxial(
        ...     [0, 45, 90], yield_stress=[304, 296, 290], r_value=[0.80, 0.37, 0.54]
        ... )
        >>> print(px.fit_yield_function(points, "hill48"))
        hill48, exponent 2
          F = 0.7340 ± 0.073
          G = 0.6021 ± 0.063
          H = 0.4024 ± 0.049
          L = 1.5000 (held)
          M = 1.5000 (held)
          N = 1.3665 ± 0.12
        point               measured    fitted  difference
        yield stress at 0        304     303.3      -0.679
        yield stress at 45       296     301.4       +5.41
        yield stress at 90       290     285.2       -4.83
        r at 0                   0.8    0.6682      -0.132
        r at 45                 0.37    0.5227      +0.153
        r at 90                 0.54    0.5481    +0.00813
        6 points: rms 0.0138 of yield stresses over 304 MPa, 0.117 of r-values
        No point depends on L, M, which keep their isotropic values.
    """

    function: YieldFunction
    points: YieldPoints
    reference: float
    uncertainties: dict[str, float]
    held: tuple[str, ...]
    undetermined: int
    fitted: Array = field(init=False)

    def __post_init__(self) -> None:
        """Evaluate the function at the points."""
        object.__setattr__(self, "fitted", self.points.predicted(self.function, self.reference))

    @property
    def rms_stress(self) -> float:
        """Root mean square of the differences of yield stresses over the reference stress. [-]"""
        return self._rms(self.points.kinds != RATIO) / self.reference

    @property
    def rms_ratio(self) -> float:
        """Root mean square of the differences of r-values; NaN without any. [-]"""
        return self._rms(self.points.kinds == RATIO)

    def _rms(self, chosen: np.ndarray) -> float:
        difference = (self.fitted - self.points.values)[chosen]
        return float(np.sqrt(np.mean(difference**2))) if len(difference) else float("nan")

    @property
    def summary(self) -> str:
        """Number of points and rms of the differences, in words."""
        count = f"{len(self.points)} points: rms {self.rms_stress:.3g} of yield stresses"
        ratios = f", {self.rms_ratio:.3g} of r-values" * bool((self.points.kinds == RATIO).any())
        return f"{count} over {self.reference:.6g} MPa{ratios}"

    @property
    def remark(self) -> str:
        """What the points do not determine, in a sentence; empty if they determine all."""
        said = []
        if self.held:
            said.append(
                f"No point depends on {', '.join(self.held)}, which keep their isotropic values."
            )
        if self.undetermined > self.function.redundant:
            free = self.undetermined - self.function.redundant
            said.append(
                f"The points leave {free} combination{'s' * (free > 1)} of parameters undetermined."
            )
        return " ".join(said)

    def table(self) -> list[dict[str, str | float]]:
        """Return a row for each point: name, measured, fitted, difference, uncertainty."""
        columns = (self.points.names, self.points.values, self.fitted, self.points.uncertainties)
        return [
            {
                "name": name,
                "measured": float(measured),
                "fitted": float(fitted),
                "difference": float(fitted - measured),
                "uncertainty": float(uncertainty),
            }
            for name, measured, fitted, uncertainty in zip(*columns, strict=True)
        ]

    def __str__(self) -> str:
        """Return parameters and residuals as a text of lines."""
        width = max(len(name) for name in self.points.names)
        lines = [f"{self.function.kind}, exponent {self.function.exponent:g}"]
        lines += [
            f"  {name} = {value:.4f}"
            + (f" ± {self.uncertainties[name]:.2g}" if name in self.uncertainties else " (held)")
            for name, value in self.function.parameters.items()
        ]
        lines.append(f"{'point':{width}}  measured    fitted  difference")
        lines += [
            f"{row['name']:{width}}  {row['measured']:8.4g}  {row['fitted']:8.4g}  "
            f"{row['difference']:+10.3g}"
            for row in self.table()
        ]
        lines.append(self.summary)
        return "\n".join([*lines, *([self.remark] if self.remark else [])])
