"""Pretrain one model for each share of hidden patches, everything else alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.files.validated import validate_document
from polyxtal.model.checkpoint import CONFIG, read_model
from polyxtal.training.pretrain.config import KINDS, PretrainConfig, read_pretrain_config
from polyxtal.training.pretrain.recorder import MODEL
from polyxtal.training.pretrain.run import pretrain
from polyxtal.training.trainer import quiet_lightning
from reproduction.masking.write import FILES

PREFIX = "mask-"


def parse_ratios(text: str) -> tuple[float, ...]:
    """Read shares such as "0.2,0.4", and put them in order.

    Raises:
        ValueError: if one is no number between 0 and 1, or is given twice.
    """
    try:
        ratios = tuple(sorted(float(part) for part in text.split(",")))
    except ValueError as error:
        raise ValueError(
            f"Option --ratios must be numbers such as 0.2,0.4,0.6, but is '{text}'."
        ) from error
    if not all(0 < ratio < 1 for ratio in ratios) or len(set(ratios)) < len(ratios):
        raise ValueError(
            f"Option --ratios must be different numbers between 0 and 1, but is '{text}'."
        )
    return ratios


def sweep_configs(
    path: str | Path, ratios: Sequence[float], steps: int | None = None
) -> dict[str, PretrainConfig]:
    """Vary a pretraining's configuration.

    Args:
        path: Its YAML file.
        ratios: Shares of hidden patches.
        steps: Instead of the file's; None for those.
    Returns:
        Configurations by folder name, "mask-20" for 0.2.
    Raises:
        FileNotFoundError, ValueError: see `read_pretrain_config`.
    """
    document = read_pretrain_config(path).model_dump(mode="json")
    if steps is not None:
        document["steps"] = steps
    return {
        f"{PREFIX}{100 * ratio:g}": validate_document(
            PretrainConfig, document | {"mask": ratio}, path, KINDS
        )
        for ratio in ratios
    }


def check_sweep(folder: str | Path) -> Path:
    """Make sure that a folder is new, empty, or holds a sweep and nothing else.

    Raises:
        FileExistsError: if it does not.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{folder}: must be a folder to write into, but is a file.")
    entries = sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []
    foreign = [name for name in entries if not name.startswith(PREFIX) and name not in FILES]
    if foreign:
        raise FileExistsError(
            f"{folder}: must be new, empty or hold a masking study, but holds '{foreign[0]}'."
        )
    return target


def sweep(
    configs: Mapping[str, PretrainConfig],
    folder: str | Path,
    *,
    accelerator: str = "auto",
    stop_after: float | None = None,
    progress: Progress = no_progress,
) -> list[Path]:
    """Pretrain one model after the other; what is finished is skipped, what is begun goes on.

    Args:
        configs: What `sweep_configs` returned.
        folder: Where to, each into a folder of its own.
        accelerator: Lightning's: "cpu", "gpu", "auto".
        stop_after: Seconds after which to save and stop; None for no limit.
        progress: Called after every step with the steps of all models, and which is trained.
    Returns:
        Folders of the pretrainings that are finished.
    Raises:
        FileExistsError: if the folder holds something else.
        ValueError: if it holds a sweep of another configuration.
    """
    target = check_sweep(folder)
    ends = time.monotonic() + stop_after if stop_after is not None else None
    total = sum(config.steps for config in configs.values())
    before, finished = 0, []
    for name, config in configs.items():
        left = None if ends is None else ends - time.monotonic()
        if not is_finished(target / name, config):
            if left is not None and left <= 0:
                break

            def report(
                stage: str, done: int, _: int, __: str = "", at: int = before, name: str = name
            ) -> None:
                progress(stage, at + done, total, name)

            with quiet_lightning():
                pretrain(
                    config,
                    target / name,
                    accelerator=accelerator,
                    devices=1,
                    stop_after=left,
                    progress=report,
                )
            if not is_finished(target / name, config):
                break
        before += config.steps
        finished.append(target / name)
        progress("steps", before, total, name)
    return finished


def is_finished(folder: Path, config: PretrainConfig) -> bool:
    """Tell whether exactly this pretraining has taken all its steps there."""
    if not (folder / MODEL / CONFIG).is_file():
        return False
    _, about = read_model(folder / MODEL)
    same = about.get("pretraining") == config.model_dump(mode="json")
    return same and about.get("steps_done") == config.steps
