"""Solved curves in one archive, from which a calibration resumes.

A calibration is deterministic, so that it takes the same way again and finds on it all curves that
were solved before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from polyxtal.calibration.condition import Condition, Curve
from polyxtal.calibration.forward import Answer
from polyxtal.calibration.measurement import Measurement
from polyxtal.calibration.parameters import FreeParameter
from polyxtal.crystal.material import Material
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.version import __version__

FORMAT = 2
MAX_FILE = 1 << 29
"""Largest checkpoint. [bytes]"""
EVERY = 20.0
"""Time between writings. [s]"""


class Checkpoint:
    """Curves of the network, their derivatives and the full field by coordinates, kept in a file.

    Attributes:
        known: Answers by coordinates, of each kind: "network", "slopes", and "field 0" and so on,
            one for every condition.
        field: Grid and bound of the error of the full field, empty before it.
    """

    def __init__(self, path: Path | None, identity: str, parameters: int, conditions: int) -> None:
        """Read what an earlier run of the same calibration left.

        Raises:
            ValueError: if the file is damaged or of another calibration.
        """
        self.path, self.identity, self.parameters = path, identity, parameters
        self.known: dict[str, dict[bytes, Answer]] = {
            kind: {} for kind in ("network", "slopes", *(f"field {c}" for c in range(conditions)))
        }
        self.field: dict[str, Any] = {}
        self._written = perf_counter()
        if path is not None and path.exists():
            try:
                self._read(path)
            except (ValueError, KeyError) as error:
                reason = str(error).removeprefix(f"{path}: ").rstrip(".")
                raise ValueError(f"{path}: {reason}; delete it to start anew.") from error

    def __enter__(self) -> Checkpoint:
        """Return the checkpoint, which is written at the end, an interruption too."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write all curves."""
        self.write()

    def after_solve(self) -> None:
        """Write now and then."""
        if perf_counter() - self._written > EVERY:
            self.write()

    def write(self) -> None:
        """Write all curves."""
        self._written = perf_counter()
        if self.path is None:
            return
        arrays = {}
        for kind, answers in self.known.items():
            if not answers:
                continue
            solved = [answer for answer in answers.values() if answer]
            arrays[f"{kind}/z"] = np.stack([np.frombuffer(key) for key in answers])
            arrays[f"{kind}/solved"] = np.array([len(answer) > 0 for answer in answers.values()])
            for c in range(len(solved[0]) if solved else 0):
                for name in Curve._fields:
                    rows = [getattr(answer[c], name) for answer in solved]
                    arrays[f"{kind}/{c}/{name}"] = np.stack(rows)
        about = {"format": FORMAT, "identity": self.identity, "field": self.field}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(self.path) as temporary:
            write_arrays(temporary, arrays, about)

    def _read(self, path: Path) -> None:
        with open_arrays(path, MAX_FILE) as archive:
            about = archive.about
            if about.get("format") != FORMAT or about.get("identity") != self.identity:
                raise ValueError("must be a checkpoint of this calibration, but is of another")
            self.field = dict(about.get("field", {}))
            names = set(archive.names)
            for kind in self.known:
                if f"{kind}/z" not in names:
                    continue
                keys, solved = archive.read(f"{kind}/z"), archive.read(f"{kind}/solved")
                if keys.ndim != 2 or keys.shape[1] != self.parameters:
                    raise ValueError("must hold coordinates of its parameters, but does not")
                count = len({n.split("/")[1] for n in names if n.startswith(f"{kind}/")} - {
                    "z", "solved"
                })  # fmt: skip
                columns = [
                    [archive.read(f"{kind}/{c}/{name}") for name in Curve._fields]
                    for c in range(count)
                ]
                row = 0
                for key, good in zip(keys, solved, strict=True):
                    answer = [Curve(*(a[row] for a in each)) for each in columns] if good else []
                    self.known[kind][np.ascontiguousarray(key).tobytes()] = answer
                    row += bool(good)


def identity_of(
    rve: Polycrystal,
    material: Material,
    free: dict[str, FreeParameter],
    tests: Sequence[Measurement],
    conditions: Sequence[Condition],
    settings: object,
) -> str:
    """Return a hash of everything that determines the numbers."""
    digest = hashlib.sha256()
    for array in (rve.grain_id, rve.orientations, rve.phase):
        digest.update(np.ascontiguousarray(array.numpy()).tobytes())
    for test in tests:
        digest.update(test.strain.tobytes() + test.stress.tobytes())
        digest.update(np.asarray(-1.0 if test.deviation is None else test.deviation).tobytes())
        digest.update(repr((test.toe, test.frame, test.cyclic, test.r_value)).encode())
    digest.update(f"{__version__} {FORMAT}".encode())
    plain = [asdict(material), {k: asdict(v) for k, v in free.items()}, repr(conditions)]
    digest.update(json.dumps([*plain, repr(settings), rve.size], default=repr).encode())
    return digest.hexdigest()
