"""Shifts between the sections of a stack, from the correlation of their orientations.

Each indexed point carries the symmetrised harmonics of its crystal, minus their mean over the
section, in the components of its own phase. Their cross-correlation over all shifts, divided by the
norms over the points that both sections have measured, is 1 for equal sections and about 0 for
unrelated ones, whatever the crystals' symmetry and the frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.texture.harmonics import harmonic_degrees, symmetric_harmonics

MIN_OVERLAP = 0.5
"""Least share of the points measured in both sections, of the most at any shift. [-]"""

MARGIN = 0.02
"""Gain of correlation from which a shift is believed. [-]"""

MIN_CORRELATION = 0.5
"""Least correlation at which a shift is believed. [-]"""

ORDER_MARGIN = 0.05
"""Gain of correlation from which the next section but one is told to be nearer. [-]"""

Shift = tuple[int, int]
"""Shift along x and y. [steps]"""


class Match(NamedTuple):
    """How a section lies on another.

    Attributes:
        shift: Place of the other section's first point on this one. [steps]
        correlation: Correlation at that shift. [-]
    """

    shift: Shift
    correlation: float


def align(sections: Sequence[EbsdMap]) -> tuple[Shift, ...]:
    """Return the place of each section's first point relative to that of the first section.

    A warning names sections that resemble the next but one more than the one between.

    Args:
        sections: Sections in their order, with phases of one list.
    """
    place, found = (0, 0), [(0, 0)]
    odd: list[str] = []
    for one, other, after in zip(sections, sections[1:], [*sections[2:], None], strict=False):
        match = best_shift(one, other)
        place = place[0] + match.shift[0], place[1] + match.shift[1]
        found.append(place)
        if after is not None:
            beyond = best_shift(one, after).correlation
            if beyond > match.correlation + ORDER_MARGIN:
                odd.append(
                    f"{one.path.name} is more like {after.path.name} ({beyond:.2f}) than "
                    f"like {other.path.name} ({match.correlation:.2f}) between them"
                )
    if odd:
        more = f", and {len(odd) - 1} more like it" if len(odd) > 1 else ""
        warnings.warn(
            f"Sections must be in their order in the specimen, but {odd[0]}{more}.", stacklevel=4
        )
    return tuple(found)


def best_shift(one: EbsdMap, other: EbsdMap) -> Match:
    """Return the shift at which a section correlates best with another.

    The shift is zero unless another one is better by `MARGIN` and at least `MIN_CORRELATION`.
    """
    shapes = np.array([one.grid, other.grid])
    size = [int(next_fast_len(int(n), real=True) or n) for n in shapes.sum(0)]

    def correlate(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.fft.irfft2(np.fft.rfft2(a, size) * np.conj(np.fft.rfft2(b, size)), size)

    measured = [m.indexed.numpy().astype(np.float32) for m in (one, other)]
    product = np.float32(0)
    power = [np.zeros(m.grid, np.float32) for m in (one, other)]
    for a, b in zip(_components(one), _components(other), strict=True):
        product = product + correlate(a, b)
        power[0] += a * a
        power[1] += b * b
    norms = correlate(power[0], measured[1]) * correlate(measured[0], power[1])
    common = correlate(measured[0], measured[1])
    smallest = 1e-6 * max(float(norms.max()), 1e-30)
    correlation = product / np.sqrt(np.maximum(norms, smallest))
    correlation[common < MIN_OVERLAP * common.max()] = -1
    best = np.unravel_index(int(correlation.argmax()), correlation.shape)
    stay = float(correlation[0, 0])
    if correlation[best] <= max(stay + MARGIN, MIN_CORRELATION):
        return Match((0, 0), stay)
    x, y = (int(k) if k < n else int(k) - s for k, n, s in zip(best, shapes[0], size, strict=True))
    return Match((x, y), float(correlation[best]))


def _components(section: EbsdMap) -> Iterator[NDArray[np.float32]]:
    """Yield the harmonics of each phase's crystals, zero elsewhere; phases count, too."""
    indexed = section.indexed
    for index in range(len(section.phase_names)):
        mine = section.phase == index
        if len(section.phase_names) > 1:
            share = float(mine[indexed].double().mean()) if bool(indexed.any()) else 0.0
            yield _image(indexed, mine[indexed].double() - share)
        if section.lattices is not None and section.lattices[index] is None:
            continue  # of unknown symmetry
        group = section.laue_group(index)
        crystals = section.orientations[mine]
        for degree in harmonic_degrees(group):
            values = symmetric_harmonics(crystals, degree, group)
            centred = values - values.mean(0) if len(values) else values
            yield from (_image(mine, column) for column in centred.unbind(-1))


def _image(mask: Tensor, values: Tensor) -> NDArray[np.float32]:
    image = np.zeros(tuple(mask.shape), np.float32)
    image[mask.numpy()] = values.numpy()
    return image
