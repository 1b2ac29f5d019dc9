"""Encoders: models, and callables from polycrystals to vectors and tokens."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from polyxtal.files.wording import shorten, shorten_text
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel, load_model
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.tokens import patchify
from polyxtal.model.windows import windows
from polyxtal.training.finetune.encoders import untrained_copy

SHIPPED = "polyxtal-small"
MAX_WIDTH, MAX_TOKENS = 1 << 14, 1 << 15
"""Widest vector or token, and most tokens of a volume."""


class EncoderError(ValueError):
    """A caller's function raised, or returned no encoding."""


class Encoding(NamedTuple):
    """What an encoder says about polycrystals.

    Attributes:
        vectors: One vector for each. (n, d)
        tokens: Tokens of equal parts of each, along x, y, z. (n, tx, ty, tz, d) None if it has
            none.
    """

    vectors: Tensor
    tokens: Tensor | None


class Encoder(NamedTuple):
    """An encoder of the benchmark.

    Attributes:
        name: Name in the tables.
        identity: What identifies it, so that results of another one are not continued.
        encode: From polycrystals to their encoding.
        model: The model; None of a callable.
    """

    name: str
    identity: str
    encode: Callable[[Sequence[Polycrystal]], Encoding]
    model: FoundationModel | None = None


def open_encoder(given: str | Callable[..., Any]) -> Encoder:
    """Return the encoder that `module:function` or the name of a model stands for.

    Args:
        given: A callable, "module:function" (also of a file in the current folder), or a model as
            for `load_model`.
    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if there is no such module or function.
    """
    if callable(given):
        return _of_callable(given, getattr(given, "__qualname__", type(given).__name__))
    if ":" in given and not Path(given).exists():
        return _of_callable(_import(given), given)
    return _of_model(given, load_model(given))


def untrained_encoder(encoder: Encoder) -> Encoder:
    """Return a model as initialised; for a callable, that of the shipped model."""
    model = encoder.model or load_model(SHIPPED)
    return _of_model("untrained encoder", untrained_copy(model))


def _import(given: str) -> Callable[..., Any]:
    module, _, name = given.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(
            f"An encoder must be module:function, but {shorten(module)} cannot be imported: {error}"
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise ValueError(
            f"An encoder must be module:function, but {shorten(module)} has no function "
            f"{shorten(name)}."
        )
    return found


def _of_callable(function: Callable[..., Any], name: str) -> Encoder:
    try:
        source = inspect.getsource(sys.modules[getattr(function, "__module__", "")])
    except (OSError, TypeError, KeyError):
        source = repr(function)
    digest = hashlib.sha256(source.encode()).hexdigest()

    def encode(polycrystals: Sequence[Polycrystal]) -> Encoding:
        try:
            found = function(list(polycrystals))
        except Exception as error:  # whatever the caller's function may raise
            grid = " x ".join(map(str, polycrystals[0].grid))
            raised = shorten_text(f"{type(error).__name__}: {error}".removesuffix(": "))
            raise EncoderError(
                f"{name}: must encode a list of {len(polycrystals)} polycrystals of {grid} voxels, "
                f"but raised {raised}"
            ) from error
        vectors, tokens = found if isinstance(found, tuple) else (found, None)
        return _checked(name, len(polycrystals), vectors, tokens)

    return Encoder(name, digest, encode)


def with_answers(encoder: Encoder, polycrystals: Sequence[Polycrystal]) -> Encoder:
    """Return an encoder that is also identified by what it says about polycrystals.

    The source of a function does not tell of weights that it reads, or of other modules.
    """
    if encoder.model is not None:
        return encoder
    digest = hashlib.sha256(encoder.identity.encode())
    for part in encoder.encode(polycrystals):
        if part is not None:
            digest.update(part.numpy().tobytes())
    return encoder._replace(identity=digest.hexdigest())


def _checked(name: str, count: int, vectors: Any, tokens: Any) -> Encoding:
    try:
        vectors = torch.as_tensor(vectors).detach().to("cpu", torch.float32)
        found = (
            None if tokens is None else torch.as_tensor(tokens).detach().to("cpu", torch.float32)
        )
    except (TypeError, ValueError, RuntimeError) as error:
        kinds = " and ".join(type(p).__name__ for p in (vectors, tokens) if p is not None)
        raise EncoderError(
            f"{name}: must return arrays of numbers, but returns {kinds or None}."
        ) from error
    if vectors.ndim != 2 or len(vectors) != count or not 1 <= vectors.shape[1] <= MAX_WIDTH:
        raise EncoderError(
            f"{name}: must return vectors of shape ({count}, d) with d up to {MAX_WIDTH}, but "
            f"returns {tuple(vectors.shape)}."
        )
    if found is not None:
        sizes = tuple(found.shape)
        right = len(sizes) == 5 and sizes[0] == count and found[0, ..., 0].numel() <= MAX_TOKENS
        if not right or not 1 <= sizes[-1] <= MAX_WIDTH:
            raise EncoderError(
                f"{name}: must return tokens of shape ({count}, tx, ty, tz, d) with up to "
                f"{MAX_TOKENS} tokens each, but returns {sizes}."
            )
    for part in (vectors, found):
        if part is not None and not torch.isfinite(part).all():
            raise EncoderError(f"{name}: must return finite numbers, but does not.")
    return Encoding(vectors, found)


def _of_model(name: str, model: FoundationModel) -> Encoder:
    def encode(polycrystals: Sequence[Polycrystal]) -> Encoding:
        parts = [_encode(model, rve) for rve in polycrystals]
        vectors = torch.stack([part.vectors for part in parts])
        tokens = [part.tokens for part in parts if part.tokens is not None]
        return Encoding(vectors, torch.stack(tokens) if len(tokens) == len(parts) else None)

    return Encoder(name, fingerprint(model.autoencoder), encode, model)


@torch.no_grad()
def _encode(model: FoundationModel, rve: Polycrystal) -> Encoding:
    """Return [CLS] and the tokens of one polycrystal, those of a smaller one from its repeats."""
    edge, patch = model.config.voxels, model.config.patch
    if any(n > edge or n % patch for n in rve.grid):
        return Encoding(model.encode(rve), None)
    field = windows(rve, edge, model.config.seen).to(model.device)
    states = model.autoencoder.encoder(patchify(field, patch))[0].cpu()
    count = edge // patch
    tokens = states[1:].reshape(count, count, count, -1)
    nx, ny, nz = (n // patch for n in rve.grid)
    return Encoding(states[0], tokens[:nx, :ny, :nz])
