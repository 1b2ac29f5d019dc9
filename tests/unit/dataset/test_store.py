"""The store: what is written reads back, and damage of any kind is seen and mended."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time

import numpy as np
import pytest
import torch
import zarr

import polyxtal as px
from polyxtal.dataset import parts
from polyxtal.dataset.build import build_sample
from polyxtal.dataset.generate import generate
from polyxtal.dataset.layout import FORMAT, layout
from polyxtal.dataset.parts import check_part, prepare
from polyxtal.dataset.recipe import make_recipe
from polyxtal.dataset.store import PartError, PolycrystalStore, open_dataset

RECIPE = make_recipe(
    {
        "count": 5,
        "grid": 6,
        "grains": [3, 8],
        "spread": [0.1, 0.2],
        "aspect": [1, 1, [0.5, 2]],
        "texture": {"kind": "hull", "resolution": 30},
        "labels": {"constants": [[107300, 60800, 28300]], "sampled": {"count": 1}},
        "part": 2,
    }
)
ARRAYS = sorted(layout(RECIPE))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "whole"
    generate(RECIPE, folder, workers=1)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def tree(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def shard(folder, name, part=1):
    path = plain(folder, name, part)
    while path.is_dir():
        path /= "0"
    return path


def plain(folder, name, part=1):
    """A shard without folders of its own."""
    return folder / "data.zarr" / name / "c" / str(part)


def test_what_was_made_reads_back(whole):
    store = open_dataset(whole)
    assert len(store) == 5
    assert sorted(store.arrays) == ARRAYS
    for number, rve in enumerate(store):
        sample = build_sample(RECIPE, number)
        assert torch.equal(rve.grain_id, sample.rve.grain_id)
        assert torch.equal(rve.orientations, sample.rve.orientations)  # bit for bit
        assert rve.size == sample.rve.size == (6, 6, 6)
        assert store.read("grains", number, number + 1).tolist() == [sample.rve.grains]
        assert store.read("seed")[number] == sample.seed
        assert store.read("spread")[number] == np.float32(sample.spread)
        np.testing.assert_array_equal(store.read("aspect")[number], np.float32(sample.aspect))
        expected = sample.texture.coefficients(RECIPE.coefficient_grid()).float()
        np.testing.assert_array_equal(store.read("texture")[number], expected)
        beyond = store.read("orientations")[number, sample.rve.grains :]
        assert (beyond == [1, 0, 0, 0]).all()
    assert torch.equal(store[-1].grain_id, store[4].grain_id)


def test_labels_are_those_of_what_is_stored(whole):
    store = open_dataset(whole)
    for number in range(len(store)):
        for crystal, constants in enumerate(store.read("constants")[number]):
            truth = px.homogenize(store[number], px.CubicElasticity(*constants), 1e-6).stiffness
            np.testing.assert_array_equal(store.read("stiffness")[number, crystal], truth.float())
    assert (store.read("constants")[:, 0] == [107300, 60800, 28300]).all()


def test_arrays_say_what_they_are(whole):
    root = zarr.open_group(whole / "data.zarr", mode="r")
    for name, expected in layout(RECIPE).items():
        array = root[name]
        assert array.shape == (5, *expected.shape)
        assert array.dtype == expected.dtype
        assert array.metadata.dimension_names == ("rve", *expected.dimensions)
        assert set(array.attrs) == {"meaning", "units"}
    grid = RECIPE.coefficient_grid()
    np.testing.assert_array_equal(root["grid_orientations"][:], grid.orientations)
    np.testing.assert_array_equal(root["grid_volumes"][:], grid.volumes)


def test_rows_that_are_not_there(whole):
    store = open_dataset(whole)
    with pytest.raises(KeyError, match="but no 'x'"):
        store.read("x")
    for number in (5, -6):
        with pytest.raises(IndexError, match="There are 5 RVEs, but number"):
            store[number]
    with pytest.raises(IndexError, match="Rows must be counted from 0, but are -1 to 5"):
        store.read("seed", -1)
    with pytest.raises(IndexError, match="Rows must be counted from 0"):
        store.read("seed", 0, -1)
    assert store.read("seed", 3, 99).shape == (2,)
    assert store.read("seed", 3, 2).shape == (0,)
    assert store.read("seed", 9).shape == (0,)


def rewrite(path, change):
    """Change a JSON file."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def hold_values(folder, name, change):
    """Write a shard of other values, and its record, as intact as any."""
    array = zarr.open_group(folder / "data.zarr", mode="r+", use_consolidated=False)[name]
    rows = array[2:4]
    change(rows)
    array[2:4] = rows
    path = shard(folder, name)

    def update(content):
        entry = content["files"][path.relative_to(folder).as_posix()]
        data = path.read_bytes()
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    rewrite(record(folder), update)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("grain_id", lambda a: a.fill(8), "must hold ids of grains below 8, but those of RVE 2"),
        ("grain_id", lambda a: a[0].fill(7), "RVE 2 must be a polycrystal, but: Every grain id"),
        ("grains", lambda a: a.fill(0), "must hold numbers of grains from 1 to 8"),
        ("grains", lambda a: a.fill(9), "must hold numbers of grains from 1 to 8"),
        ("orientations", lambda a: a[1].fill(3), "must hold unit quaternions, but those of RVE 3"),
        ("orientations", lambda a: a[1].fill(np.nan), "must hold unit quaternions"),
    ],
)
def test_values_that_no_polycrystal_has_are_told_with_their_file(copy, name, change, sentence):
    hold_values(copy, name, change)
    store = open_dataset(copy)
    with pytest.raises(PartError, match=re.escape(str(shard(copy, name))) + f": {sentence}"):
        [store[2], store[3]]
    assert store[0].grains > 0


