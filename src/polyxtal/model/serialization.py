"""Tensors as safetensors, beside a JSON file that describes them; never pickle."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from polyxtal.files.atomic import atomic_files
from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import shorten, shorten_text

MAX_CONFIG = 1 << 20

_FLOATS = {torch.float16: 2, torch.bfloat16: 2, torch.float32: 4, torch.float64: 8}
"""Types of weights, and their bytes."""
FORMER_NAMES: Mapping[str, str] = {
    "cls_token": "whole",
    "mask_token": "unknown",
    "relative_position_bias.table": "bias.table",
    "reconstruct.": "rebuild.",
    "out_of_distribution.": "familiarity.",
}
"""Parts of parameter names, and what they were called up to version 0.1."""


def former_name(name: str) -> str:
    """Return the name of a parameter up to version 0.1."""
    for new, old in FORMER_NAMES.items():
        name = name.replace(new, old)
    return name


def digest(module: nn.Module, dtype: torch.dtype) -> str:
    """Return the SHA-256 of a module's parameters and buffers, hexadecimal.

    Parameters go by their former names, so that heads of version 0.1 still know their encoder.

    Args:
        module: Module.
        dtype: Precision that numbers are rounded to, because files may hold no more.
    """
    found = hashlib.sha256()
    named = {former_name(name): value for name, value in module.state_dict().items()}
    for name, value in sorted(named.items()):
        found.update(name.encode())
        found.update(value.detach().to("cpu", dtype).contiguous().numpy().tobytes())
    return found.hexdigest()


def write_described(
    path: Path,
    kind: tuple[str, int],
    content: Mapping[str, Any],
    tensors: Mapping[Path, Mapping[str, Tensor]] | None = None,
) -> None:
    """Write a JSON description and its tensors atomically, all or nothing.

    Args:
        path: JSON file.
        kind: Format and its version.
        content: Content of the description: numbers, strings, lists and mappings.
        tensors: Tensors by safetensors file (default: none).
    """
    rest = {k: v for k, v in content.items() if k not in ("format", "format_version")}
    described = {"format": kind[0], "format_version": kind[1], **rest}
    text = json.dumps(described, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_files(*(tensors or {}), path) as (*weights_files, config_file):
        for file, named in zip(weights_files, (tensors or {}).values(), strict=True):
            contiguous = {name: value.contiguous() for name, value in named.items()}
            # By way of memory: safetensors' own writer hides the error of a full disk.
            file.write_bytes(save(contiguous, metadata={"format": "pt"}))
        config_file.write_text(text, encoding="utf-8")


def read_description(path: Path, kind: tuple[str, int]) -> dict[str, Any]:
    """Read a JSON description of a given format and version.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is damaged, too large, or of another format or version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: a model must be described there, but is not.")
    try:
        about = json.loads(read_bounded(path, MAX_CONFIG))
        found = about["format"], about["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: must be a model's description, but is not.") from error
    if found != kind:
        raise ValueError(
            f"{path}: must be a '{kind[0]}' of version {kind[1]}, but is {shorten(found[0])} "
            f"of version {shorten(found[1])}."
        )
    return about


def _size(path: Path) -> int:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: a model must have its weights there, but has none.")
    return path.stat().st_size


def check_parameters(
    files: Path | Sequence[Path], count: int, described: str, max_bytes: int
) -> None:
    """Check, before a module is built, that the header of a file lists as many weights.

    Args:
        files: Safetensors file, or several that together hold the weights.
        count: Number of parameters.
        described: Name of the file that gives the sizes, for error messages.
        max_bytes: Largest size that is read. [bytes]
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is too small or too large, or its header is damaged or lists fewer.
    """
    paths = [files] if isinstance(files, Path) else [*files]
    least, size = min(_FLOATS.values()) * count, sum(_size(path) for path in paths)
    if size < least:
        raise ValueError(
            f"{paths[0]}: must hold the {count} parameters of {described} in at least {least} "
            f"bytes, but has {size}."
        )
    _check_size(paths, max_bytes)
    listed = sum(_listed(path) for path in paths)
    if listed < count:
        raise ValueError(
            f"{paths[0]}: must hold the {count} parameters of {described}, but lists {listed}."
        )


def _listed(path: Path) -> int:
    """Return the number of weights that the header of a file lists."""
    try:
        with safe_open(path, "pt") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _check_size(paths: Sequence[Path], max_bytes: int) -> None:
    if sum(_size(path) for path in paths) > max_bytes:
        raise ValueError(f"{paths[0]}: must not exceed {max_bytes} bytes, but does.")


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path}: must be whole safetensors, but: {shorten_text(error)}.")


def read_state(
    files: Path | Sequence[Path],
    module: nn.Module,
    dtype: torch.dtype,
    described: str,
    max_bytes: int,
) -> dict[str, Tensor]:
    """Read a module's parameters and buffers, under their present or their former names.

    Args:
        files: Safetensors file, or several that together hold the tensors.
        module: Module whose names and shapes the file must have.
        dtype: Precision to return; files may hold less.
        described: Name of the file that gives the sizes, for error messages.
        max_bytes: Largest size that is read. [bytes]
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, too large, holds other tensors or numbers that are not finite.
    """
    paths = [files] if isinstance(files, Path) else [*files]
    _check_size(paths, max_bytes)
    path = paths[0]
    weights: dict[str, Tensor] = {}
    for one in paths:
        try:
            weights |= load_file(one)
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            raise _damaged(one, error) from error
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    present = {former_name(name): name for name in shapes}
    weights = {present.get(name, name): value for name, value in weights.items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if shapes != found:
        name = next(n for n in {**shapes, **found} if shapes.get(n) != found.get(n))
        raise ValueError(
            f"{path}: weights must be those of {described}, but {shorten(name)} has shape "
            f"{shorten(found.get(name))} instead of {shapes.get(name)}."
        )
    for name, value in weights.items():
        if value.dtype not in _FLOATS:
            raise ValueError(
                f"{path}: weights must be floating-point numbers of 16 to 64 bits, "
                f"but '{name}' is of {value.dtype}."
            )
        weights[name] = value.to(dtype)
        if not bool(torch.isfinite(weights[name]).all()):
            raise ValueError(
                f"{path}: weights must be finite in {dtype}, but some of '{name}' are not."
            )
    return weights
