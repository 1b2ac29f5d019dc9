"""Models in files: weights as safetensors, everything else as JSON beside them; never pickle.

config.json          sizes of the model, the recipe of its data, versions, how it was trained
model.safetensors    its weights
README.md            the model card
stiffness.json, stiffness.safetensors    a head that tells stiffness, if there is one; see `heads`
network.json         a head that tells curves, if there is one
parameters.json, parameters.safetensors  a head that tells a network's parameters, if there is one
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyxtal.files.atomic import atomic_files
from polyxtal.files.bounded import read_bounded
from polyxtal.model.config import ModelConfig
from polyxtal.model.mae import MaskedAutoencoder

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
STIFFNESS_CONFIG, STIFFNESS_WEIGHTS = "stiffness.json", "stiffness.safetensors"
NETWORK_CONFIG = "network.json"
PARAMETERS_CONFIG, PARAMETERS_WEIGHTS = "parameters.json", "parameters.safetensors"
FILES = (
    *(CONFIG, WEIGHTS, CARD, STIFFNESS_CONFIG, STIFFNESS_WEIGHTS, NETWORK_CONFIG),
    *(PARAMETERS_CONFIG, PARAMETERS_WEIGHTS),
)
"""All that a model's folder holds, and what is fetched from the hub."""
FORMAT, FORMAT_VERSION = "polyxtal model", 1
SHIPPED = Path(__file__).parent / "weights"
MAX_CONFIG = 1 << 20
MAX_WEIGHTS = 4 << 30
_HUB_ID = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}")


def save_model(
    folder: str | Path,
    model: MaskedAutoencoder,
    about: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model, whole or not at all.

    Args:
        folder: Made if it is not there.
        model: The model.
        about: What else to keep in `config.json`: recipe, training, results. Plain numbers,
            strings, lists and mappings.
        dtype: Of the stored weights; half precision halves the file.
    """
    from polyxtal.version import __version__

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "polyxtal": __version__,
        "model": model.config.model_dump(mode="json"),
        **(about or {}),
    }
    text = json.dumps(config, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    weights = {name: value.to(dtype).contiguous() for name, value in model.state_dict().items()}
    with atomic_files(target / WEIGHTS, target / CONFIG) as (weights_file, config_file):
        save_file(weights, weights_file, metadata={"format": "pt"})
        config_file.write_text(text, encoding="utf-8")


def read_model(folder: str | Path) -> tuple[MaskedAutoencoder, dict[str, Any]]:
    """Read a model and what its `config.json` says.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, too large, or of another kind or version.
    """
    source = Path(folder)
    about = read_description(source / CONFIG, FORMAT, FORMAT_VERSION)
    try:
        config = ModelConfig.model_validate(about["model"])
    except (ValidationError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{source / CONFIG}: must describe a model, but: {reason}.") from error
    model = MaskedAutoencoder(config)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = read_tensors(source / WEIGHTS, shapes, CONFIG)
    model.load_state_dict({name: value.to(torch.float32) for name, value in weights.items()})
    return model.eval(), about


def read_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], described: str, max_bytes: int = MAX_WEIGHTS
) -> dict[str, Tensor]:
    """Read tensors of known names and shapes.

    Args:
        path: A safetensors file.
        shapes: What it must hold.
        described: The file that says so, for the errors.
        max_bytes: Largest file that is read.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, too large, holds other tensors or numbers that are not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: a model must have its weights there, but has none.")
    if path.stat().st_size > max_bytes:
        raise ValueError(f"{path}: must not exceed {max_bytes} bytes, but does.")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: must be whole safetensors, but: {error}.") from error
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if shapes != found:
        name = next(n for n in {**shapes, **found} if shapes.get(n) != found.get(n))
        raise ValueError(
            f"{path}: weights must be those of {described}, but '{name}' has shape "
            f"{found.get(name)} instead of {shapes.get(name)}."
        )
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise ValueError(f"{path}: weights must be finite, but some are not.")
    return weights


def find_model(name: str | Path) -> Path:
    """Find a model's folder: a shipped name, a folder, or an id on the Hugging Face hub.

    Raises:
        FileNotFoundError: if there is no such model.
    """
    folder = Path(name)
    if (folder / CONFIG).is_file():
        return folder
    shipped = sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))
    if str(name) in shipped:
        return SHIPPED / str(name)
    if isinstance(name, str) and _HUB_ID.fullmatch(name) and not folder.exists():
        return _download(name)
    raise FileNotFoundError(
        f"{name}: a model must be one of {', '.join(shipped) or 'none shipped'}, a folder with "
        f"{CONFIG} and {WEIGHTS}, or an id 'owner/name' on the hub, but is none."
    )


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=[*FILES]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileNotFoundError(
            f"{name}: must be a model on the hub that can be reached, but: {reason}"
        ) from error


def read_description(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read a JSON file that must be of a kind and version.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is damaged, too large, or of another kind or version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: a model must be described there, but is not.")
    try:
        about = json.loads(read_bounded(path, MAX_CONFIG))
        found = about["format"], about["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: must be a model's description, but is not.") from error
    if found != (kind, version):
        raise ValueError(
            f"{path}: must be a '{kind}' of version {version}, but is '{found[0]}' "
            f"of version {found[1]}."
        )
    return about
