"""Checkpoints of a simulation: archives written atomically and validated when read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from polyxtal.files.arrays import ArrayArchive, open_arrays, write_arrays
from polyxtal.files.checkpoints import checkpoint_file, verify_to_resume
from polyxtal.mechanics.loading.stepping import Progress

KIND = "polyxtal simulation checkpoint"
COUNTS = tuple(Progress().counts)


class Checkpoint(NamedTuple):
    """The data from which a simulation resumes exactly.

    Attributes:
        fingerprint: Hash of the simulation's input.
        series: Path of the field series, relative to the checkpoint's folder, or "".
        progress: Position on the load path.
        state: Fields of the cell.
        history: Rows of the response so far.
    """

    fingerprint: str
    series: str
    progress: Progress
    state: dict[str, Tensor]
    history: dict[str, Tensor]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; the one before it is kept, see `files.checkpoints`.

    Raises:
        OSError: if it cannot be written; earlier ones are left as they were.
    """
    groups = {
        "state": checkpoint.state,
        "history": checkpoint.history,
        "progress": _progress_fields(checkpoint.progress),
    }
    arrays = {
        f"{group}/{name}": field.detach().cpu()
        for group, fields in groups.items()
        for name, field in fields.items()
    }
    about = {
        "kind": KIND,
        "fingerprint": checkpoint.fingerprint,
        "series": checkpoint.series,
    }
    with checkpoint_file(path) as temporary:
        write_arrays(temporary, arrays, about)


def load_checkpoint(
    path: Path,
    fingerprint: str,
    state: Mapping[str, Tensor],
    history: Mapping[str, Tensor],
    lengths: Sequence[np.ndarray],
) -> Checkpoint:
    """Read a checkpoint of the same simulation.

    Checksums, shapes and types are verified before anything is used.

    Args:
        path: File.
        fingerprint: Hash of the simulation's input.
        state: Initial state of the simulation, as a template of shapes and types.
        history: Initial history, as a template likewise.
        lengths: Time increments of every load step. [s]
    Raises:
        ValueError: if the file is damaged, or belongs to another simulation.
    """
    verify_to_resume(path)
    with open_arrays(path) as file:
        if file.about.get("kind") != KIND:
            raise ValueError("it is another file")
        if file.about.get("fingerprint") != fingerprint:
            raise ValueError(
                "it belongs to another polycrystal, material, load, setting or version; name "
                "another file or remove it"
            )
        series = file.about.get("series")
        if not isinstance(series, str):
            raise ValueError("it does not name its series of fields")
        unknown = [
            n for n in file.names if n.partition("/")[0] not in ("state", "history", "progress")
        ]
        if unknown:
            raise ValueError(f"it holds {unknown[0]!r}")
        progress = _progress(_read(file, "progress", _PROGRESS), lengths)
        rows = round(progress.counts["increments"]) + 1
        past = {name: field.expand(rows, *field.shape[1:]) for name, field in history.items()}
        fields = _read(file, "state", dict(state) | _predicted(state))
        _check_state(fields, state)
        known = _read(file, "history", past)
        _require(known, past)
        return Checkpoint(fingerprint, series, progress, fields, known)


def time_reached(path: Path) -> float:
    """Return the load time of a checkpoint. [s]

    Raises:
        ValueError: if it is damaged.
    """
    with open_arrays(path) as file:
        return float(file.read("progress/time").reshape(()))


_PROGRESS = {
    "position": torch.zeros(2, dtype=torch.int64),
    "time": torch.zeros((), dtype=torch.float64),
    "counts": torch.zeros(len(COUNTS), dtype=torch.float64),
    "rate": torch.zeros(3, 3, dtype=torch.float64),
    "stress_controlled": torch.zeros(3, 3, dtype=torch.int64),
    "basis": torch.zeros(9, 9, dtype=torch.float64),
}


