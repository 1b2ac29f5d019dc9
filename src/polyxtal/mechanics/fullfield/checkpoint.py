"""Checkpoints of a simulation: HDF5 files that are written atomically and validated when read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.loading.stepping import Progress
from polyxtal.microstructure.io.hdf5 import children, open_hdf5, read_numbers

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
    """Write a checkpoint atomically, replacing an earlier one.

    Raises:
        OSError: if it cannot be written; an earlier one is left as it was.
    """
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["kind"], file.attrs["fingerprint"] = KIND, checkpoint.fingerprint
        file.attrs["series"] = checkpoint.series
        for group, fields in (("state", checkpoint.state), ("history", checkpoint.history)):
            _write(file.create_group(group), fields)
        _write(file.create_group("progress"), _progress_fields(checkpoint.progress))


def load_checkpoint(
    path: Path,
    fingerprint: str,
    state: Mapping[str, Tensor],
    history: Mapping[str, Tensor],
    lengths: Sequence[np.ndarray],
) -> Checkpoint:
    """Read a checkpoint of the same simulation.

    Shapes and types are validated before anything is read.

    Args:
        path: File.
        fingerprint: Hash of the simulation's input.
        state: Initial state of the simulation, as a template of shapes and types.
        history: Initial history, as a template likewise.
        lengths: Time increments of every load step. [s]
    Raises:
        ValueError: if the file is damaged, or belongs to another simulation.
    """
    with open_hdf5(path) as file:
        if _text(file, "kind") != KIND:
            raise ValueError("must be a checkpoint of a simulation, but is another file.")
        if _text(file, "fingerprint") != fingerprint:
            raise ValueError(
                "a checkpoint must belong to this simulation, but is of another polycrystal, "
                "material, load, setting or version; name another file or remove it."
            )
        groups = children(file)
        progress = _progress(_read(groups["progress"], _PROGRESS), lengths)
        rows = round(progress.counts["increments"]) + 1
        past = {name: field.expand(rows, *field.shape[1:]) for name, field in history.items()}
        fields = _read(groups["state"], dict(state) | _predicted(state))
        _check_state(fields, state)
        known = _read(groups["history"], past)
        _require(known, past)
        return Checkpoint(fingerprint, _text(file, "series"), progress, fields, known)


_PROGRESS = {
    "position": torch.zeros(2, dtype=torch.int64),
    "time": torch.zeros((), dtype=torch.float64),
    "counts": torch.zeros(len(COUNTS), dtype=torch.float64),
    "rate": torch.zeros(3, 3, dtype=torch.float64),
    "stress_controlled": torch.zeros(3, 3, dtype=torch.int64),
}


def _text(file: h5py.File, name: str) -> str:
    value = file.attrs.get(name)
    return value if isinstance(value, str) else ""


def _predicted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the optional fields of the predictor; each is like the field it extrapolates."""
    accepted = {n.removeprefix("accepted/"): f for n, f in state.items() if "accepted/" in n}
    return {
        f"predictor/{kind}/{name}": field
        for kind in ("rate", "before")
        for name, field in accepted.items()
    }


def _write(group: h5py.Group, fields: Mapping[str, Tensor]) -> None:
    for name, field in fields.items():
        values = field.detach().cpu()
        pairs = torch.is_complex(values)
        group.create_dataset(
            name.replace("/", "."), data=torch.view_as_real(values) if pairs else values
        )


def _read(group: h5py.Group | h5py.Dataset, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the arrays of a group, each with the shape and type of its template."""
    if not isinstance(group, h5py.Group):
        raise ValueError(f"'{group.name}' must be a group, but is an array.")
    fields = {}
    for stored, dataset in children(group).items():
        name = stored.replace(".", "/")
        if name not in like or not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"a checkpoint must not hold {name!r}, but does.")
        wanted = torch.view_as_real(like[name]) if like[name].is_complex() else like[name]
        kind = torch.empty(0, dtype=wanted.dtype).numpy().dtype
        if dataset.shape != tuple(wanted.shape) or dataset.dtype != kind:
            raise ValueError(
                f"a checkpoint's {name!r} must be {tuple(wanted.shape)} of {kind}, "
                f"but is {dataset.shape} of {dataset.dtype}."
            )
        values = torch.from_numpy(np.array(read_numbers(dataset)))
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"a checkpoint's {name!r} must be finite, but is not.")
        fields[name] = torch.view_as_complex(values) if like[name].is_complex() else values
    return fields


def _require(fields: Mapping[str, Tensor], names: Iterable[str]) -> None:
    missing = sorted(set(names) - set(fields))
    if missing:
        raise ValueError(f"a checkpoint must hold {missing[0]!r}, but does not.")


def _check_state(fields: Mapping[str, Tensor], template: Mapping[str, Tensor]) -> None:
    _require(fields, template)
    extra = _predicted(template)
    for kind in ("rate", "before"):
        names = [name for name in extra if f"/{kind}/" in name]
        if any(name in fields for name in names):
            _require(fields, names)
            last, before = fields["predictor/lengths"].tolist()
            if not (last if kind == "rate" else before) > 0:
                raise ValueError("a checkpoint's 'predictor/lengths' must be positive, but is not.")


def _progress_fields(progress: Progress) -> dict[str, Tensor]:
    fields = {
        "position": torch.tensor([progress.step, progress.increment]),
        "time": torch.tensor(progress.time, dtype=torch.float64),
        "counts": torch.tensor([progress.counts[name] for name in COUNTS], dtype=torch.float64),
    }
    if progress.rate is not None and progress.stress_controlled is not None:
        fields["rate"] = torch.from_numpy(progress.rate)
        fields["stress_controlled"] = torch.from_numpy(progress.stress_controlled.astype(np.int64))
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
            "a checkpoint's position must be on the path, as far as increments are done, but is "
            f"increment {increment} of step {step + 1} after {counts['increments']:g} increments."
        )
    time = reduce(add, done, 0.0)  # as `follow` adds, to the last bit
    if float(fields["time"]) != time:
        raise ValueError(
            f"a checkpoint's time must be that of its position, {time:.6g} s, "
            f"but is {float(fields['time']):.6g} s."
        )
    rate, controlled = fields.get("rate"), fields.get("stress_controlled")
    if (rate is None) != (controlled is None) or (rate is None) != (not done):
        raise ValueError("a checkpoint must hold the last rate of F, but does not.")
    return Progress(
        step,
        increment,
        time,
        None if rate is None else rate.numpy(),
        None if controlled is None else controlled.numpy().astype(bool),
        counts,
    )
