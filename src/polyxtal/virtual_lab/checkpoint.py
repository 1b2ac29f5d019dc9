"""Finished virtual tests in one archive, from which a laboratory resumes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.mechanics.response import Response
from polyxtal.virtual_lab.measure import FinishedTest
from polyxtal.virtual_lab.programme import VirtualTest
from polyxtal.virtual_lab.sampling import GrainInfluence

FORMAT = 2
MAX_FILE = 1 << 28
"""Largest checkpoint. [bytes]"""
_SHAPES: dict[str, tuple[int, ...]] = {
    "time": (), "F": (3, 3), "P": (3, 3), "stress_spread": (), "cross_spread": (),
    "stress_influence": (), "ratio_influence": (2, 2),
}  # fmt: skip


def initial_checkpoint(path: Path) -> Path:
    """Return the path of the checkpoint of the sheet before its prestrain."""
    return path.with_name(f"{path.stem}.initial{path.suffix}")


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint, and that of the sheet before its prestrain."""
    initial_checkpoint(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def copy_checkpoints(path: Path, target: Path) -> None:
    """Copy a checkpoint, and that of the sheet before its prestrain if there is one."""
    shutil.copyfile(path, target)
    if initial_checkpoint(path).is_file():
        shutil.copyfile(initial_checkpoint(path), initial_checkpoint(target))


def write_records(
    path: Path, identity: str, grid: tuple[int, int, int], records: Mapping[str, FinishedTest]
) -> None:
    """Write finished tests.

    Args:
        path: Checkpoint, `.npz`.
        identity: Hash of what determines the numbers of the laboratory.
        grid: Voxels along x, y, z.
        records: Tests by name.
    """
    arrays: dict[str, Any] = {}
    for name, one in records.items():
        response = one.response
        arrays[f"{name}/time"] = response.time
        arrays[f"{name}/F"], arrays[f"{name}/P"] = response.F, response.P
        arrays[f"{name}/stress_spread"] = one.stress_spread
        arrays[f"{name}/cross_spread"] = one.cross_spread
        arrays[f"{name}/stress_influence"] = one.influence.stress
        arrays[f"{name}/ratio_influence"] = one.influence.ratio
    about = {
        "format": FORMAT,
        "identity": identity,
        "grid": list(grid),
        "statistics": {name: one.response.statistics for name, one in records.items()},
    }
    with atomic_file(path) as temporary:
        write_arrays(temporary, arrays, about)


def read_records(
    path: Path | None, identity: str, tests: Sequence[VirtualTest]
) -> tuple[tuple[int, int, int] | None, dict[str, FinishedTest]]:
    """Return the grid and the finished tests of a checkpoint; None and none if there is no file.

    Raises:
        ValueError: if it is damaged or of another laboratory.
    """
    if path is None or not path.exists():
        return None, {}
    try:
        return _stored(path, identity, {test.name: test for test in tests})
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise ValueError(f"{reason}; delete it, or pass --force, to test anew.") from error


def _stored(
    path: Path, identity: str, known: Mapping[str, VirtualTest]
) -> tuple[tuple[int, int, int], dict[str, FinishedTest]]:
    records = {}
    with open_arrays(path, MAX_FILE) as archive:
        about = archive.about
        if about.get("format") != FORMAT or about.get("identity") != identity:
            raise ValueError("it is of other tests, another polycrystal or other materials")
        nx, ny, nz = (int(n) for n in about["grid"])
        for name in {stored.rsplit("/", 1)[0] for stored in archive.names}:
            test = known[name]
            rows = test.path.increments + 1
            fields = {}
            for part, shape in _SHAPES.items():
                values = archive.read(f"{name}/{part}")
                if values.shape != (rows, *shape) or values.dtype.kind != "f":
                    raise ValueError(f"its {name}/{part} must be {(rows, *shape)} numbers")
                fields[part] = torch.from_numpy(values)
            response = Response(
                fields["time"],
                fields["F"],
                fields["P"],
                statistics={k: float(v) for k, v in about["statistics"][name].items()},
            )
            records[name] = FinishedTest(
                test,
                response,
                fields["stress_spread"],
                fields["cross_spread"],
                GrainInfluence(fields["stress_influence"], fields["ratio_influence"]),
            )
    return (nx, ny, nz), records
