"""Checkpoints of a simulation: HDF5 files that are written whole and checked before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.stepping import Progress
from polyxtal.microstructure.io.hdf5 import children, open_hdf5, read_numbers

KIND = "polyxtal simulation checkpoint"
COUNTS = tuple(Progress().counts)


class Checkpoint(NamedTuple):
    """What a simulation needs to go on as if it had never stopped.

    Attributes:
        fingerprint: Names the simulation it belongs to.
        progress: Where on the load path it is.
        state: Fields of the cell.
        history: Rows of the response so far.
    """

    fingerprint: str
    progress: Progress
    state: dict[str, Tensor]
    history: dict[str, Tensor]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in place of an earlier one, whole or not at all.

    Raises:
        OSError: if it cannot be written; an earlier one is left as it was.
    """
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["kind"], file.attrs["fingerprint"] = KIND, checkpoint.fingerprint
        for group, fields in (("state", checkpoint.state), ("history", checkpoint.history)):
            _write(file.create_group(group), fields)
        _write(file.create_group("progress"), _progress_fields(checkpoint.progress))


def load_checkpoint(
    path: Path, fingerprint: str, template: Mapping[str, Tensor], increments: Sequence[int]
) -> Checkpoint:
    """Read a checkpoint of the very same simulation.

    Args:
        path: The file.
        fingerprint: The simulation's own.
        template: Its state at the start: whatever the file holds must have these shapes.
        increments: Increments of every load step.
    Raises:
        ValueError: if the file is damaged, or belongs to another simulation.
    """
    with open_hdf5(path) as file:
        if file.attrs.get("kind") != KIND:
            raise ValueError("must be a checkpoint of a simulation, but is another file.")
        if file.attrs.get("fingerprint") != fingerprint:
            raise ValueError(
                "a checkpoint must belong to this simulation, but is of another polycrystal, "
                "material, load, setting or version; name another file or remove it."
            )
        groups = children(file)
        state, history, progress = (_read(groups[n]) for n in ("state", "history", "progress"))
        _check(state, template)
        at = _progress(progress)
        _check_history(history, at, increments)
        return Checkpoint(fingerprint, at, state, history)


def _write(group: h5py.Group, fields: Mapping[str, Tensor]) -> None:
    for name, field in fields.items():
        values = field.detach().cpu()
        pairs = torch.is_complex(values)
        dataset = group.create_dataset(
            name.replace("/", "."), data=torch.view_as_real(values) if pairs else values
        )
        dataset.attrs["complex"] = pairs


def _read(group: h5py.Group | h5py.Dataset) -> dict[str, Tensor]:
    fields = {}
    if not isinstance(group, h5py.Group):
        raise ValueError(f"'{group.name}' must be a group, but is an array.")
    for name, dataset in children(group).items():
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"'{group.name}/{name}' must be an array, but is a group.")
        if dataset.dtype.kind == "b":
            fields[name.replace(".", "/")] = torch.tensor(bool(dataset[()]))
            continue
        values = torch.from_numpy(np.array(read_numbers(dataset)))
        if dataset.attrs.get("complex", False):
            values = torch.view_as_complex(values)
        fields[name.replace(".", "/")] = values
    return fields


def _check(state: Mapping[str, Tensor], template: Mapping[str, Tensor]) -> None:
    """Fields of the predictor come and go; each has the shape of the field it extrapolates."""
    missing = sorted(set(template) - set(state))
    if missing:
        raise ValueError(f"a checkpoint must hold {missing[0]!r}, but does not.")
    for name, field in state.items():
        like = template.get(name)
        for prefix in ("predictor/rate/", "predictor/before/"):
            if name.startswith(prefix):
                like = template.get("accepted/" + name.removeprefix(prefix))
        if like is None or like.shape != field.shape or like.dtype != field.dtype:
            shape = None if like is None else (tuple(like.shape), like.dtype)
            raise ValueError(
                f"a checkpoint's {name!r} must be {shape}, "
                f"but is {(tuple(field.shape), field.dtype)}."
            )
        if not bool(
            torch.isfinite(torch.view_as_real(field) if field.is_complex() else field).all()
        ):
            raise ValueError(f"a checkpoint's {name!r} must be finite, but is not.")


def _check_history(
    history: Mapping[str, Tensor], progress: Progress, increments: Sequence[int]
) -> None:
    lengths = sorted({len(field) for field in history.values()})
    step, increment = progress.step, progress.increment
    on_path = 0 <= step <= len(increments) and 0 <= increment <= sum(increments[step : step + 1])
    if not on_path or lengths != [sum(increments[:step]) + increment + 1]:
        raise ValueError(
            "a checkpoint's position must be on the path and its history as long, "
            f"but it is at increment {increment} of step {step + 1} and has {lengths} rows."
        )


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


def _progress(fields: Mapping[str, Tensor]) -> Progress:
    for name, shape in (("position", (2,)), ("time", ()), ("counts", (len(COUNTS),))):
        if name not in fields or tuple(fields[name].shape) != shape:
            raise ValueError(f"a checkpoint's {name!r} must have shape {shape}, but has not.")
    step, increment = fields["position"].tolist()
    rate, controlled = fields.get("rate"), fields.get("stress_controlled")
    return Progress(
        step,
        increment,
        float(fields["time"]),
        None if rate is None else rate.numpy(),
        None if controlled is None else controlled.numpy().astype(bool),
        dict(zip(COUNTS, fields["counts"].tolist(), strict=True)),
    )
