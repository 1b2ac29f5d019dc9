"""The orientation density of the grains of a volume, a map, a stack, or a list of orientations.

Neighbouring points of a map repeat the orientation of their grain. The density therefore has one
kernel for each grain, weighted by its volume or area: the rule for the half-width and the bootstrap
see as many independent orientations as there are grains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.ebsd import EbsdMap, GrainMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.segment import DEFAULT_THRESHOLD
from polyxtal.microstructure.stack import EbsdStack, StackGrains
from polyxtal.texture.distribution import DiscreteTexture, unit_quaternions
from polyxtal.texture.halfwidth import RULES
from polyxtal.texture.kernels import DE_LA_VALLEE_POUSSIN
from polyxtal.texture.orientation_density import ODF
from polyxtal.texture.zone import as_group

Grains = Polycrystal | GrainMap | StackGrains | EbsdMap | EbsdStack
Source = Grains | DiscreteTexture | ArrayLike | Tensor
"""What an orientation density is estimated from."""


class OrientationSample(NamedTuple):
    """Independent orientations of one phase.

    Attributes:
        orientations: Unit quaternions. [-]
        weights: Volume or area of each in any unit; None for equal ones.
        laue: Laue group of the crystals.
        lattice: Lattice of the phase, None if it is unknown.
        phase: Name of the phase, empty if it has none.
    """

    orientations: Float[Tensor, "n 4"]
    weights: Float[Tensor, " n"] | None
    laue: LaueGroup
    lattice: Lattice | None
    phase: str


def estimate_odf(
    source: Source,
    phase: str | None = None,
    *,
    weights: ArrayLike | Tensor | None = None,
    halfwidth: float | None = None,
    rule: str = RULES[0],
    laue: str | LaueGroup | None = None,
    sample_symmetry: str = "triclinic",
    threshold: float | None = None,
    kernel: str = DE_LA_VALLEE_POUSSIN,
) -> ODF:
    """Estimate the orientation density of one phase, with a kernel about each of its grains.

    The bands of the result (`ODF.bands`) resample grains.

    Args:
        source: Volume, map, stack or their grains, weighted by volume or area; a texture of
            weighted orientations; or unit quaternions (n, 4) of independent crystals. Grains of
            maps and stacks are those of `grains(threshold, fill=False)`: points that were not
            indexed do not count.
        phase: Name of the phase, if several are there; the last part of names such as
            "austenite/austenite" suffices where it is the only one.
        weights: Volume of each quaternion in any unit (default: equal); of quaternions only.
        halfwidth: Half-width of the kernel (default: by the rule). [rad]
        rule: "cross-validation" or "plug-in", see `ODF.from_orientations`.
        laue: Laue group, where the source does not say it (default: m-3m).
        sample_symmetry: triclinic, monoclinic or orthorhombic.
        threshold: Disorientation at a grain boundary (default: 5° in maps and stacks); if it is
            given, neighbouring grains of a volume are joined below it. [rad]
        kernel: Name of the kernel.
    Raises:
        ValueError: if the phase is missing or unknown, its symmetry is unknown or another than
            `laue`, or an argument does not fit the source.

    Example:
        >>> import math
        >>> import polyxtal as px
        >>> goss = px.rolling_component("goss", halfwidth=0.2)
        >>> rve = px.tessellate(grid=16, grains=200, texture=goss, seed=0)
        >>> odf = px.estimate_odf(rve, halfwidth=math.radians(10))
        >>> len(odf.centres), odf.index > 5
        (200, True)
    """
    sample = orientation_sample(source, phase, weights, laue, threshold)
    return ODF.from_orientations(
        sample.orientations, sample.weights, halfwidth, rule, sample.laue, sample_symmetry, kernel
    )


def orientation_sample(
    source: Source,
    phase: str | None = None,
    weights: ArrayLike | Tensor | None = None,
    laue: str | LaueGroup | None = None,
    threshold: float | None = None,
) -> OrientationSample:
    """Return the orientations that `estimate_odf` takes, see there.

    Raises:
        ValueError: if an argument does not fit the source.
    """
    given = None if laue is None else as_group(laue)
    require_type(phase, (str, type(None)), "phase")
    if threshold is not None:
        require_number(threshold, "threshold")
    if isinstance(source, Grains):
        _left_out(weights=weights)
        return _of_grains(source, phase, given, threshold)
    _left_out(phase=phase, threshold=threshold)
    if isinstance(source, DiscreteTexture):
        _left_out(weights=weights)
        _same_group(source.laue, given, "Argument")
        kept = source.weights > 0
        return OrientationSample(source.points[kept], source.weights[kept], source.laue, None, "")
    q = unit_quaternions("source", number_tensor(source, "source"))
    share = None if weights is None else number_tensor(weights, "weights")
    return OrientationSample(q, share, CUBIC if given is None else given, None, "")


def _of_grains(
    source: Grains,
    phase: str | None,
    given: LaueGroup | None,
    threshold: float | None,
) -> OrientationSample:
    minimum = 5
    if isinstance(source, Polycrystal) and threshold is not None:
        source, minimum = _as_stack(source), 1
    measured = source.source if isinstance(source, GrainMap | StackGrains) else source
    file = "" if isinstance(measured, Polycrystal) else str(measured.path)
    where = f"{file}: argument" if file else "Argument"
    names, lattices = measured.phase_names, measured.lattices
    index = _chosen(names, _amounts(source, len(names)), phase, where)
    lattice = Lattice("c") if lattices is None else lattices[index]
    if lattice is not None:
        laue = lattice.laue_group
        _same_group(laue, given, where)
    elif given is not None:
        laue, lattice = given, Lattice.of_laue_group(given.name)
    else:
        laue = measured.laue_group(index)  # cubic in volumes, an error in maps
    if isinstance(source, EbsdMap | EbsdStack):
        every = tuple(lattice if k == index else None for k in range(len(names)))
        of_phase = replace(source.keep(source.phase == index), lattices=every)
        angle = DEFAULT_THRESHOLD if threshold is None else threshold
        source = of_phase.grains(angle, fill=False, minimum=minimum)
    elif threshold is not None:
        raise ValueError(
            f"{where} `threshold` must be left out where grains are given, but is {threshold:g}."
        )
    size = _sizes(source)
    kept = (source.phase == index) & (size > 0)
    return OrientationSample(source.orientations[kept], size[kept], laue, lattice, names[index])


def _as_stack(rve: Polycrystal) -> EbsdStack:
    cubic = Lattice("c")
    lattices = tuple(cubic if one is None else one for one in rve.lattices)
    return EbsdStack(
        rve.orientation_field(), rve.phase[rve.grain_id], rve.phase_names, rve.spacing, {},
        Path("volume"), lattices,
    )  # fmt: skip


def _sizes(grains: Polycrystal | GrainMap | StackGrains) -> Float[Tensor, " grains"]:
    if isinstance(grains, Polycrystal):
        return grains.volume_fractions
    return grains.area if isinstance(grains, GrainMap) else grains.volume


def _amounts(source: Grains, phases: int) -> Float[Tensor, " phases"]:
    """Return the amount of each phase in any unit."""
    if isinstance(source, EbsdMap | EbsdStack):
        return torch.bincount(source.phase[source.indexed], minlength=phases).double()
    return torch.zeros(phases).double().index_add(0, source.phase, _sizes(source))


def _chosen(names: Sequence[str], amounts: Tensor, phase: str | None, where: str) -> int:
    present = [k for k in range(len(names)) if float(amounts[k]) > 0]
    if not present:
        raise ValueError(f"{where.partition(': ')[0]}: some point must be indexed, but none is.")
    if phase is not None:
        exact = [k for k in present if names[k] == phase]
        last = [k for k in present if names[k].rpartition("/")[2] == phase]
        if exact or len(last) == 1:
            return (exact or last)[0]
        found = listing(names[k] for k in present)
        raise ValueError(
            f"{where} `phase` must be one of those with grains, {found}, but is {shorten(phase)}."
        )
    if len(present) == 1:
        return present[0]
    found = ", ".join(
        f"{names[k]} ({100 * float(amounts[k] / amounts.sum()):.3g} %)" for k in present
    )
    raise ValueError(
        f"{where} `phase` must name one of those with grains, {found}, but is missing."
    )


def _same_group(laue: LaueGroup, given: LaueGroup | None, where: str) -> None:
    if given is not None and given != laue:
        raise ValueError(
            f"{where} `laue` must be the crystals' Laue group, {laue.name}, or be left "
            f"out, but is {given.name}."
        )


def _left_out(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"Argument `{name}` must be left out for this source, but is given.")
