"""Model folders: weights as safetensors, everything else as JSON beside them; never pickle.

config.json          model sizes, recipe of the training data, versions, training, results
model.safetensors    weights of the masked autoencoder, or model-00001-of-00003.safetensors, ...
README.md            model card
                     and the files of each head, see `model.heads`
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from polyxtal.argument_types import require_path
from polyxtal.files.wording import shorten
from polyxtal.model.config import ModelConfig
from polyxtal.model.heads.registry import known_heads
from polyxtal.model.hub import download
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.parameter_count import parameter_count
from polyxtal.model.serialization import (
    check_parameters,
    read_description,
    read_state,
    write_described,
)
from polyxtal.model.shards import remove_weights, split_weights, weight_files

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
SHARDS = "model-?????-of-?????.safetensors"
FORMAT = "polyxtal model", 1
SHIPPED = Path(__file__).parent / "weights"
MAX_WEIGHTS = 4 << 30
_HUB_NAME = r"\w(?:[\w.-]{0,94}\w)?"
_HUB_ID = re.compile(rf"(?!.*(?:--|\.\.|\.git$)){_HUB_NAME}/{_HUB_NAME}", re.ASCII)


def model_files() -> list[str]:
    """Return the names, or patterns, of all files that a model's folder may hold."""
    return [CONFIG, WEIGHTS, SHARDS, CARD, *(n for kind in known_heads() for n in kind.files)]


def save_model(
    folder: str | Path,
    model: MaskedAutoencoder,
    about: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    shard_bytes: int | None = None,
) -> None:
    """Write a masked autoencoder atomically.

    Args:
        folder: Folder to write into; made if it does not exist.
        model: Masked autoencoder.
        about: Further content of `config.json`: recipe, training, results. Plain numbers, strings,
            lists and mappings.
        dtype: Precision of the stored weights; half precision halves the file.
        shard_bytes: Largest file of weights; more are written if needed (default: one file).
            [bytes]
    Raises:
        ValueError: if a single matrix is larger.
    """
    from polyxtal.version import __version__

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    content = {
        "polyxtal": __version__,
        "model": model.config.model_dump(mode="json"),
        **(about or {}),
    }
    weights = {name: value.to(dtype) for name, value in model.state_dict().items()}
    if shard_bytes is None:
        parts = {target / WEIGHTS: weights}
    else:
        parts = split_weights(target / WEIGHTS, weights, shard_bytes)
    write_described(target / CONFIG, FORMAT, content, parts)
    remove_weights(target / WEIGHTS, keep=parts)


def read_model(folder: str | Path) -> tuple[MaskedAutoencoder, dict[str, Any]]:
    """Read a masked autoencoder and the content of its `config.json`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, too large, or of another format or version.
    """
    source = Path(folder)
    about = read_description(source / CONFIG, FORMAT)
    try:
        config = ModelConfig.model_validate(about["model"])
    except (ValidationError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{source / CONFIG}: must describe a model, but: {reason}.") from error
    files = weight_files(source / WEIGHTS)
    check_parameters(files, parameter_count(config), CONFIG, MAX_WEIGHTS)
    model = MaskedAutoencoder(config)
    model.load_state_dict(read_state(files, model, torch.float32, CONFIG, MAX_WEIGHTS))
    return model.eval(), about


def find_model(name: str | Path, **options: Any) -> Path:
    """Return a model's folder, given a shipped name, a folder, or an id on the Hugging Face hub.

    An id is 'owner/name', unless there is a folder 'owner': then it is a path. The hub is asked
    for nothing else.

    Args:
        name: Name, folder or id.
        **options: For the hub, see `hub.download`.
    Raises:
        FileNotFoundError: if there is no such model.
        ModuleNotFoundError: if it is an id, but huggingface_hub is not installed.
    """
    require_path(name, "name")
    folder = Path(name)
    if (folder / CONFIG).is_file():
        return folder
    shipped = sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))
    if str(name) in shipped:
        return SHIPPED / str(name)
    if isinstance(name, str) and _HUB_ID.fullmatch(name) and not folder.parent.exists():
        return download(name, model_files(), options)
    close = difflib.get_close_matches(folder.name, shipped, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise FileNotFoundError(
        f"{name}: a model must be one of {', '.join(shipped) or 'none shipped'}, a folder with "
        f"{CONFIG} and {WEIGHTS}, or an id 'owner/name' on the hub where no folder 'owner' exists "
        f"here, but is none{hint}."
    )


def check_id(repo: str) -> None:
    """Make sure that a name can be that of a repository on the hub.

    Raises:
        ValueError: if it can not.
    """
    if not _HUB_ID.fullmatch(repo):
        raise ValueError(f"Argument `repo_id` must be an id 'owner/name', but is {shorten(repo)}.")