def record(folder, part=1):
    return folder / "parts" / f"{part:06d}.json"


def set_entry(value):
    """Damage the first entry of a record."""

    def damage(folder):
        def change(content):
            content["files"][sorted(content["files"])[0]] = value

        rewrite(record(folder), change)

    return damage


def hold(content):
    return lambda folder: record(folder).write_bytes(content)


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def swap(first, second):
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)


def from_elsewhere(folder):
    """Take a part, whole, from a data set with another seed."""
    other = folder.parent / "other"
    generate(RECIPE.model_copy(update={"seed": 1}), other, workers=1)
    for name in ARRAYS:
        shutil.copy(shard(other, name), shard(folder, name))
    shutil.copy(record(other), record(folder))


ODD = {"bytes": 1, "sha256": "0" * 64}
OPENING = {  # what is seen when a store is opened
    "record deleted": lambda f: record(f).unlink(),
    "record empty": hold(b""),
    "record not JSON": hold(b"{"),
    "record deep": hold(b"[" * 100_000),
    "record huge": hold(b" " * (2 << 20)),
    "record a list": hold(b"[]"),
    "record null": hold(b"null"),
    "record not UTF-8": hold(b'{"files": "\xff"}'),
    "record without files": hold(b'{"part": 1}'),
    "files a list": lambda f: rewrite(record(f), lambda c: c.update(files=[])),
    "files empty": lambda f: rewrite(record(f), lambda c: c.update(files={})),
    "entry a number": set_entry(1),
    "entry empty": set_entry({}),
    "size a text": set_entry({"bytes": "43", "sha256": "0"}),
    "size infinite": hold(b'{"files": {"a": {"bytes": 1e999, "sha256": "0"}}}'),
    "size NaN": set_entry({"bytes": float("nan"), "sha256": "0"}),
    "size wrong": set_entry(ODD),
    "size a list": set_entry({"bytes": [1], "sha256": []}),
    "names lead out": hold(json.dumps({"files": {"../../x": ODD}}).encode()),
    "more names": lambda f: rewrite(record(f), lambda c: c["files"].update({"../x": ODD})),
    "record of part 0": lambda f: shutil.copy(record(f, 0), record(f)),
    "part from elsewhere": from_elsewhere,
    "shard truncated": lambda f: os.truncate(shard(f, "grain_id"), 100),
    "shard empty": lambda f: os.truncate(shard(f, "seed"), 0),
    "shard longer": lambda f: os.truncate(shard(f, "seed"), 1000),
    "shard deleted": lambda f: shard(f, "stiffness").unlink(),
    "all of an array deleted": lambda f: shutil.rmtree(f / "data.zarr" / "texture"),
    "records deleted": lambda f: shutil.rmtree(f / "parts"),
    "arrays deleted": lambda f: shutil.rmtree(f / "data.zarr"),
    "shard a folder": lambda f: (plain(f, "seed").unlink(), plain(f, "seed").mkdir()),
}
HASHED = {  # what only hashes tell
    "hash wrong": lambda f: rewrite(
        record(f), lambda c: [e.update(sha256="0") for e in c["files"].values()]
    ),
    "hash a number": lambda f: rewrite(
        record(f), lambda c: [e.update(sha256=3) for e in c["files"].values()]
    ),
    "byte flipped": lambda f: flip(shard(f, "orientations"), 20),
    "shards swapped": lambda f: swap(shard(f, "spread", 0), shard(f, "spread", 1)),
}


