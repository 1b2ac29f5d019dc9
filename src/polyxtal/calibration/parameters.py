"""The free parameters of a calibration: their names, bounds, scales and priors.

A name is that of an attribute of the law's parameters, such as `slip_resistance_initial`, with the
index of a family in brackets where families differ (`slip_resistance_initial[1]`), that of a twin
(`twinning.resistance_initial`), or one of elasticity: an independent constant (`elasticity.c44`) or
`elasticity.scale`, the factor of all constants.

The fit works on coordinates of [0, 1] between the bounds, of p itself or of ln p:

    z = (u(p) - u(low)) / (u(high) - u(low)),   u(p) = ln p  or  p
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.elastic_constants import elasticity_of_constants, independent_constants
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.files.wording import listing

Array = NDArray[np.float64]

WIDE, NARROW = 5.0, 1.25
"""Bounds of a parameter without any, over and below its value, as a factor; of elasticity. [-]"""
SCALE = "elasticity.scale"
LARGEST = 1e12
_NAME = re.compile(r"([a-z_0-9.]+?)(?:\[(\d{1,2})\])?")
_LEAST = {"stress_exponent": 1.0, "twinning.stress_exponent": 1.0}


@dataclass(frozen=True)
class FreeParameter:
    """A free parameter.

    Attributes:
        low, high: Bounds, in the unit of the parameter.
        log: Whether it is fitted on a logarithmic scale.
        prior: Mean and standard deviation of a normal prior, in the unit of the parameter, on a
            logarithmic scale of ln p with the relative deviation; None for a uniform one.

    Raises:
        ValueError: if the bounds do not ascend, or are not positive on a logarithmic scale.

    Example:
        >>> import polyxtal as px
        >>> resistance = px.FreeParameter(50.0, 200.0, prior=(90.0, 20.0))
        >>> resistance.log
        True
    """

    low: float
    high: float
    log: bool = True
    prior: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Validate bounds and prior."""
        require_number(self.low, "low")
        require_number(self.high, "high")
        require_type(self.log, bool, "log")
        if not -LARGEST < self.low < self.high < LARGEST:
            raise ValueError(
                "The bounds of a free parameter must ascend and be finite, but are "
                f"{self.low:g} and {self.high:g}."
            )
        if self.log and not self.low > 0:
            raise ValueError(
                "The bounds of a free parameter must be positive on a logarithmic scale, but the "
                f"lower one is {self.low:g}; choose another bound or log=False."
            )
        if self.prior is not None:
            pair = isinstance(self.prior, Sequence) and len(self.prior) == 2
            for value in self.prior if pair else ("",):
                require_number(value, "prior")
            mean, deviation = self.prior
            inside = (self.low <= mean <= self.high) and 0 < deviation < LARGEST
            if not inside:
                raise ValueError(
                    "A prior must have a mean within the bounds and a positive deviation, "
                    f"but has {mean:g} and {deviation:g}."
                )

    def coordinate(self, value: float) -> float:
        """Return z of a value, within [0, 1]."""
        return float(np.clip((self._u(value) - self._u(self.low)) / self.width, 0.0, 1.0))

    def value(self, z: float) -> float:
        """Return the value at z, within the bounds."""
        u = self._u(self.low) + z * self.width
        return min(max(math.exp(u) if self.log else u, self.low), self.high)

    @property
    def width(self) -> float:
        """u(high) - u(low)."""
        return self._u(self.high) - self._u(self.low)

    def prior_coordinate(self) -> tuple[float, float] | None:
        """Return mean and standard deviation of the prior of z."""
        if self.prior is None:
            return None
        mean, deviation = self.prior
        relative = deviation / mean if self.log else deviation
        return self.coordinate(mean), relative / self.width

    def _u(self, value: float) -> float:
        return math.log(value) if self.log else value


Free = Mapping[str, "FreeParameter | Sequence[float] | None"] | Iterable[str]
"""Free parameters by name, with bounds; or names alone."""


def free_parameters(free: Free, material: Material) -> dict[str, FreeParameter]:
    """Return the free parameters of a material, bounds where none are given a factor `WIDE` wide.

    Raises:
        ValueError: if there are none, or a name or bound does not fit the material.
    """
    require_type(free, (Mapping, Sequence), "free")
    if isinstance(free, str):
        free = (free,)
    given: dict[Any, Any] = dict(free) if isinstance(free, Mapping) else dict.fromkeys(free)
    if not given:
        raise ValueError("Argument `free` must name at least one parameter, but is empty.")
    found = {}
    for name, bounds in given.items():
        value = get_parameter(material, name)
        if bounds is None:
            bounds = _usual_bounds(name, value)
        elif not isinstance(bounds, FreeParameter):
            require_type(bounds, Sequence, f"free[{name!r}]")
            if isinstance(bounds, str) or len(bounds) != 2:
                raise ValueError(
                    f"Bounds of `{name}` must be two numbers, low and high, but are {bounds!r}."
                )
            require_number(bounds[0], f"free[{name!r}]")
            bounds = FreeParameter(bounds[0], bounds[1], log=bounds[0] > 0)
        if not bounds.low <= value <= bounds.high:
            nearest = bounds.low if value < bounds.low else bounds.high
            warnings.warn(
                f"The first value of `{name}`, {value:.5g}, is outside of its bounds, "
                f"{bounds.low:.5g} and {bounds.high:.5g}: the fit starts at {nearest:.5g}.",
                stacklevel=3,
            )
        for end in (bounds.low, bounds.high):
            set_parameters(material, {name: end})  # a sentence of the law if it cannot have it
        found[str(name)] = bounds
    for name in found:
        whole = name.split("[")[0]
        if whole != name and whole in found:
            raise ValueError(
                f"Argument `free` must name `{whole}` or single families of it, but has both."
            )
    if SCALE in found and any(n.startswith("elasticity.c") for n in found):
        raise ValueError(
            f"Argument `free` must have either `{SCALE}` or single constants, but has both."
        )
    return found


