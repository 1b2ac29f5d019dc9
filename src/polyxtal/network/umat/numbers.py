"""The laws of a network's phases as arrays of Fortran, all phases with equally many systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.elastic.law import ElasticLaw
from polyxtal.crystal.plasticity.law import PlasticityLaw
from polyxtal.crystal.plasticity.phenopowerlaw import kernel, twin_kernel
from polyxtal.crystal.plasticity.voce_kinematic import kernel as voce_kernel
from polyxtal.files.wording import listing

SQUARED = 256
"""Whole stress exponents of up to this are raised to by squaring, as in the compiled laws."""


@dataclass(frozen=True)
class Template:
    """How a law of Fortran describes its systems.

    Attributes:
        file: Template of the law.
        matrix: Name of the interaction matrix in the law's record.
        padding: Constants of each system, with the value where a phase has fewer systems.
        blocks: Parts of the state with a value for each system: start and scale of padding.
        scalars: Number of further internal variables.
    """

    file: str
    matrix: str
    padding: dict[str, float]
    blocks: tuple[tuple[float, float], ...]
    scalars: int


_FLOW = {"rate": 0.0, "exponents": 1.0}
TEMPLATES = {
    kernel: Template(
        "law_phenopowerlaw.f90",
        "hardening",
        {**_FLOW, "hardening_exponent": 1.0, "saturation_inverse": 0.0},
        ((1.0, 0.0),),
        0,
    ),
    twin_kernel: Template(
        "law_twinning.f90",
        "hardening",
        {
            **_FLOW,
            "hardening_exponent": 1.0,
            "saturation": 2.0,
            "saturation_increase": 0.0,
            "shear_inverse": 0.0,
            "factor": 0.0,
            "slip_power": 1.0,
            "twin_power": 0.0,
        },
        ((1.0, 0.0),),
        2,
    ),
    voce_kernel: Template(
        "law_voce_kinematic.f90",
        "interaction",
        {
            **_FLOW,
            "voce_stress": 1.0,
            "hardening_initial": 0.0,
            "hardening_final": 0.0,
            "modulus": 0.0,
            "recovery": 0.0,
        },
        ((1.0, 0.0), (0.0, 1.0)),
        1,
    ),
}


def template_of(materials: Sequence[Material], laws: Sequence[PlasticityLaw]) -> Template:
    """Return the template of the plasticity law that all phases but elastic ones share.

    Raises:
        ValueError: if there is none, or phases have different laws.
    """
    plastic = [
        (m, law)
        for m, law in zip(materials, laws, strict=True)
        if law.exponent and not isinstance(law, ElasticLaw)
    ]
    for material, law in plastic:
        if law.kernel not in TEMPLATES:
            raise ValueError(
                "A user material must have a law that is written in Fortran (phenopowerlaw, with "
                f"or without twins, voce_kinematic, none), but '{material.name}' has {law.name}."
            )
    kinds = {law.kernel: material.name for material, law in plastic}
    if len(kinds) > 1:
        raise ValueError(
            "All phases of a user material that slip must have the same plasticity law, with twins "
            f"or without, but those of {listing(list(kinds.values()))} differ."
        )
    return TEMPLATES[next(iter(kinds), kernel)]


def law_arrays(
    materials: Sequence[Material], laws: Sequence[PlasticityLaw], template: Template
) -> dict[str, np.ndarray]:
    """Return the constants of all phases; the last axis is the phase, as in Fortran."""
    systems = max(1, *(len(law.schmid) for law in laws))
    each = [_phase(m, law, template, systems) for m, law in zip(materials, laws, strict=True)]
    return {name: np.stack([one[name] for one in each], -1) for name in each[0]}


def _phase(
    material: Material, law: PlasticityLaw, template: Template, systems: int
) -> dict[str, np.ndarray]:
    record, count = law.record(material.elasticity)[0], len(law.schmid)

    def padded(values: np.ndarray, fill: float) -> np.ndarray:
        out = np.full(systems, fill)
        out[:count] = values
        return out

    matrix = np.zeros((systems, systems))
    schmid, mandel = np.zeros((3, 3, systems)), np.zeros((systems, 6))
    schmid[:, :, :count] = np.moveaxis(record["schmid"], 0, -1)
    mandel[:count] = record["schmid_mandel"].T
    constants = {name: np.full(systems, fill) for name, fill in template.padding.items()}
    if count:
        matrix[:count, :count] = record[template.matrix].T
        constants = {name: padded(record[name], fill) for name, fill in template.padding.items()}
    start, scale = law.initial_state().numpy(), law.state_scale().numpy()
    blocks = len(template.blocks) * count
    z, scales = [], []
    for k, (first, size) in enumerate(template.blocks):
        own = slice(k * count, (k + 1) * count)
        z.append(padded(start[own], first))
        scales.append(padded(scale[own], size))
    none = np.zeros(template.scalars)
    z.append(start[blocks:] if count else none)
    scales.append(scale[blocks:] if count else none + 1.0)
    return {
        "whole_exponent": np.array(_whole(record, "common_exponent", 1)),
        "whole_quarters": np.array(_whole(record, "quarters", 0)),
        "largest_exponent": np.array(law.exponent),
        "compliance": record["compliance"],
        "schmid": schmid,
        "schmid_mandel": mandel,
        "hardening": matrix,
        **constants,
        "z_initial": np.concatenate(z),
        "state_scale": np.concatenate(scales),
    }


def _whole(record: np.void, name: str, less: int) -> int:
    """Return a constant less a whole number, -1 where it is missing or not whole."""
    if name not in (record.dtype.names or ()):
        return -1
    value = float(record[name]) - less
    return int(value) if 0 <= value <= SQUARED and value == int(value) else -1