def check_mended(folder, whole, parts):
    """Make it again: the same bytes, and nothing written that was whole."""
    expected = tree(whole)
    before = tree(folder)
    kept = {
        path: (folder / path).stat().st_mtime_ns
        for path in expected
        if before.get(path) == expected[path]
    }
    done = generate(RECIPE, folder, workers=1)
    assert set(done.made) == parts
    assert tree(folder) == expected
    touched = {p for p, at in kept.items() if (folder / p).stat().st_mtime_ns != at}
    assert all(any(f"/c/{p}" in path or f"{p}.json" in path for p in parts) for path in touched)
    assert len(open_dataset(folder)) == 5


@pytest.mark.parametrize("damage", OPENING)
def test_damage_that_opening_sees(copy, whole, damage):
    OPENING[damage](copy)
    with pytest.raises(ValueError, match="run `polyxtal generate` again") as caught:
        open_dataset(copy)
    assert "\n" not in str(caught.value)
    if damage == "shard a folder":
        with pytest.raises(OSError, match="must be a file to be written, but is a folder"):
            generate(RECIPE, copy, workers=1)
        plain(copy, "seed").rmdir()
    everything = {
        "all of an array deleted",
        "records deleted",
        "arrays deleted",
    }
    if damage not in everything:
        assert "part 1 is " in str(caught.value)
    (copy.parent / "other").exists() and shutil.rmtree(copy.parent / "other")
    check_mended(copy, whole, {0, 1, 2} if damage in everything else {1})
    assert {path.name for path in copy.parent.iterdir()} == {"copy"}


@pytest.mark.parametrize("damage", HASHED)
def test_damage_that_hashes_see(copy, whole, damage):
    HASHED[damage](copy)
    open_dataset(copy)
    check_mended(copy, whole, {0, 1} if damage == "shards swapped" else {1})


@pytest.mark.parametrize("name", ARRAYS)
def test_no_flipped_byte_goes_unseen(copy, name):
    store = open_dataset(copy)
    truth = store.read(name)
    path = shard(copy, name)
    size = path.stat().st_size
    places = np.unique(np.linspace(0, size - 1, 12).astype(int))
    for place in places:
        flip(path, place)
        with pytest.raises(PartError, match=f"'{name}' must be readable, but part 1 is damaged"):
            store.read(name)
        np.testing.assert_array_equal(store.read(name, 0, 2), truth[:2])
        np.testing.assert_array_equal(store.read(name, 4), truth[4:])
        flip(path, place)


@pytest.mark.parametrize("name", ["grain_id", "orientations", "grains"])
@pytest.mark.parametrize("size", [None, 0, 10])
def test_shard_lost_after_opening(copy, name, size):
    store = open_dataset(copy)
    path = shard(copy, name)
    path.unlink() if size is None else os.truncate(path, size)
    for number in (2, 3):
        with pytest.raises(PartError, match=rf"'{name}' must be readable, but part 1 is damaged"):
            store[number]
    with pytest.raises(PartError):
        list(store)
    store[1], store[4]


def group(folder):
    return folder / "data.zarr" / "zarr.json"


def array(folder):
    return folder / "data.zarr" / "texture" / "zarr.json"


def set_in(path, name, value):
    return lambda f: rewrite(path(f), lambda c: c.update({name: value}))


