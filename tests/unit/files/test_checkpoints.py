"""Checkpoints that are damaged on the way to the disk never replace the one before."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.checkpoints import checkpoint_file, previous_checkpoint, verify_to_resume


def write(path, value):
    with checkpoint_file(path) as temporary:
        write_arrays(temporary, {"x": np.full(3, value)}, {"of": "a test"})


def write_damaged(path):
    with checkpoint_file(path) as temporary:
        write_arrays(temporary, {"x": np.full(3, 2.0)})
        content = bytearray(temporary.read_bytes())
        content[200] ^= 1
        temporary.write_bytes(content)


def value_of(path):
    with open_arrays(path) as archive:
        return archive.read("x")[0], archive.about["of"]


def test_the_one_before_is_kept(tmp_path):
    path = tmp_path / "last.npz"
    for value in (1.0, 2.0, 3.0):
        write(path, value)
    assert value_of(path) == (3.0, "a test")
    assert value_of(previous_checkpoint(path)) == (2.0, "a test")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_damaged_while_it_is_written_replaces_nothing(tmp_path):
    path = tmp_path / "last.npz"
    write(path, 1.0)
    with pytest.raises(ValueError, match="must be an intact checkpoint"):
        write_damaged(path)
    assert value_of(path) == (1.0, "a test")
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.npz"]


def test_without_an_intact_one_before_there_is_nothing_to_offer(tmp_path):
    path = tmp_path / "last.npz"
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match="delete it to start again"):
        verify_to_resume(path)


def test_an_archive_that_lost_an_array_is_refused(tmp_path):
    whole, part = tmp_path / "whole.npz", tmp_path / "part.npz"
    write_arrays(whole, {"x": np.zeros(2), "y": np.ones(2)})
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(part, "w") as new:
        for name in ("x.npy", "contents.npy"):
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="not those of its table of contents"), open_arrays(part):
        pass
