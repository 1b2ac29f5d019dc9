"""Configuration of a calibration, read from YAML; its paths are relative to its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyxtal.calibration.read import STRAIN_UNITS, STRESS_UNITS
from polyxtal.files.validated import validate_document
from polyxtal.files.yaml import read_yaml
from polyxtal.texture.sheet import ROLLING_COMPONENTS

MAX_CONFIG = 2**20
"""Largest configuration. [bytes]"""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0.0)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


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
    """Bounds, scale and prior of a free parameter, see `FreeParameter`."""

    low: Number
    high: Number
    log: Annotated[bool, Field(strict=True)] = True
    prior: tuple[Number, Number] | None = None


class MeasuredCurve(_Part):
    """A measured curve, or repeats of it.

    Attributes:
        file: Table, or those of repeats.
        strain, stress: Name or number of the columns.
        strain_unit, stress_unit, measure: See `read_measurement`.
        name, direction, rate, deviation, cyclic, toe, frame, r_value: See `Measurement`.
    """

    file: Text | Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
    strain: Annotated[int, Field(strict=True, ge=0)] | Text = 0
    stress: Annotated[int, Field(strict=True, ge=0)] | Text = 1
    strain_unit: Literal[tuple(STRAIN_UNITS)] = "1"  # type: ignore[valid-type]
    stress_unit: Literal[tuple(STRESS_UNITS)] = "MPa"  # type: ignore[valid-type]
    measure: Literal["engineering", "true"] = "engineering"
    name: Annotated[str, Field(max_length=60)] | None = None
    direction: Literal["x", "y", "z"] | Number = "x"
    rate: Positive = 1e-3
    deviation: Positive | None = None
    cyclic: Annotated[bool, Field(strict=True)] = False
    toe: Annotated[bool, Field(strict=True)] = False
    frame: Annotated[bool, Field(strict=True)] = False
    r_value: tuple[Positive, Positive] | None = None

    def about(self) -> dict[str, Any]:
        """Return the arguments of `Measurement` beside the curve."""
        names = ("direction", "rate", "deviation", "cyclic", "toe", "frame", "r_value")
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
    free: Annotated[
        dict[Text, Bounds | tuple[Number, Number] | None], Field(min_length=1, max_length=30)
    ]
    measurements: Annotated[tuple[MeasuredCurve, ...], Field(min_length=1, max_length=100)]
    leaves: Annotated[int, Field(strict=True, ge=1, le=4096)] = 64
    starts: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    accuracy: Annotated[Number, Field(ge=1e-4, le=0.2)] | None = 0.01
    tolerance: Annotated[Number, Field(gt=0.0, lt=1.0)] = 2e-3
    posterior: Annotated[bool, Field(strict=True)] = True
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0


def read_config(path: str | Path) -> CalibrationConfig:
    """Read a configuration from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML or a field is missing, unknown or out of range.
    """
    return validate_document(CalibrationConfig, read_yaml(path, MAX_CONFIG), path)