METADATA = {
    "group deleted": lambda f: group(f).unlink(),
    "group not JSON": lambda f: group(f).write_text("x"),
    "group a list": lambda f: group(f).write_text("[]"),
    "group deep": lambda f: group(f).write_text("[" * 100_000),
    "group huge": lambda f: group(f).write_bytes(b" " * (17 << 20)),
    "group without attributes": lambda f: group(f).write_text("{}"),
    "group attributes a list": set_in(
        group, "attributes", ["format", "format_version", "polyxtal", "recipe"]
    ),
    "group an array": set_in(group, "node_type", "array"),
    "recipe in it a list": lambda f: rewrite(group(f), lambda c: c["attributes"].update(recipe=[])),
    "array deleted": lambda f: array(f).unlink(),
    "array not JSON": lambda f: array(f).write_text("x"),
    "array null": lambda f: array(f).write_text("null"),
    "array deep": lambda f: array(f).write_text('{"a":' * 100_000),
    "array huge": lambda f: array(f).write_bytes(b" " * (17 << 20)),
    "array longer": set_in(array, "shape", [10**12, 40]),
    "array of other numbers": set_in(array, "data_type", "float64"),
    "array of other codecs": set_in(array, "codecs", [{"name": "bytes"}]),
    "array of other chunks": set_in(
        array, "chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [5, 40]}}
    ),
    "recipe not YAML": lambda f: (f / "recipe.yaml").write_text("{"),
    "recipe empty": lambda f: (f / "recipe.yaml").write_text(""),
    "recipe deleted": lambda f: (f / "recipe.yaml").unlink(),
    "recipe edited": lambda f: (f / "recipe.yaml").write_text(
        (f / "recipe.yaml").read_text().replace("seed: 0", "seed: 7")
    ),
    "recipe longer": lambda f: (f / "recipe.yaml").write_text(
        (f / "recipe.yaml").read_text().replace("count: 5", "count: 6")
    ),
}


@pytest.mark.parametrize("damage", METADATA)
def test_damaged_metadata(copy, whole, damage):
    METADATA[damage](copy)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        open_dataset(copy)
    said = str(caught.value)
    assert str(copy) in said
    assert "\n" not in said
    assert len(said) < 500
    check_mended(copy, whole, set())


def test_edited_recipe_is_not_taken_for_the_one_of_the_parts(copy, whole):
    edited = RECIPE.model_copy(update={"seed": 7})
    METADATA["recipe edited"](copy)
    with pytest.raises(ValueError, match=r"recipe\.yaml: must be the recipe that .* `seed` is 0 t"):
        open_dataset(copy)
    before = tree(copy)
    with pytest.raises(ValueError, match=r"begun with, but `seed` is 0 there and 7 here\."):
        generate(edited, copy, workers=1)
    assert tree(copy) == before


def test_recipe_edited_and_metadata_lost(copy):
    """The parts still know what they were made from."""
    METADATA["recipe edited"](copy)
    group(copy).unlink()
    edited = RECIPE.model_copy(update={"seed": 7})
    done = generate(edited, copy, workers=1)
    assert sorted(done.damaged) == [0, 1, 2]
    assert "another recipe or version made" in done.damaged[0]
    generate(edited, copy.parent / "direct", workers=1)
    assert tree(copy) == tree(copy.parent / "direct")


def test_what_a_group_says_of_its_arrays_is_not_believed(copy):
    other = json.loads(array(copy).read_bytes())
    other["shape"] = [10**12, 40]
    told = {"kind": "inline", "must_understand": False, "metadata": {"texture": other}}
    rewrite(group(copy), lambda c: c.update(consolidated_metadata=told))
    store = open_dataset(copy)
    assert store.arrays["texture"].shape == (5, 40)


def test_metadata_written_otherwise_are_the_same(copy):
    for path in (copy / "data.zarr").rglob("zarr.json"):
        path.write_text(json.dumps(json.loads(path.read_bytes()), indent=None))
    assert len(open_dataset(copy)) == 5


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_links_are_refused(copy, tmp_path, kind):
    outside = tmp_path / "outside"
    target = {
        "file": shard(copy, "seed"),
        "folder": copy / "parts",
        "dangling": record(copy),
    }[kind]
    if kind == "folder":
        target.rename(outside)
    elif kind == "file":
        shutil.copy(target, outside)
    if kind != "folder":
        target.unlink(missing_ok=True)
    target.symlink_to(outside)
    with pytest.raises(ValueError, match="a data set must not hold links, but this is one"):
        generate(RECIPE, copy, workers=1)


