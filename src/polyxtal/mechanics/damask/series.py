"""Write a growing result file in the layout of DAMASK 3 (DADF5 1.0), for `damask.Result`.

    run.hdf5  ->  run_0000.hdf5, run_0040.hdf5, …, gathered in run.hdf5 when the run is finished

HDF5 files cannot be extended atomically. While a simulation runs, each increment is therefore a
file of its own, to which `run.hdf5` links: it can be opened at any time, but not be moved alone.
Stresses are in Pa and lengths in metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.crystal.damask_phase import lattice_to_phase, material_to_phase
from polyxtal.crystal.material import Material
from polyxtal.files.atomic import atomic_file
from polyxtal.files.snapshots import Snapshot, SnapshotSeries
from polyxtal.mechanics.damask.case import plain_names
from polyxtal.mechanics.damask.displacement import displacements
from polyxtal.mechanics.quantities import quantity
from polyxtal.microstructure.io.damask import METRE
from polyxtal.microstructure.io.hdf5 import open_hdf5
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.version import __version__

VERSION = (1, 0)
HOMOGENIZATION = "SX"
CREATOR = f"polyxtal {__version__}"

_EVERYWHERE = (
    *("F", "P", "orientation", "plastic_deformation"),
    *("true_strain", "true_stress", "equivalent_strain", "equivalent_stress"),
)
"""Quantities of all voxels; the others are those of a law."""

_Phases = dict[str, dict[str, NDArray[np.float64]]]


class ResultSeries(SnapshotSeries):
    """A result file of DAMASK 3 that grows snapshot by snapshot.

    `append` takes fields by their names in `QUANTITIES`, F among them: (nx, ny, nz, …). Each phase
    gets the internal variables and systems of its own law.
    """

    suffix = ".hdf5"
    starts_at_zero = True

    def __init__(
        self,
        path: str | Path,
        rve: Polycrystal,
        materials: Mapping[str, Material | None],
        load: Mapping[str, Any],
        *,
        resume: bool = False,
        replace: bool = False,
    ) -> None:
        """Begin a series, or continue one.

        Args:
            path: File, ending in .hdf5.
            rve: Polycrystal.
            materials: Material of each phase that has voxels; None is a void.
            load: Load in DAMASK's format.
            resume, replace: As in `SnapshotSeries`, with its errors.
        """
        self._rve, self._load = rve, load
        occupied = torch.unique(rve.phase[rve.grain_id.unique()]).tolist()
        plain = plain_names(list(rve.phase_names))
        grain = rve.grain_id.permute(2, 1, 0).reshape(-1)
        place = rve.phase[grain].numpy()
        self._cells = {plain[k]: np.flatnonzero(place == k) for k in occupied}
        self._materials = {plain[k]: materials[rve.phase_names[k]] for k in occupied}
        given = rve.lattices or (None,) * len(plain)
        self._lattices = {plain[k]: given[k] for k in occupied}
        self._gathered: frozenset[int] = frozenset()
        super().__init__(path, resume=resume, replace=replace)

    def finish(self) -> None:
        """Gather all increments in one file, which needs no other."""
        with atomic_file(self.index) as temporary:
            self._write_index(temporary, self._entries, gather=True)
        super()._remove(self._entries)
        self._gathered = frozenset(entry.number for entry in self._entries)

    def _remove(self, entries: Sequence[Snapshot]) -> None:
        self._gathered -= {entry.number for entry in entries}
        super()._remove(entries)

    def _has(self, entry: Snapshot) -> bool:
        return entry.number in self._gathered or super()._has(entry)

    def _prepare(self, fields: Mapping[str, Tensor]) -> tuple[_Phases, dict[str, Any]]:
        rows = {name: _rows(values) for name, values in fields.items()}
        phases: _Phases = {}
        for label, cells in self._cells.items():
            material = self._materials[label]
            sizes = {} if material is None else _sizes(material)
            phases[label] = {}
            for name, values in rows.items():
                if name in _EVERYWHERE or name in sizes:
                    own = values[cells]
                    phases[label][name] = own[:, : sizes[name]] if name in sizes else own
        centres, corners = displacements(fields["F"].to(torch.float64), self._rve.size)
        return phases, {"u_p": _rows(centres) / METRE, "u_n": _rows(corners) / METRE}

    def _write_snapshot(
        self, path: Path, snapshot: Snapshot, content: tuple[_Phases, dict[str, Any]]
    ) -> None:
        phases, displaced = content
        with h5py.File(path, "w") as file:
            increment = file.create_group(f"increment_{snapshot.number}")
            increment.attrs["t/s"] = snapshot.time
            for name, values in displaced.items():
                where = "nodes" if name == "u_n" else "cell centers"
                _add(increment, f"geometry/{name}", values, "m", f"displacements of the {where}")
            increment.create_group(f"homogenization/{HOMOGENIZATION}/mechanical")
            for label, fields in phases.items():
                for name, values in fields.items():
                    q = quantity(name)
                    at = f"phase/{label}/mechanical/{q.damask}"
                    scaled = values * q.damask_factor
                    _add(increment, at, scaled, q.damask_unit, q.description)
                material, lattice = self._materials[label], self._lattices[label]
                known = lattice if material is None else material.lattice
                orientation = increment[f"phase/{label}/mechanical/O"]
                orientation.attrs.update(lattice_to_phase(known))

    def _write_index(self, path: Path, entries: Sequence[Snapshot], gather: bool = False) -> None:
        with h5py.File(path, "w") as file:
            self._write_header(file)
            file.attrs["polyxtal/increments"] = [entry.number for entry in entries]
            file.attrs["polyxtal/times"] = [entry.time for entry in entries]
            for entry in entries:
                name, part = f"increment_{entry.number}", self._file(entry.number)
                inside = entry.number in self._gathered
                if inside or gather:
                    with h5py.File(self.index if inside else part, "r") as source:
                        source.copy(name, file)
                else:
                    file[name] = h5py.ExternalLink(part.name, f"/{name}")

    def _write_header(self, file: h5py.File) -> None:
        rve = self._rve
        file.attrs["DADF5_version_major"], file.attrs["DADF5_version_minor"] = VERSION
        file.attrs["creator"], file.attrs["call"] = CREATOR, "polyxtal.simulate"
        file.attrs["created"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S+0000")
        geometry = file.create_group("geometry")
        geometry.attrs["cells"] = np.array(rve.grid, np.int32)
        geometry.attrs["size"] = np.array(rve.size) / METRE
        geometry.attrs["origin"] = np.zeros(3)
        kind = np.dtype([("label", "S64"), ("entry", np.int32)])
        cells = rve.grain_id.numel()
        phase = np.zeros((cells, 1), kind)
        for label, members in self._cells.items():
            phase["label"][members, 0] = label.encode()
            phase["entry"][members, 0] = np.arange(len(members))
        homogenization = np.zeros(cells, kind)
        homogenization["label"], homogenization["entry"] = HOMOGENIZATION, np.arange(cells)
        file["cell_to/phase"], file["cell_to/homogenization"] = phase, homogenization
        known = {name: m for name, m in self._materials.items() if m is not None}
        phases = {"phase": {name: material_to_phase(m) for name, m in known.items()}}
        for name, body in (("load.yaml", self._load), ("material.yaml", phases)):
            text = yaml.safe_dump(body, default_flow_style=None, sort_keys=False)
            _add(file, f"setup/{name}", [text], "n/a", "load" if "load" in name else "phases")

    def _parse_index(self) -> list[tuple[str, float]]:
        with open_hdf5(self.index) as file:
            stored = [file.attrs.get(f"polyxtal/{name}") for name in ("increments", "times")]
            if file.attrs.get("creator") is None or any(part is None for part in stored):
                raise ValueError("must be a result that polyxtal wrote, but is not.")
            numbers, times = (np.atleast_1d(np.asarray(part)) for part in stored)
            if numbers.dtype.kind not in "iu" and len(numbers):
                raise ValueError("must list its increments by whole numbers, but does not.")
            if times.dtype.kind != "f" or len(times) != len(numbers):
                raise ValueError("must list the time of each of its increments, but does not.")
            inside = []
            for number in numbers.tolist():
                link = file.get(f"increment_{number}", getlink=True)
                if isinstance(link, h5py.HardLink):
                    inside.append(number)
            self._gathered = frozenset(inside)
        return [
            (self._file(number).name, time)
            for number, time in zip(numbers.tolist(), times.tolist(), strict=True)
        ]


def _sizes(material: Material) -> dict[str, int]:
    """Return the number of values of each internal variable and kind of system."""
    law = material.law()
    slips, twins = law.systems()
    sizes = {field.name: field.size for field in law.fields}
    return sizes | {k: n for k, n in (("slip", slips), ("twin_shear", twins)) if n}


def _rows(values: Tensor) -> NDArray[np.float64]:
    """Return one row per cell, x fastest."""
    array = values.detach().cpu().to(torch.float64).numpy()
    return array.transpose(2, 1, 0, *range(3, array.ndim)).reshape(-1, *array.shape[3:])


def _add(group: h5py.Group, name: str, values: Any, unit: str, description: str) -> None:
    dataset = group.create_dataset(name, data=values)
    dataset.attrs.update(unit=unit, description=description, creator=CREATOR)
