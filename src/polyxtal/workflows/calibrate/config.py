"""Configuration of a calibration, read from YAML; its paths are relative to its folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from polyxtal.calibration.read import STRAIN_UNITS, STRESS_UNITS
from polyxtal.files.validated import validate_document
from polyxtal.files.wording import shorten
from polyxtal.files.yaml import read_yaml
from polyxtal.mechanics.measures import AXES
from polyxtal.texture.sheet import ROLLING_COMPONENTS

MAX_CONFIG = 2**20
"""Largest configuration. [bytes]"""
MOST = 100
"""Most measurements, and most repeats of one."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0.0)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


def _column(given: Any) -> Any:
    number = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    if not number and not (isinstance(given, str) and 0 < len(given) <= 400):
        raise ValueError(
            f"must be the name of a column or its number from 0, but is {shorten(given)}"
        )
    return given


def _direction(given: Any) -> Any:
    number = isinstance(given, float | int) and not isinstance(given, bool)
    if given not in AXES and not (number and math.isfinite(given)):
        raise ValueError(
            "must be x, y, z or an angle in degrees from x towards y, but is " + shorten(given)
        )
    return given


def _listed(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


Column = Annotated[Any, BeforeValidator(_column)]
Direction = Annotated[Any, BeforeValidator(_direction)]
Files = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
"""One file, or several."""


def _not_empty(given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not 1 <= len(given) <= MOST:
        raise ValueError(f"must have 1 to {MOST} entries, but has {len(given)}")
    return given


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Specimen(_Part):
    """What was tested: a file, or a texture of rolling components.

    Attributes:
        file: Polycrystal, EBSD volume or texture.
        rolling: Volume shares of rolling components; the rest is random. [-]
        halfwidth: Half-width of the components. [degrees]
        grains: Number of grains that stand for a texture.
        random: Whether crystals have no preferred orientation.
    """

    file: Text | None = None
    rolling: dict[Literal[tuple(ROLLING_COMPONENTS)], Number] | None = None  # type: ignore[valid-type]
    halfwidth: Annotated[Number, Field(gt=0.5, le=60.0)] = 15.0
    grains: Annotated[int, Field(strict=True, ge=27, le=4096)] = 343
    random: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _one(self) -> Specimen:
        given = [self.file is not None, self.rolling is not None, self.random]
        if sum(given) != 1:
            raise ValueError("`specimen` must be one of file, rolling and random: true")
        return self


class Bounds(_Part):
    """Bounds, scale and prior of a free parameter, see `FreeParameter`; or a list of two bounds."""

    low: Number
    high: Number
    log: Annotated[bool, Field(strict=True)] = True
    prior: tuple[Number, Number] | None = None

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return given
        numbers = isinstance(given, list | tuple) and [
            v for v in given if isinstance(v, float | int) and not isinstance(v, bool)
        ]
        if not numbers or len(given) != 2 or len(numbers) != 2:
            raise ValueError(
                f"must be [low, high], a mapping with these, or null, but is {shorten(given)}"
            )
        return {"low": given[0], "high": given[1], "log": given[0] > 0}


class MeasuredCurve(_Part):
    """A measured curve, or repeats of it.

    Attributes:
        file: Table, or those of repeats.
        strain, stress: Name or number of the columns.
        strain_unit, stress_unit, measure: See `read_measurement`.
        name, direction, rate, temperature, deviation, cyclic, toe, frame, r_value: See
            `Measurement`.
    """

    file: Files
    strain: Column = 0
    stress: Column = 1
    strain_unit: Literal[tuple(STRAIN_UNITS)] = "1"  # type: ignore[valid-type]
    stress_unit: Literal[tuple(STRESS_UNITS)] = "MPa"  # type: ignore[valid-type]
    measure: Literal["engineering", "true"] = "engineering"
    name: Annotated[str, Field(max_length=60)] | None = None
    direction: Direction = "x"
    rate: Positive = 1e-3
    temperature: Positive | None = None
    deviation: Positive | None = None
    cyclic: Annotated[bool, Field(strict=True)] = False
    toe: Annotated[bool, Field(strict=True)] = False
    frame: Annotated[bool, Field(strict=True)] = False
    r_value: tuple[Positive, Positive] | None = None

    @field_validator("file")
    @classmethod
    def _some(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return _not_empty(given)

    def about(self) -> dict[str, Any]:
        """Return the arguments of `Measurement` beside the curve."""
        names = (
            "direction",
            "rate",
            "temperature",
            "deviation",
            "cyclic",
            "toe",
            "frame",
            "r_value",
        )
        named = {} if self.name is None else {"name": self.name}
        return named | {name: getattr(self, name) for name in names}


class CalibrationConfig(_Part):
    """Configuration of a calibration.

    Attributes:
        specimen: What was tested.
        material: Shipped name or phase file with first values.
        free: Free parameters: names with [low, high], with `Bounds`, or without any (null).
        measurements: Curves, fitted together.
        leaves, starts, accuracy, tolerance, posterior, seed: See `CalibrationSettings`.
    """

    specimen: Specimen
    material: Text
    free: Annotated[dict[Text, Bounds | None], Field(min_length=1, max_length=30)]
    measurements: tuple[MeasuredCurve, ...]
    leaves: Annotated[int, Field(strict=True, ge=1, le=4096)] = 64
    starts: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    accuracy: Annotated[Number, Field(ge=1e-4, le=0.2)] | None = 0.01
    tolerance: Annotated[Number, Field(gt=0.0, lt=1.0)] = 2e-3
    posterior: Annotated[bool, Field(strict=True)] = True
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0

    @field_validator("measurements")
    @classmethod
    def _some(cls, given: tuple[MeasuredCurve, ...]) -> tuple[MeasuredCurve, ...]:
        return _not_empty(given)


def read_config(path: str | Path) -> CalibrationConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(CalibrationConfig, read_yaml(path, MAX_CONFIG), path)
