"""Hardening laws: flow stress against equivalent plastic strain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from polyxtal.algebra.number_arrays import number_array
from polyxtal.argument_types import require_number
from polyxtal.mechanics.yielding.tensors import Array, Values


class HardeningLaw(ABC):
    """Flow stress σ(ε), the reference stress of a yield function, against plastic strain.

    ε is the plastic strain that is work-conjugate to σ̄. All parameters are positive.

    Attributes:
        parameters: Names and values of the parameters. [MPa and -]
    """

    kind: ClassVar[str]
    largest: ClassVar[dict[str, float]] = {}
    """Upper bounds of parameters in a fit; others have none."""

    @abstractmethod
    def _stress(self, strain: Array) -> Values:
        """Return the flow stress at plastic strains of zero and more. [MPa]"""

    @property
    def parameters(self) -> dict[str, float]:
        """Names and values of the parameters. [MPa and -]"""
        return dict(zip(self.names(), map(float, self.vector), strict=True))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the parameters."""
        return tuple(field.name for field in fields(cls))  # pyright: ignore[reportArgumentType]

    @property
    def vector(self) -> Array:
        """Parameters in the order of `names`."""
        return np.array(astuple(self), dtype=float)  # pyright: ignore[reportArgumentType]

    @classmethod
    def from_vector(cls, vector: Array) -> HardeningLaw:
        """Return the law of given parameters, in the order of `names`."""
        return cls(*map(float, vector))

    def __post_init__(self) -> None:
        """Validate the parameters."""
        for name, value in zip(self.names(), astuple(self), strict=True):  # pyright: ignore[reportArgumentType]
            require_number(value, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"Argument `{name}` must be zero or more, but is {value}.")

    def stress(self, plastic_strain: Any) -> Values:
        """Return the flow stress. [MPa]

        Args:
            plastic_strain: Equivalent plastic strains (...). [-]
        Raises:
            ValueError: if a strain is negative.
        """
        strain = number_array(plastic_strain, "plastic_strain").astype(float)
        if not (strain >= 0).all():
            raise ValueError(
                f"Argument `plastic_strain` must be zero or more, but holds {np.min(strain):.6g}."
            )
        return self._stress(strain)


@dataclass(frozen=True)
class Swift(HardeningLaw):
    """Swift's power law, σ = K (e0 + ε)^n [Swift1952]; with e0 = 0 Hollomon's.

    Attributes:
        K: Strength coefficient. [MPa]
        e0: Prestrain. [-]
        n: Hardening exponent. [-]

    Example:
        >>> import polyxtal as px
        >>> px.Swift(K=500.0, e0=0.01, n=0.25).stress([0.0, 0.1]).round(1)
        array([158.1, 288. ])
    """

    kind: ClassVar[str] = "swift"
    largest: ClassVar[dict[str, float]] = {"e0": 1.0, "n": 2.0}
    K: float
    e0: float
    n: float

    def _stress(self, strain: Array) -> Values:
        return self.K * (self.e0 + strain) ** self.n


@dataclass(frozen=True)
class Voce(HardeningLaw):
    """Voce's law, σ = s0 + Q (1 - exp(-b ε)), which saturates [Voce1948].

    Attributes:
        s0: Initial yield stress. [MPa]
        Q: Saturation stress less the initial one. [MPa]
        b: Rate of saturation. [-]

    Example:
        >>> import polyxtal as px
        >>> px.Voce(s0=214.0, Q=222.0, b=6.75).stress([0.0, 0.1, 1.0]).round(1)  # [Tian2016]
        array([214. , 323. , 435.7])
    """

    kind: ClassVar[str] = "voce"
    s0: float
    Q: float
    b: float

    def _stress(self, strain: Array) -> Values:
        return self.s0 - self.Q * np.expm1(-self.b * strain)


@dataclass(frozen=True)
class SwiftVoce(HardeningLaw):
    """Weighted mean of Swift's and Voce's laws: σ = w K (e0 + ε)^n + (1 - w) [s0 + Q (1 - e^-bε)].

    Attributes:
        w: Weight of Swift's law, up to 1. [-]
        K: Strength coefficient. [MPa]
        e0: Prestrain. [-]
        n: Hardening exponent. [-]
        s0: Initial yield stress of Voce's law. [MPa]
        Q: Its saturation stress less the initial one. [MPa]
        b: Its rate of saturation. [-]

    Example:
        >>> import polyxtal as px
        >>> law = px.SwiftVoce(0.5, K=500.0, e0=0.01, n=0.25, s0=160.0, Q=150.0, b=10.0)
        >>> law.stress(0.1).round(1)
        np.float64(271.4)
    """

    kind: ClassVar[str] = "swift-voce"
    largest: ClassVar[dict[str, float]] = {"w": 1.0, "e0": 1.0, "n": 2.0}
    w: float
    K: float
    e0: float
    n: float
    s0: float
    Q: float
    b: float

    def __post_init__(self) -> None:
        """Validate the parameters."""
        super().__post_init__()
        if self.w > 1.0:
            raise ValueError(f"Argument `w` must be 1 or less, but is {self.w}.")

    def _stress(self, strain: Array) -> Values:
        swift = Swift(self.K, self.e0, self.n).stress(strain)
        voce = Voce(self.s0, self.Q, self.b).stress(strain)
        return self.w * swift + (1.0 - self.w) * voce


@dataclass(frozen=True)
class HockettSherby(HardeningLaw):
    """Hockett and Sherby's law, σ = s0 + Q (1 - exp(-b ε^p)) [Hockett1975].

    Attributes:
        s0: Initial yield stress. [MPa]
        Q: Saturation stress less the initial one. [MPa]
        b: Rate of saturation. [-]
        p: Exponent of the strain. [-]

    Example:
        >>> import polyxtal as px
        >>> px.HockettSherby(s0=160.0, Q=200.0, b=5.0, p=0.8).stress(0.1).round(1)
        np.float64(269.5)
    """

    kind: ClassVar[str] = "hockett-sherby"
    largest: ClassVar[dict[str, float]] = {"p": 2.0}
    s0: float
    Q: float
    b: float
    p: float

    def _stress(self, strain: Array) -> Values:
        return self.s0 - self.Q * np.expm1(-self.b * strain**self.p)


@dataclass(frozen=True)
class Ludwik(HardeningLaw):
    """Ludwik's law, σ = s0 + K ε^n [Ludwik1909].

    Attributes:
        s0: Initial yield stress. [MPa]
        K: Strength coefficient. [MPa]
        n: Hardening exponent. [-]

    Example:
        >>> import polyxtal as px
        >>> px.Ludwik(s0=160.0, K=400.0, n=0.5).stress(0.04)
        np.float64(240.0)
    """

    kind: ClassVar[str] = "ludwik"
    largest: ClassVar[dict[str, float]] = {"n": 2.0}
    s0: float
    K: float
    n: float

    def _stress(self, strain: Array) -> Values:
        return self.s0 + self.K * strain**self.n
