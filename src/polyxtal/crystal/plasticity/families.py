"""Parameters that may differ between families of slip or twin systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

PerFamily = float | tuple[float, ...]
"""One value for all families, or one for each; values of families without systems are ignored."""


def spread(values: PerFamily, counts: Sequence[int]) -> Float[Tensor, " systems"]:
    """Return the value of every system from that of its family.

    Args:
        values: One value for all families, or one for each.
        counts: Number of systems of each family.
    """
    each = (values,) * len(counts) if isinstance(values, int | float) else values
    pairs = zip(each, counts, strict=True)
    parts = [float(value) for value, count in pairs for _ in range(count)]
    return torch.tensor(parts, dtype=torch.float64)


def checked_counts(counts: Sequence[int], name: str) -> tuple[int, ...]:
    """Return the number of systems of each family as a tuple.

    Raises:
        ValueError: if one is negative or not whole.
    """
    given = (counts,) if isinstance(counts, int) else tuple(counts)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given):
        raise ValueError(
            f"Argument `{name}` must be the number of systems of each family, but is {given}."
        )
    return given


def checked(
    values: PerFamily | Sequence[float],
    counts: Sequence[int],
    name: str,
    least: float,
    open_bound: bool = True,
) -> PerFamily:
    """Return one value, or one for each family as a tuple.

    Raises:
        ValueError: if they are no numbers, not as many as families, or one that is used is not
            finite or not above `least` (or equal to it, unless `open_bound`).
    """
    families = len(counts)
    if isinstance(values, int | float):
        kept: PerFamily = values
        each = (values,) * families
    else:
        kept = each = _floats(values, f"Argument `{name}` must be a number, or one for each family")
        if len(each) != families:
            raise ValueError(
                f"Argument `{name}` must have one value for each of the {families} families, "
                f"but has {len(each)}."
            )
    for family, (value, count) in enumerate(zip(each, counts, strict=True)):
        bad = not math.isfinite(value) or value < least or (open_bound and value == least)
        if count > 0 and bad:
            wanted = {
                (0.0, True): "positive and finite",
                (0.0, False): "finite and not negative",
            }.get((least, open_bound), f"at least {least:g}")
            where = "" if families == 1 else f" for family {family + 1}"
            raise ValueError(f"Argument `{name}` must be {wanted}, but is {value}{where}.")
    return kept


def checked_list(values: Sequence[float], name: str) -> tuple[float, ...]:
    """Return interaction coefficients as a tuple.

    Raises:
        ValueError: if one is not finite.
    """
    sentence = f"Argument `{name}` must hold finite coefficients"
    given = _floats(values, sentence)
    if not all(math.isfinite(v) for v in given):
        raise ValueError(f"{sentence}, but is {given}.")
    return given


def _floats(values: Sequence[float], sentence: str) -> tuple[float, ...]:
    if not isinstance(values, str):  # its letters might be digits
        try:
            return tuple(float(v) for v in values)
        except (TypeError, ValueError):
            pass
    raise ValueError(f"{sentence}, but is {values!r}.")


def check_slip(parameters: Any, bounds: Mapping[str, tuple[float, bool]]) -> None:
    """Validate the common parameters of slip laws, and store sequences as tuples.

    Args:
        parameters: Frozen dataclass with `slip_systems`, `interaction` and the names in `bounds`.
        bounds: Lower bound of each parameter by name, and whether it is exclusive.

    Raises:
        ValueError: if there is no system, or a value that is used is not finite or out of bounds.
    """
    counts = checked_counts(parameters.slip_systems, "slip_systems")
    if sum(counts) == 0:
        raise ValueError(
            f"Argument `slip_systems` must have a system in some family, but is {counts}."
        )
    object.__setattr__(parameters, "slip_systems", counts)
    for name, (least, open_bound) in bounds.items():
        value = checked(getattr(parameters, name), counts, name, least, open_bound)
        object.__setattr__(parameters, name, value)
    interaction = checked_list(parameters.interaction, "interaction")
    object.__setattr__(parameters, "interaction", interaction)
