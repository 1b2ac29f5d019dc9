"""DAMASK's load files: YAML with a list of load steps, stresses in Pa.

The key `R` turns the load: the quaternion of its axes, as `O` is that of a crystal's. The key
`basis` is not DAMASK's: nine tensors that are no dyads of turned axes, see `LoadStep`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from polyxtal.algebra.rotation import matrix_to_quaternion, quaternion_to_matrix
from polyxtal.files.wording import shorten, shorten_text
from polyxtal.files.yaml import read_yaml
from polyxtal.mechanics.loading.step import FREE, LoadStep, Matrix, checked_basis, load_matrix

MAX_FILE = 2**24
"""Largest load file. [bytes]"""

UNIT = 1e-3
"""Largest deviation of the length of a quaternion from 1. [-]"""

PASCAL = 1e-6
"""One pascal. [MPa]"""


def parse_damask_load(
    loadstep: str | Path | Mapping[str, Any] | Sequence[Any],
) -> tuple[LoadStep, ...]:
    """Return the load steps of a load file, of its parsed content, or of its `loadstep` list.

    Raises:
        ValueError: naming the load step and the key that is missing, unknown or invalid.
    """
    where = "The load"
    if isinstance(loadstep, str | Path):
        where = f"{loadstep}: the load"
        loadstep = read_yaml(loadstep, MAX_FILE)
    if isinstance(loadstep, Mapping):
        if "loadstep" not in loadstep:
            raise ValueError(f"{where} must have a `loadstep` list, but has none.")
        loadstep = loadstep["loadstep"]
    if not isinstance(loadstep, Sequence) or isinstance(loadstep, str) or not loadstep:
        raise ValueError(f"{where} must hold a list of load steps, but holds {shorten(loadstep)}.")
    return tuple(_parse_step(step, f"{where}, step {k + 1}") for k, step in enumerate(loadstep))


def dump_damask_load(steps: Iterable[LoadStep]) -> dict[str, Any]:
    """Return load steps as the content of a DAMASK load file."""

    def rows(matrix: Matrix, scale: float) -> list[list[float | str]]:
        return [["x" if math.isnan(v) else v * scale for v in row] for row in matrix]

    dumped = []
    for step in steps:
        mechanical: dict[str, Any] = {}
        if step.basis is not None:
            if step.axes is None:
                mechanical["basis"] = [list(row) for row in step.basis]
            else:
                mechanical["R"] = matrix_to_quaternion(torch.from_numpy(step.axes)).tolist()
        if not np.isnan(step.deformation).all():
            mechanical[step.deformation_kind] = rows(step.deformation, 1.0)
        if not np.isnan(step.stress).all():
            mechanical[step.stress_kind] = rows(step.stress, 1 / PASCAL)
        discretization: dict[str, Any] = {"t": step.duration, "N": step.increments}
        if step.ratio != 1.0:
            discretization["r"] = step.ratio
        dumped.append(
            {
                "boundary_conditions": {"mechanical": mechanical},
                "discretization": discretization,
                "f_out": 1,
            }
        )
    return {"solver": {"mechanical": "spectral_basic"}, "loadstep": dumped}


_STEP_KEYS = {"boundary_conditions", "discretization", "estimate_rate", "f_out", "f_restart"}


def _parse_step(step: Any, where: str) -> LoadStep:
    def need(mapping: Any, key: str) -> Any:
        if not isinstance(mapping, Mapping) or key not in mapping:
            raise ValueError(f"{where} must have the key `{key}`, but has none.")
        return mapping[key]

    mechanical = need(need(step, "boundary_conditions"), "mechanical")
    discretization = need(step, "discretization")
    for mapping, known in (
        (step, _STEP_KEYS),
        (step["boundary_conditions"], {"mechanical"}),
        (mechanical, {"dot_F", "F", "L", "P", "dot_P", "R", "basis"}),
        (discretization, {"t", "N", "r"}),
    ):
        if not isinstance(mapping, Mapping):
            raise ValueError(
                f"{where} must map the keys {sorted(known)}, but holds {shorten(mapping)} instead."
            )
        unknown = set(mapping) - known
        if unknown:
            strange = shorten_text(min(map(str, unknown)))
            raise ValueError(f"{where} must use the keys {sorted(known)}, but has `{strange}`.")
    kinds_f = [k for k in ("dot_F", "F", "L") if k in mechanical]
    kinds_p = [k for k in ("P", "dot_P") if k in mechanical]
    if len(kinds_f) > 1 or len(kinds_p) > 1 or not kinds_f + kinds_p:
        raise ValueError(
            f"{where} must prescribe one of dot_F, F, L and at most one of P, dot_P, "
            f"but prescribes {kinds_f + kinds_p}."
        )
    try:
        duration, count = (_number(need(discretization, key)) for key in ("t", "N"))
        if not count.is_integer():
            raise ValueError(f"`N` must be a whole number of increments, but is {count:g}.")
        deformation = (
            _parse_matrix(mechanical[kinds_f[0]]) if kinds_f else load_matrix([[FREE] * 3] * 3)
        )
        stress = (
            _parse_matrix(mechanical[kinds_p[0]], PASCAL)
            if kinds_p
            else load_matrix([[FREE] * 3] * 3)
        )
        step = LoadStep(
            duration,
            int(count),
            deformation,
            kinds_f[0] if kinds_f else "dot_F",  # type: ignore[arg-type]
            stress,
            kinds_p[0] if kinds_p else "P",  # type: ignore[arg-type]
            _number(discretization.get("r", 1.0)),
            checked_basis(mechanical["basis"]) if "basis" in mechanical else None,
        )
        return step.turned(_parse_rotation(mechanical["R"])) if "R" in mechanical else step
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} is invalid: {shorten_text(error)}") from error


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(f"a number is needed, but {value} was given.")
    return float(value)


def _parse_rotation(values: Any) -> np.ndarray:
    """Return the rotation matrix of a unit quaternion."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 4:
        raise ValueError(f"`R` must be a quaternion, four numbers, but is {shorten(values)}.")
    quaternion = torch.tensor([_number(v) for v in values], dtype=torch.float64)
    if not abs(float(quaternion.norm()) - 1) < UNIT:
        raise ValueError(f"`R` must be a unit quaternion, but is {shorten(values)}.")
    return quaternion_to_matrix(quaternion / quaternion.norm()).numpy()


def _is_triple(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3


def _parse_matrix(rows: Any, scale: float = 1.0) -> Matrix:
    if not (_is_triple(rows) and all(_is_triple(row) for row in rows)):
        raise ValueError(f"a boundary condition must be a 3x3 matrix, but is {shorten(rows)}.")
    return load_matrix([[FREE if v == "x" else _number(v) * scale for v in row] for row in rows])