def _usual_bounds(name: str, value: float) -> FreeParameter:
    if not value > 0:
        raise ValueError(
            f"Parameter `{name}` must have bounds, since its value is {value:g}, not positive."
        )
    least = _LEAST.get(name.split("[")[0], 0.0)
    factor = NARROW if name.startswith("elasticity.") else WIDE
    return FreeParameter(max(value / factor, least), value * factor)


def get_parameter(material: Material, name: str) -> float:
    """Return a parameter of a material by name.

    Raises:
        ValueError: if it has no such parameter.
    """
    owner, attribute, family = _locate(material, name)
    if owner == "elasticity":
        return (
            1.0
            if name == SCALE
            else independent_constants(material.elasticity, material.lattice.laue_group)[attribute]
        )
    value = getattr(_owner(material, owner), attribute)
    if family is None:
        if isinstance(value, tuple):
            raise ValueError(
                f"Parameter `{name}` differs between {len(value)} families: write `{name}[0]` for "
                "the first."
            )
        return float(value)
    return float(value[family]) if isinstance(value, tuple) else float(value)


def set_parameters(material: Material, values: Mapping[str, float]) -> Material:
    """Return a material with other values of parameters, by name.

    Raises:
        ValueError: if a parameter is unknown, or the law cannot have a value.
    """
    changed: dict[str, dict[str, Any]] = {"plasticity": {}, "twinning": {}}
    elastic: dict[str, float] = {}
    for name, value in values.items():
        owner, attribute, family = _locate(material, name)
        if owner == "elasticity":
            elastic[attribute] = value
            continue
        if family is None:
            changed[owner][attribute] = float(value)
            continue
        before = changed[owner].get(attribute, getattr(_owner(material, owner), attribute))
        each = list(before) if isinstance(before, tuple) else [before] * _families(material, owner)
        each[family] = float(value)
        changed[owner][attribute] = tuple(each)
    law = material.plasticity
    if changed["twinning"]:
        changed["plasticity"]["twinning"] = replace(law.twinning, **changed["twinning"])
    plasticity = replace(law, **changed["plasticity"]) if changed["plasticity"] else law
    elasticity = _elasticity(material, elastic) if elastic else material.elasticity
    return Material(material.name, elasticity, plasticity, material.lattice)


def _elasticity(material: Material, changed: Mapping[str, float]) -> Elasticity:
    old: Any = material.elasticity
    cubic = hasattr(old, "c44")
    if "scale" in changed:
        factor = changed["scale"]
        return (
            type(old).cubic(*(factor * c for c in (old.c11, old.c12, old.c44)))
            if cubic
            else Elasticity(tuple(tuple(factor * c for c in row) for row in old.voigt))
        )
    constants = independent_constants(old, material.lattice.laue_group) | dict(changed)
    if cubic:
        return type(old).cubic(**constants)
    return elasticity_of_constants(material.lattice.laue_group, list(constants.values()))


def _locate(material: Material, name: Any) -> tuple[str, str, int | None]:
    """Return the owner (plasticity, twinning, elasticity), the attribute and the family."""
    require_type(name, str, "free")
    found = _NAME.fullmatch(name)
    known = parameter_names(material)
    if found is None or found[1] not in known:
        raise ValueError(
            f"A free parameter must be one of {listing(known)}, with the family in brackets where "
            f"families differ, but is {name!r}."
        )
    owner, _, attribute = found[1].rpartition(".")
    owner = owner or "plasticity"
    if found[2] is None:
        return owner, attribute, None
    family = int(found[2])
    count = 0 if owner == "elasticity" else _families(material, owner)
    if family >= count:
        raise ValueError(
            f"The family of `{name}` must be below {count}, counted from 0, but is {family}."
        )
    return owner, attribute, family


def parameter_names(material: Material) -> list[str]:
    """Return the names of the parameters of a material that can be free."""
    law = material.plasticity
    names = _numbers(law)
    if getattr(law, "twinning", None) is not None:
        names += [f"twinning.{name}" for name in _numbers(law.twinning)]
    constants = independent_constants(material.elasticity, material.lattice.laue_group)
    return [*names, SCALE, *(f"elasticity.{name}" for name in constants)]


def _numbers(parameters: Any) -> list[str]:
    """Return the attributes that are a number, or one for each family."""
    if not is_dataclass(parameters):
        return []
    skipped = ("slip_systems", "systems", "twinning")
    names = [one.name for one in fields(parameters) if one.name not in skipped]
    return [name for name in names if not name.startswith("interaction")]


def _families(material: Material, owner: str) -> int:
    law = material.plasticity
    return len(law.twinning.systems if owner == "twinning" else law.slip_systems)


def _owner(material: Material, owner: str) -> Any:
    law = material.plasticity
    return law.twinning if owner == "twinning" else law