def _predicted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the optional fields of the predictor; each is like the field it extrapolates."""
    accepted = {n.removeprefix("accepted/"): f for n, f in state.items() if "accepted/" in n}
    return {
        f"predictor/{kind}/{name}": field
        for kind in ("rate", "before")
        for name, field in accepted.items()
    }


def _read(archive: ArrayArchive, group: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the arrays of a group, each with the shape and type of its template."""
    fields = {}
    for stored in archive.names:
        of, _, name = stored.partition("/")
        if of != group:
            continue
        if name not in like:
            raise ValueError(f"it holds {name!r}, which is no part of a checkpoint")
        found = archive.shape_and_type(stored)
        wanted = tuple(like[name].shape), torch.empty(0, dtype=like[name].dtype).numpy().dtype
        if found != wanted:
            raise ValueError(
                f"its {name!r} must be {wanted[0]} of {wanted[1]}, but is {found[0]} of {found[1]}"
            )
        values = torch.from_numpy(archive.read(stored))
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"its {name!r} must be finite, but is not")
        fields[name] = values
    return fields


def _require(fields: Mapping[str, Tensor], names: Iterable[str]) -> None:
    missing = sorted(set(names) - set(fields))
    if missing:
        raise ValueError(f"it must hold {missing[0]!r}, but does not")


def _check_state(fields: Mapping[str, Tensor], template: Mapping[str, Tensor]) -> None:
    _require(fields, template)
    extra = _predicted(template)
    for kind in ("rate", "before"):
        names = [name for name in extra if f"/{kind}/" in name]
        if any(name in fields for name in names):
            _require(fields, names)
            last, before = fields["predictor/lengths"].tolist()
            if not (last if kind == "rate" else before) > 0:
                raise ValueError("its 'predictor/lengths' must be positive, but is not")


def _progress_fields(progress: Progress) -> dict[str, Tensor]:
    fields = {
        "position": torch.tensor([progress.step, progress.increment]),
        "time": torch.tensor(progress.time, dtype=torch.float64),
        "counts": torch.tensor([progress.counts[name] for name in COUNTS], dtype=torch.float64),
    }
    if progress.rate is not None and progress.stress_controlled is not None:
        fields["rate"] = torch.from_numpy(progress.rate)
        fields["stress_controlled"] = torch.from_numpy(progress.stress_controlled.astype(np.int64))
        if progress.basis is not None:
            fields["basis"] = torch.from_numpy(progress.basis)
    return fields


def _progress(fields: Mapping[str, Tensor], lengths: Sequence[np.ndarray]) -> Progress:
    """Return the position on the path."""
    _require(fields, ("position", "time", "counts"))
    step, increment = fields["position"].tolist()
    counts = dict(zip(COUNTS, fields["counts"].tolist(), strict=True))
    on_path = 0 <= step <= len(lengths) and 0 <= increment <= sum(
        map(len, lengths[step : step + 1])
    )
    done = np.concatenate([np.zeros(0), *lengths[:step]]).tolist() if on_path else []
    if on_path and increment:
        done += lengths[step][:increment].tolist()
    if not on_path or counts["increments"] != len(done) or min(counts.values()) < 0:
        raise ValueError(
            "its position must be on the path, as far as increments are done, but is "
            f"increment {increment} of step {step + 1} after {counts['increments']:g} increments"
        )
    time = reduce(add, done, 0.0)  # as `follow` adds, to the last bit
    if float(fields["time"]) != time:
        raise ValueError(
            f"its time must be that of its position, {time:.6g} s, "
            f"but is {float(fields['time']):.6g} s"
        )
    rate, controlled = fields.get("rate"), fields.get("stress_controlled")
    if (rate is None) != (controlled is None) or (rate is None) != (not done):
        raise ValueError("it must hold the last rate of F, but does not")
    return Progress(
        step,
        increment,
        time,
        None if rate is None else rate.numpy(),
        None if controlled is None else controlled.numpy().astype(bool),
        fields["basis"].numpy() if "basis" in fields else None,
        counts,
    )
