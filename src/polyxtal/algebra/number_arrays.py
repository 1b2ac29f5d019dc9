"""Arrays of numbers that callers give as tensors, NumPy arrays or nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.argument_types import with_article


def number_array(values: Any, argument: str) -> NDArray[np.generic]:
    """Return values as a NumPy array on the CPU, in their own precision.

    Args:
        values: Tensor, NumPy array or nested lists of numbers; whatever the caller was given.
        argument: Name of the caller's argument, for errors.
    Raises:
        ValueError: if they are not numbers, or nested lists differ in length.
    """
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise ValueError(
            f"Argument `{argument}` must be an array, but its nested lists differ in length."
        ) from error
    if array.dtype.kind not in "biuf":
        of = "" if array.dtype == object and not array.shape else f" of {array.dtype}"
        raise ValueError(
            f"Argument `{argument}` must be an array of numbers, but is "
            f"{with_article(type(values))}{of}."
        )
    return array


def number_tensor(values: Any, argument: str) -> Tensor:
    """Return values in double precision: a tensor with its gradient, or a copy of others.

    Raises:
        ValueError: see `number_array`.
    """
    if isinstance(values, Tensor):
        return values.to(torch.float64)
    return torch.from_numpy(number_array(values, argument).astype(np.float64))
