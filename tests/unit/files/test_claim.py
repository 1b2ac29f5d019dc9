"""A folder goes on with what it was begun with."""

from __future__ import annotations

import json

import pytest

from polyxtal.files.claim import begun, claim

ASKED = {"grid": 4, "loads": ("tension", "shear"), "law": {"n": 20.0}}


def test_the_same_work_goes_on(tmp_path):
    assert begun(tmp_path / "new", "work.json", "work") is None
    claim(tmp_path / "new", "work.json", ASKED, "work")
    claim(tmp_path / "new", "work.json", dict(ASKED), "work")
    assert begun(tmp_path / "new", "work.json", "work") == json.loads(json.dumps(ASKED))


def test_other_work_is_refused_and_what_was_begun_stays(tmp_path):
    claim(tmp_path, "work.json", ASKED, "a piece of work")
    before = (tmp_path / "work.json").read_text()
    with pytest.raises(
        ValueError, match=r"a piece of work must go on .* `grid` is 4 there and 5 he"
    ):
        claim(tmp_path, "work.json", {**ASKED, "grid": 5}, "a piece of work")
    with pytest.raises(ValueError, match="`more` is None there and 'x' here"):
        claim(tmp_path, "work.json", {**ASKED, "more": "x"}, "a piece of work")
    assert (tmp_path / "work.json").read_text() == before


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold work, but is not"):
        claim(tmp_path, "work.json", ASKED, "work")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "can not be read"), ("[" * 100_000, "can not be read"), ("[1]", "is no mapping")],
)
def test_a_damaged_record_is_refused(tmp_path, text, sentence):
    (tmp_path / "work.json").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        claim(tmp_path, "work.json", ASKED, "work")
