"""A folder goes on with what it was begun with."""

from __future__ import annotations

import json

import pytest

from polyxtal.files.run_folder import RunFolder

ASKED = {"grid": 4, "loads": ("tension", "shear"), "law": {"n": 20.0}}


def test_the_same_work_goes_on(tmp_path):
    assert RunFolder(tmp_path / "new", "work.json", "work").earlier() is None
    RunFolder(tmp_path / "new", "work.json", "work").claim(ASKED)
    RunFolder(tmp_path / "new", "work.json", "work").claim(dict(ASKED))
    assert RunFolder(tmp_path / "new", "work.json", "work").earlier() == json.loads(
        json.dumps(ASKED)
    )


def test_other_work_is_refused_and_what_was_begun_stays(tmp_path):
    RunFolder(tmp_path, "work.json", "a piece of work").claim(ASKED)
    before = (tmp_path / "work.json").read_text()
    with pytest.raises(
        ValueError, match=r"a piece of work must go on .* `grid` is 4 there and 5 he"
    ):
        RunFolder(tmp_path, "work.json", "a piece of work").claim({**ASKED, "grid": 5})
    with pytest.raises(ValueError, match="`more` is None there and 'x' here"):
        RunFolder(tmp_path, "work.json", "a piece of work").claim({**ASKED, "more": "x"})
    assert (tmp_path / "work.json").read_text() == before


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold work, but is not"):
        RunFolder(tmp_path, "work.json", "work").claim(ASKED)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "cannot be read"), ("[" * 100_000, "cannot be read"), ("[1]", "is no mapping")],
)
def test_a_damaged_record_is_refused(tmp_path, text, sentence):
    (tmp_path / "work.json").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        RunFolder(tmp_path, "work.json", "work").claim(ASKED)


def test_free_entries_may_change_and_the_record_keeps_the_latest(tmp_path):
    run = RunFolder(tmp_path, "work.json", "work")
    run.claim(ASKED, free=("grid", "law.n"))
    latest = {"grid": 5, "loads": ["tension", "shear"], "law": {"n": 1.0}}
    assert run.claim(latest, free=("grid", "law.n")) == latest == run.earlier()
    with pytest.raises(ValueError, match=r"`law\.n` is 1\.0 there and 20\.0 here"):
        run.claim({**latest, "law": {"n": 20.0}})
    assert run.earlier() == latest


def test_only_one_process_works_in_a_folder(tmp_path):
    run = RunFolder(tmp_path, "work.json", "a simulation")
    with (
        run.lock(),
        pytest.raises(BlockingIOError, match="only one process at a time may work on a simulation"),
        RunFolder(tmp_path, "work.json", "a simulation").lock(),
    ):
        pass
    with run.lock():
        pass


def test_a_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="must be a folder to write into, but is a file"):
        RunFolder(tmp_path / "file", "work.json", "work").claim(ASKED)
    with pytest.raises(NotADirectoryError, match=r"must lie in a folder, but .*file is a file"):
        RunFolder(tmp_path / "file" / "a" / "b", "work.json", "work").claim(ASKED)
