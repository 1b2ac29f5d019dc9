"""HDF5 files that claim more than they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from polyxtal.files import bounded
from polyxtal.microstructure.io import image_geometry
from polyxtal.microstructure.io.hdf5 import open_hdf5, read_numbers, read_strings

EDGE = 1000


def written(path: Path, **options: Any) -> Path:
    """Write an array x of a billion integers, none of which is stored."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (EDGE,) * 3, np.uint8, **options)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(ValueError, match=match), open_hdf5(path) as file:
        read_numbers(file["x"])


def test_arrays_that_are_not_stored_are_refused(tmp_path):
    assert written(tmp_path / "a.h5").stat().st_size < 20_000
    refused(tmp_path / "a.h5", "'/x' must hold 1000000000 bytes, but holds 0")
    refused(written(tmp_path / "b.h5", chunks=(100,) * 3), "must hold all of its 1000 chunks")


def test_packed_arrays_expand_within_bounds(tmp_path, monkeypatch):
    path, zeros = tmp_path / "a.h5", np.zeros((64, 64, 64), np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=zeros, chunks=zeros.shape, compression="gzip", shuffle=True)
    with open_hdf5(path) as file:
        assert np.array_equal(read_numbers(file["x"]), zeros)
    monkeypatch.setattr(bounded, "FREE_VALUES", 10**5)
    refused(path, "must unpack to at most .* values .*, but has 262144")


def test_filters_upon_filters_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1000,))
        properties.set_deflate(9)
        properties.set_deflate(9)
        space = h5py.h5s.create_simple((1000,))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT8, space, properties)
        file["x"][...] = 0
    refused(path, "shuffle and deflate at most")


def test_strings_that_all_refer_to_one_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        names = file.create_dataset(
            "x", data=["a" * 10_000] + [""] * 1999, dtype=h5py.string_dtype()
        )
        start = names.id.get_offset()
    content = bytearray(path.read_bytes())
    content[start : start + 2000 * 16] = content[start : start + 16] * 2000
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be shorter than the file"), open_hdf5(path) as file:
        read_strings(file["x"])


def test_attributes_have_three_numbers(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("DataStructure/Volume")
        group.attrs["_DIMENSIONS"] = np.ones(5000, np.int64)
        group.attrs["_SPACING"] = np.ones(3)
    with pytest.raises(ValueError, match="must be 3 numbers"), open_hdf5(path) as file:
        image_geometry.open_geometry(file, None)


def test_messages_stay_short(tmp_path):
    path = tmp_path / "a.h5"
    fields = [(f"{'x' * 100}{k}", "i4") for k in range(100)]
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3, fields)
        file.create_group("y" * 5000)
    with pytest.raises(ValueError, match="must be numbers") as error, open_hdf5(path) as file:
        read_numbers(file["x"])
    assert len(str(error.value)) < 700
    with (
        pytest.raises(ValueError, match="must hold /DataContainers") as error,
        open_hdf5(path) as file,
    ):
        image_geometry.open_geometry(file, None)
    assert len(str(error.value)) < 700
