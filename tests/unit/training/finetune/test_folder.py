"""The folder of a fine-tuning: it goes on with what it was begun with, and nothing else."""

from __future__ import annotations

import json

import pytest

from polyxtal.files.plain import read_record
from polyxtal.training.finetune.folder import claimed

ASKED = {"data": "out/data", "seeds": 3, "recipe": {"count": 5, "seed": 1}}
HELD = {"data": {"seed": 1, "rves": 5}, "model": {"encoder": "abc"}}
FREE = ("seeds", "recipe.count", "contents.model")


def claim(*given):
    with claimed(*given) as asked:
        return asked


def written(folder):
    return read_record(folder / "finetuning.json")


def test_a_folder_says_what_was_asked_for_and_of_what(tmp_path):
    assert claim(tmp_path / "new", ASKED, HELD) == {**ASKED, "contents": HELD}
    assert written(tmp_path / "new") == {**ASKED, "contents": HELD}
    assert claim(tmp_path / "new", ASKED, HELD) == {**ASKED, "contents": HELD}


def test_free_fields_are_those_that_were_asked_for_last(tmp_path):
    claim(tmp_path, ASKED, HELD, FREE)
    asked = {**ASKED, "seeds": 1, "recipe": {"count": 9, "seed": 1}}
    held = {**HELD, "model": {"encoder": "other"}}
    for _ in range(2):
        assert claim(tmp_path, asked, held, FREE) == {**asked, "contents": held}
        assert written(tmp_path) == {**asked, "contents": held}
    # What is free at one time is not at another, and what is refused is not written.
    with pytest.raises(ValueError, match="but `seeds` is 1 there and 3 here"):
        claim(tmp_path, ASKED, held)
    with pytest.raises(ValueError, match=r"but `recipe\.seed` is 1 there and 2 here"):
        claim(tmp_path, {**asked, "recipe": {"count": 9, "seed": 2}}, held, FREE)
    assert written(tmp_path) == {**asked, "contents": held}


def test_one_process_at_a_time(tmp_path):
    with claimed(tmp_path, ASKED, HELD), pytest.raises(BlockingIOError, match="one process"):
        claim(tmp_path, ASKED, HELD)
    claim(tmp_path, ASKED, HELD)


def test_another_data_set_at_the_same_path_is_refused(tmp_path):
    claim(tmp_path, ASKED, HELD)
    held = {**HELD, "data": {"seed": 1, "rves": 4}}
    with pytest.raises(ValueError, match=r"`contents\.data\.rves` is 5 there and 4 here"):
        claim(tmp_path, ASKED, held)
    with pytest.raises(ValueError, match=r"`contents\.data\.more` is None there and 'x' here"):
        claim(tmp_path, ASKED, {**HELD, "data": {**HELD["data"], "more": "x"}})
    with pytest.raises(ValueError, match=r"`contents\.data\.seed` is 1 there and None here"):
        claim(tmp_path, ASKED, {**HELD, "data": {"rves": 5}})
    assert written(tmp_path)["contents"] == HELD


@pytest.mark.parametrize("known", [{}, {"contents": 3}, {"contents": {"data": 3}}])
def test_a_folder_that_does_not_say_what_it_was_begun_with_is_refused(tmp_path, known):
    (tmp_path / "finetuning.json").write_text(json.dumps({**ASKED, **known}))
    with pytest.raises(ValueError, match="go on with what it was begun with, but `contents"):
        claim(tmp_path, ASKED, HELD)


@pytest.mark.parametrize(("text", "complaint"), [("{", "cannot be read"), ("[1]", "is no mapping")])
def test_a_damaged_record_is_refused(tmp_path, text, complaint):
    (tmp_path / "finetuning.json").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        claim(tmp_path, ASKED, HELD)
