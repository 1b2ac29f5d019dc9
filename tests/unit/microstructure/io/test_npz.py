"""The package's own file, and the arrays of others that look like it."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.load_material import load_material
from polyxtal.files import bounded
from polyxtal.microstructure.io import read, write
from polyxtal.microstructure.io.stored_materials import read_materials
from polyxtal.microstructure.polycrystal import Polycrystal


def two_phases() -> Polycrystal:
    grain_id = np.arange(24).reshape(2, 3, 4) % 5
    quaternions = np.eye(4)[[0, 1, 2, 3, 0]]
    return Polycrystal(
        grain_id, quaternions, (1.5, 2.0, 0.3), [0, 1, 1, 0, 1], ("α-Fe", "austenite")
    )


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def complete(**changes: Any) -> dict[str, Any]:
    arrays = {
        "format_version": np.int64(1),
        "grain_id": np.zeros((1, 1, 1), np.uint8),
        "orientations": np.eye(4)[:1],
        "size": np.ones(3),
        "phase": np.zeros(1, np.int64),
        "phase_names": np.array(["crystal"]),
    } | changes
    return {key: value for key, value in arrays.items() if value is not None}


def test_round_trip(tmp_path: Path) -> None:
    rve = two_phases()
    write(rve, tmp_path / "rve.npz")
    back = read(tmp_path / "rve.npz")
    assert torch.equal(back.grain_id, rve.grain_id)
    assert torch.equal(back.orientations, rve.orientations)
    assert torch.equal(back.phase, rve.phase)
    assert (back.size, back.phase_names) == (rve.size, rve.phase_names)


def test_the_same_polycrystal_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write(two_phases(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_plain_grain_ids_and_quaternions(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", grain_id=np.array([[[1, 0]]]), quaternions=np.eye(4)[:2])
    rve = read(path)
    assert rve.grain_id.tolist() == [[[1, 0]]]
    assert rve.orientations.tolist() == np.eye(4)[:2].tolist()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": None}, "lacks size"),
        ({"format_version": np.int64(4)}, "format version 4"),
        ({"format_version": np.array(["1"])}, "format version"),
        ({"size": np.ones(2)}, "size is not three"),
        ({"size": np.zeros(3)}, "three positive lengths"),
        ({"phase_names": np.array([1])}, "no list of names"),
        ({"phase": np.ones(1, np.int64)}, "index the 1 phase names"),
        ({"grain_id": np.zeros((1, 1, 1))}, "must hold integers"),
        ({"grain_id": np.full((1, 1, 1), 3)}, "id 3 has none"),
        ({"orientations": np.full((1, 4), np.nan)}, "unit quaternions"),
        ({"orientations": np.array([[1, None, 0, 0]])}, "invalid header"),
    ],
)
def test_invalid_contents(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = saved(tmp_path / "a.npz", **complete(**changes))
    with pytest.raises(ValueError, match=sentence) as error:
        read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("place", [0, 1])
def test_lattices_survive(tmp_path: Path, place: int) -> None:
    known = [Lattice("hP", 1.587), Lattice("h", None, "-3m")][place]
    ids, names = np.arange(2).reshape(2, 1, 1), ["a", "b"]
    rve = Polycrystal(ids, np.eye(4)[:2], (2.0, 1.0, 1.0), [0, 1], names, [known, None])
    write(rve, tmp_path / "a.npz")
    assert read(tmp_path / "a.npz").lattices == (known, None)


@pytest.mark.parametrize("header", ["{'descr': (", "{'descr': '", "-" * 9000 + "1"])
def test_headers_that_are_not_python(tmp_path: Path, header: str) -> None:
    path = saved(tmp_path / "a.npz", **complete())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    size = len(header).to_bytes(2, "little")
    members["grain_id.npy"] = b"\x93NUMPY\x01\x00" + size + header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="must be an intact polycrystal file"):
        read(path)


@pytest.mark.parametrize("shape", [(2**20, 2**20, 2**20), (1, 1, 2), (0, 1, 1)])
def test_a_header_that_differs_from_what_is_there(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    path = saved(tmp_path / "a.npz", **complete())
    stream = io.BytesIO()
    header = {"descr": "<i8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["grain_id.npy"] = stream.getvalue() + bytes(8)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="array grain_id has an invalid header"):
        read(path)


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in complete():
            archive.writestr(name, "text")
    with pytest.raises(ValueError, match="must be an intact polycrystal file"):
        read(path)


def test_damaged_files_are_refused_or_read_whole(tmp_path: Path) -> None:
    write(two_phases(), tmp_path / "good.npz")
    content = (tmp_path / "good.npz").read_bytes()
    path = tmp_path / "bad.npz"
    generator = np.random.default_rng(0)
    damaged = [content[:position] for position in range(0, len(content), 7)]
    for _ in range(400):
        scattered = np.frombuffer(content, np.uint8).copy()
        where = generator.integers(0, len(content), generator.integers(1, 20))
        scattered[where] = generator.integers(0, 256, len(where))
        damaged.append(scattered.tobytes())
    refused = 0
    for case in damaged:
        path.write_bytes(case)
        try:
            rve = read(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(str(path))  # noqa: PT017
        else:
            assert torch.equal(rve.grain_id, two_phases().grain_id)
    assert refused > 300


def test_extensions(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must end in \.vti, .* or \.npz, or as a map .* ends in '\.xyz'"
    ):
        read(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match=r"as \.vti, .* but the path ends in '\.ang'"):
        write(two_phases(), tmp_path / "a.ang")
    with pytest.raises(ValueError, match="`material` must be left out"):
        read(tmp_path / "a.npz", material="material.yaml")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_array_of_too_many_values_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "large.npz"
    np.savez_compressed(
        path, grain_id=np.zeros((4, 4, 4), np.uint8), quaternions=np.array([[1.0, 0, 0, 0]])
    )
    assert read(path).grid == (4, 4, 4)
    monkeypatch.setattr("polyxtal.microstructure.io.npz.MAX_VALUES", 63)
    with pytest.raises(ValueError, match="grain_id has more than 63 values"):
        read(path)


def test_a_small_file_does_not_unpack_to_a_large_array(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    zeros = np.zeros((100, 100, 100), np.uint8)
    np.savez_compressed(path, grain_id=zeros, quaternions=np.eye(4)[:1])
    assert read(path).grid == (100, 100, 100)
    monkeypatch.setattr(bounded, "FREE_VALUES", 10**4)
    with pytest.raises(ValueError, match="array grain_id unpacks to 1000000 values, where"):
        read(path)
    truthful = np.arange(10**6).reshape(zeros.shape) % 1000
    np.savez_compressed(path, grain_id=truthful, quaternions=np.eye(4)[[0] * 1000])
    assert read(path).grains == 1000


def test_other_compression_and_other_headers_are_refused(tmp_path):
    path = saved(tmp_path / "a.npz", **complete())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="array format_version is encrypted or not deflated"):
        read(path)
    # Version 2 has headers of up to 4 GiB.
    members["format_version.npy"] = b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b" " * 100
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"unknown version \(2, 0\)"):
        read(path)


def test_members_larger_than_the_file_are_refused(tmp_path):
    path = saved(tmp_path / "a.npz", **complete())
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.start_dir
    content[entry + 20 : entry + 28] = b"\xff\xff\xff\x7f" * 2
    path.write_bytes(content)
    with pytest.raises(ValueError, match="array format_version is larger than the file"):
        read(path)


def test_phases_are_limited(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.npz", **complete(phase_names=np.array(["x" * 5000] * 3)))
    with pytest.raises(ValueError, match="distinct names") as error:
        read(path)
    assert len(str(error.value)) < 900
    monkeypatch.setattr("polyxtal.microstructure.io.npz.MAX_PHASES", 2)
    with pytest.raises(ValueError, match="of more than 2"):
        read(path)


def test_materials_are_stored_with_their_lattices(tmp_path):
    path, rve = tmp_path / "a.npz", two_phases()
    titanium = load_material("Ti")
    write(rve, path, {"austenite": titanium})
    assert read_materials(path) == {"austenite": dataclasses.replace(titanium, name="austenite")}
    assert read(path).lattices == (None, titanium.lattice)
    with pytest.raises(ValueError, match="but names copper"):
        write(rve, path, {"copper": titanium})
    write(rve, path)
    assert read_materials(path) == {}
    assert read_materials(saved(path, grain_id=[[[0]]], quaternions=np.eye(4)[:1])) == {}


@pytest.mark.parametrize(
    ("materials", "sentence"),
    [
        (None, "materials.npy"),
        (np.array(["{}", "{}"]), "not one for each phase"),
        (np.array([1.0]), "not one for each phase"),
        (np.array(["{"]), "must be an intact polycrystal file"),
        (np.array(["[" * 10**5]), "nested too deeply"),
        (np.array(["[]"]), "phase 'crystal': must be a mapping"),
        (np.array(['{"lattice": "cF"}']), "phase 'crystal': mechanical must be given"),
    ],
)
def test_materials_that_are_none(tmp_path, materials, sentence):
    lattice = {"lattice": np.array(["cF"]), "laue_group": np.array([""]), "c_over_a": np.ones(1)}
    changes = {"format_version": np.int64(3), "materials": materials, **lattice}
    path = saved(tmp_path / "a.npz", **complete(**changes))
    with pytest.raises(ValueError, match=sentence) as error:
        read_materials(path)
    assert str(error.value).startswith(str(path))
