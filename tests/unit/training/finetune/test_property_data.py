"""Tables of labels: what they may hold, how they are split, and what is read only once."""

from __future__ import annotations

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.crystal.lattice import Lattice
from polyxtal.training.finetune.property_data import (
    read_features,
    read_label_table,
    split_volumes,
)


@pytest.fixture
def folder(tmp_path):
    for k in range(3):
        px.write(tiny_rve(k), tmp_path / f"{k}.npz")
    return tmp_path


def write(folder, text):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read(folder):
    (folder / "deep").mkdir()
    px.write(tiny_rve(3), folder / "deep" / "d.npz")
    text = (
        "\ufefffile, yield stress [MPa] ,split,size\n0.npz,1.5,test,2\n\ndeep/d.npz, 3,train,-4\n"
    )
    table = read_label_table(write(folder, text))
    assert table.files == ["0.npz", "deep/d.npz"]
    assert [(label.name, label.unit) for label in table.labels] == [
        ("yield stress", "MPa"),
        ("size", ""),
    ]
    assert table.values.tolist() == [[1.5, 2], [3, -4]]
    assert table.given == [2, 0]
    assert table.places()[1].is_file()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must have a column `file`"),
        ("path,a\n0.npz,1\n", "must have a column `file`, but has path, a"),
        ("file;a\n0.npz;1\n", "must have a column `file`, but has file;a"),
        ("file,split\n0.npz,train\n", "must have 1 to 256 labels, but has 0"),
        ("file,a,a [MPa]\n0.npz,1,2\n", "must name each column once"),
        ("file,\n0.npz,1\n", "must have 1 to 100 characters"),
        ("file,a\n0.npz,1,2\n", "line 2: must have 2 entries, but has 3"),
        ("file,a\n0.npz,1\n1.npz,high\n", "line 3: 'a' must be a number .* but is 'high'"),
        ("file,a\n0.npz,nan\n", "line 2: 'a' must be a number"),
        ("file,a\n0.npz,1e31\n", "line 2: 'a' must be a number of at most"),
        ("file,a,split\n0.npz,1,dev\n", "`split` must be train, validation, test, but is 'dev'"),
        ("file,a\n0.npz,1\n1.npz,1\n0.npz,2\n", "must name each volume once, but '0.npz' 2 times"),
        ("file,a\nx.png,1\n", "must end in"),
        ("file,a\nx.ang,1\n", "line 2: must name a volume, but x.ang is a map"),
    ],
)
def test_wrong_tables_are_one_sentence(folder, text, complaint):
    path = write(folder, text)
    with pytest.raises(ValueError, match=complaint):
        read_label_table(path)


def test_a_missing_volume_and_a_table_that_is_none(folder):
    path = write(folder, "file,a\nnone.npz,1\n")
    with pytest.raises(FileNotFoundError, match=r"labels.csv, line 2: .*none.npz does not"):
        read_label_table(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"must be a table \(CSV, UTF-8\)"):
        read_label_table(path)


def many(folder, count, header="file,a", row="{0}.npz,{0}"):
    for k in range(count):
        (folder / f"{k}.npz").touch()
    return read_label_table(
        write(folder, "\n".join([header, *(row.format(k) for k in range(count))]))
    )


def test_splits(tmp_path):
    table = many(tmp_path, 20)
    parts = split_volumes(table, 0.2, 0.1, 3)
    assert [len(part) for part in parts] == [14, 4, 2]
    assert sorted(torch.cat(parts).tolist()) == list(range(20))
    again, other = split_volumes(table, 0.2, 0.1, 3), split_volumes(table, 0.2, 0.1, 4)
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not torch.equal(parts[2], other[2])
    given = table._replace(given=[0] * 10 + [1] * 5 + [2] * 5)
    assert [part.tolist()[0] for part in split_volumes(given, 0.2, 0.1, 3)] == [0, 10, 15]
    with pytest.raises(ValueError, match=r"must have at least 4, 2, 2 volumes .* has 10, 10, 0"):
        split_volumes(table._replace(given=[0] * 10 + [1] * 10), 0.2, 0.1, 0)
    with pytest.raises(ValueError, match="must have at least 4, 2, 2 volumes"):
        split_volumes(table, 0.6, 0.4, 0)
    same = table._replace(values=torch.full((20, 1), 1e6) + 0.01 * table.values)
    with pytest.raises(ValueError, match="'a' must differ between training volumes"):
        split_volumes(same, 0.2, 0.1, 0)


def test_features_are_read_once_and_name_the_file_that_fails(folder, monkeypatch):
    table, model = (
        read_label_table(write(folder, "file,a\n0.npz,1\n2.npz,3\n")),
        tiny_stiffness_model(),
    )
    told = []
    found = read_features(table, {"m": model}, folder / "f", lambda *done: told.append(done[1:3]))
    assert told == [(1, 2), (2, 2)]
    assert torch.equal(found["m"], model.encode([tiny_rve(0), tiny_rve(2)]))
    assert found["harmonics"].shape == (2, 9)
    monkeypatch.setattr("polyxtal.training.finetune.property_data.read", None)
    again = read_features(table, {"m": model}, folder / "f", told.append)
    assert all(torch.equal(again[name], value) for name, value in found.items())
    monkeypatch.undo()
    [part] = (folder / "f").iterdir()
    part.write_bytes(part.read_bytes()[:-9])
    again = read_features(table, {"m": model}, folder / "f", lambda *_: None)
    assert torch.equal(again["m"], found["m"])
    tin = px.tessellate(grid=6, grains=3, seed=0, lattice=Lattice("tI", 0.5))
    px.write(tin, folder / "1.npz")
    other = read_label_table(write(folder, "file,a\n1.npz,1\n"))
    with pytest.raises(ValueError, match=r"1.npz: This model must be given crystals of Laue group"):
        read_features(other, {"m": model}, folder / "g", lambda *_: None)


def test_the_digest_knows_contents_and_not_names(folder):
    def digest(text):
        return read_label_table(write(folder, text)).digest()

    first = digest("file,a\n0.npz,1\n")
    px.write(tiny_rve(0), folder / "renamed.npz")
    (folder / "renamed.npz").write_bytes((folder / "0.npz").read_bytes())
    assert digest("file,a\nrenamed.npz,1\n") == first
    assert digest("file,a\n1.npz,1\n") != first
    assert digest("file,a\n0.npz,2\n") != first