def test_other_format_and_other_version(copy, monkeypatch):
    def other_format(content):
        content["attributes"]["format_version"] = 2

    before = group(copy).read_bytes()
    rewrite(group(copy), other_format)
    for act in (open_dataset, lambda f: generate(RECIPE, f, workers=1)):
        with pytest.raises(ValueError, match=f"must be a '{FORMAT}' of version 1, but is"):
            act(copy)
    group(copy).write_bytes(before)
    expected = tree(copy)
    monkeypatch.setattr("polyxtal.dataset.layout.__version__", "9.9")
    assert len(open_dataset(copy)) == 5  # reading is fine
    with pytest.raises(ValueError, match=r"begun with, but that is '.*' and this is '9\.9'"):
        generate(RECIPE, copy, workers=1)
    assert tree(copy) == expected


def test_unfinished_sets_are_read_on_request(copy):
    record(copy, 2).unlink()
    with pytest.raises(PartError, match="all 3 parts must be there and whole, but part 2 is miss"):
        open_dataset(copy)
    store = PolycrystalStore(copy, partial=True)
    assert len(store) == len(list(store)) == 4
    assert store.read("seed").shape == (4,)
    assert store.read("seed", 3, 5).shape == (1,)
    with pytest.raises(IndexError):
        store[4]
    record(copy, 0).unlink()
    with pytest.raises(PartError, match="part 0 is missing"):
        open_dataset(copy, partial=True)
    with pytest.raises(FileNotFoundError, match=r"must be a data set, but has no recipe\.yaml"):
        open_dataset(copy.parent)


def test_parts_beyond_the_recipe_are_left_alone(copy, whole):
    shutil.copy(record(copy), record(copy, 77))
    shutil.copy(plain(copy, "seed"), plain(copy, "seed", 77))
    assert len(open_dataset(copy)) == 5
    assert generate(RECIPE, copy, workers=1).made == []
    for path in tree(copy).keys() - tree(whole).keys():
        assert "77" in path


def test_many_parts_are_prepared_and_surveyed_quickly(tmp_path):
    many = RECIPE.model_copy(update={"count": 100_000})
    started = time.monotonic()
    prepare(tmp_path, many)
    assert {check_part(tmp_path, many, part) for part in range(many.parts)} == {"missing"}
    assert time.monotonic() - started < 20
    with pytest.raises(PartError, match="all 50000 parts must be there"):
        open_dataset(tmp_path)


def test_temporary_files_of_a_killed_run_go_away(copy, whole):
    left = [
        copy / f".recipe-{'a' * 12}.yaml",
        copy / "parts" / f".000001-{'0' * 12}.json",
        copy / "data.zarr" / "seed" / "c" / f".1-{'f' * 12}",
    ]
    for path in left:
        path.write_text("half")
    mine = copy / ".mine"
    mine.write_text("kept")
    generate(RECIPE, copy, workers=1)
    assert not any(path.exists() for path in left)
    assert mine.exists()
    assert parts._temporary(left[0].name)


@pytest.mark.parametrize(
    "changes",
    [
        {"spread": 0},
        {"grains": 1},
        {"grid": 1, "grains": 1},
        {"grains": [1, 2], "part": 1},
        {"texture": {"kind": "uniform"}, "grains": 1, "aspect": [2, 1, 1]},
    ],
)
def test_rows_that_are_all_alike_are_kept(changes, tmp_path):
    # zarr leaves out shards that hold nothing but the fill value.
    recipe = make_recipe({"count": 5, "part": 2, "grid": 4, "grains": 4, "seed": 0} | changes)
    generate(recipe, tmp_path / "set", workers=1)
    assert generate(recipe, tmp_path / "set", workers=1).made == []
    store = open_dataset(tmp_path / "set")
    assert [rve.grid for rve in store] == [recipe.grid] * 5
    for name, array in layout(recipe).items():
        assert not (store.read(name) == array.fill).all(axis=None)
