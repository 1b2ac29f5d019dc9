"""Weights in several files, each below a size, as hosts of repositories and e-mail want them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

HEADER = 1 << 16
"""Room left for the header of a file. [bytes]"""
MAX_SHARDS = 99_999
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")


def split_weights(
    path: Path, weights: Mapping[str, Tensor], limit: int
) -> dict[Path, dict[str, Tensor]]:
    """Distribute weights, in order, to files of a limited size.

    Args:
        path: The one file that would hold all: `model.safetensors`.
        weights: Tensors by name.
        limit: Largest file. [bytes]
    Returns:
        Tensors by file: `path` if it is large enough, else `model-00001-of-00003.safetensors`, ...
    Raises:
        ValueError: if a single tensor is larger, or too many files were needed.
    """
    parts: list[dict[str, Tensor]] = [{}]
    room = limit - HEADER
    for name, value in weights.items():
        size = value.numel() * value.element_size()
        if size > limit - HEADER:
            raise ValueError(
                f"{path}: a file of at most {limit} bytes must hold the largest matrix, but "
                f"'{name}' has {size} bytes."
            )
        if size > room:
            parts.append({})
            room = limit - HEADER
        parts[-1][name] = value
        room -= size
    if len(parts) == 1:
        return {path: parts[0]}
    if len(parts) > MAX_SHARDS:
        raise ValueError(f"{path}: must fit into {MAX_SHARDS} files, but needs {len(parts)}.")
    return {_shard(path, k + 1, len(parts)): part for k, part in enumerate(parts)}


def weight_files(path: Path) -> list[Path]:
    """Return the file of the weights, or the files that they are distributed to.

    Raises:
        FileNotFoundError: if one of several is missing.
        ValueError: if there are files of several distributions.
    """
    found = _shards(path)
    if path.is_file() or not found:
        return [path]
    totals = {match[2] for one in found if (match := _SHARD.search(one.stem))}
    if len(totals) > 1:
        raise ValueError(f"{path.parent}: must hold the weights of one model, but of several.")
    total = int(totals.pop())
    wanted = [_shard(path, k, total) for k in range(1, total + 1)] if total == len(found) else []
    if wanted != found:
        raise FileNotFoundError(
            f"{path.parent}: must hold all {total} files of the weights, but has {len(found)}."
        )
    return found


def remove_weights(path: Path, keep: Iterable[Path]) -> None:
    """Remove the files of an earlier distribution."""
    for file in {path, *_shards(path)} - set(keep):
        file.unlink(missing_ok=True)


def _shards(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}-?????-of-?????{path.suffix}"))


def _shard(path: Path, number: int, total: int) -> Path:
    return path.with_name(f"{path.stem}-{number:05d}-of-{total:05d}{path.suffix}")
