"""YAML as YAML 1.2 means it, and files that appear whole or not at all."""

from __future__ import annotations

import gc
import math
from pathlib import Path

import pytest

from polyxtal.files import yaml as module
from polyxtal.files.atomic import atomic_file, atomic_files, atomic_folder
from polyxtal.files.yaml import read_yaml


def load(folder: Path, text: str) -> object:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("107.3e9", 107.3e9),
        ("76.e+6", 76e6),
        (".5", 0.5),
        ("-1.", -1.0),
        ("+2E3", 2000.0),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("no", "no"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("x", "x"),
        ("1e", "1e"),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("'1e-3'", "1e-3"),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, text: str, value: object) -> None:
    loaded = load(tmp_path, f"key: {text}\n")
    assert isinstance(loaded, dict)
    assert loaded["key"] == value
    assert type(loaded["key"]) is type(value)


def test_nan_is_read(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[.nan]")
    assert isinstance(loaded, list)
    assert math.isnan(loaded[0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", r"file\.yaml, line 3: .* 'a' is"),
        ("a: 1\nb: [1,\n", r"file\.yaml, line 3: must be valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", r"line 1: .*constructor"),
        ("a: !!float ten\n", "must be valid YAML"),
        ("- " * 1000 + "a", "nesting must not be deeper"),
        # The parser of newer versions of PyYAML has a limit of its own.
        ("[" * 200_000, "nesting must not be deeper|maximum nesting depth"),
        ("a: 1\n---\nb: 2\n", "line 3: must be valid YAML, but another document begins"),
        ("a: !!bool maybe\n", "a boolean must be true or false, but 'maybe' is not"),
        ("a: !!timestamp 2026\n", "line 1: .*could not determine a constructor"),
        ("a: !!timestamp x\n", "line 1: .*constructor"),
        ("a: !!binary abc\n", "line 1: .*constructor"),
        ("a: !!set {b}\n", "line 1: .*constructor"),
        ("a: !!bool [1]\n", "line 1: .*scalar"),
        ("a: !!int ten\n", "must be valid YAML"),
        ("", "but is empty"),
        ("# only a comment\n", "but is empty"),
        ("a: \x07\n", "must be valid YAML"),
    ],
)
def test_what_is_no_yaml_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load(tmp_path, text)


@pytest.mark.parametrize("end", ["---", "...", "...\n---\n", "---\n# end\n---\n...\n"])
def test_empty_documents_may_follow(tmp_path: Path, end: str) -> None:
    assert load(tmp_path, f"%YAML 1.2\n---\na: 1\n{end}") == {"a": 1}


TAGS = (
    "!!bool", "!!int", "!!float", "!!null", "!!str", "!!seq", "!!map", "!!timestamp", "!!binary",
    "!!set", "!!omap", "!!pairs", "!!merge", "!!value", "!!python/none", "!x", "!<x>",
)  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("value", ["", "x", "1", "true", "[1]", "{a: 1}", "{? [1] : 2}", "'2020'"])
def test_any_tag_is_read_or_refused_in_a_sentence(tmp_path: Path, tag: str, value: str) -> None:
    for text in (f"a: {tag} {value}\n", f"- {tag} {value}\n", f"? {tag} {value}\n: 1\n"):
        said = "file.yaml"
        try:
            load(tmp_path, text)
        except ValueError as error:
            said = str(error)
        assert "file.yaml" in said


def test_merge_keys_are_not_expanded(tmp_path: Path) -> None:
    assert load(tmp_path, "a: &a {x: 1}\nb: {<<: *a}\n") == {"a": {"x": 1}, "b": {"<<": {"x": 1}}}


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(b"\xff\xfe\x00\x01\x80")
    with pytest.raises(ValueError, match=r"file\.yaml"):
        read_yaml(tmp_path / "file.yaml")


def test_a_large_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    assert load(tmp_path, "a: 1234567") == {"a": 1234567}
    with pytest.raises(ValueError, match="must not exceed"):
        load(tmp_path, "a: 12345678")


def test_a_device_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a regular file"):
        read_yaml("/dev/zero")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "absent.yaml")


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_files_appear_together(tmp_path: Path) -> None:
    first, second = tmp_path / "one.txt", tmp_path / "two.txt"
    second.write_text("old")
    with atomic_files(first, second) as (a, b):
        a.write_text("1")
        b.write_text("2")
        assert a.suffix == ".txt"
        assert not first.exists()
        assert second.read_text() == "old"
    assert listing(tmp_path) == {"one.txt": "1", "two.txt": "2"}


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "one.txt"
    target.write_text("old")
    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="half way"),
        atomic_files(target, tmp_path / "two.txt") as (a, b),
    ):
        a.write_text("new")
        b.write_text("new")
        raise RuntimeError("half way")
    assert listing(tmp_path) == {"one.txt": "old"}


def test_nothing_is_left_behind_when_a_file_was_not_written(tmp_path: Path) -> None:
    paths = tmp_path / "one.txt", tmp_path / "two.txt"
    with pytest.raises(FileNotFoundError), atomic_files(*paths) as (a, _):
        a.write_text("new")
    assert listing(tmp_path) == {}


def test_a_link_keeps_pointing_at_its_file(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with atomic_file(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_the_folder_to_write_into_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must exist"), atomic_file(tmp_path / "a/b.txt"):
        pass
    with pytest.raises(IsADirectoryError, match="but is a folder"), atomic_file(tmp_path):
        pass


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with atomic_folder(target) as temporary:
        (temporary / "a.txt").write_text("1")
        assert list(target.iterdir()) == []
    assert listing(target) == {"a.txt": "1"}
    with pytest.raises(FileExistsError, match="must be new or empty"), atomic_folder(target):
        pass
    assert listing(target) == {"a.txt": "1"}


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="half way"),
        atomic_folder(tmp_path / "out") as temporary,
    ):
        (temporary / "a.txt").write_text("1")
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_an_alias_of_its_own_parent_is_refused(tmp_path):
    file = tmp_path / "endless.yaml"
    file.write_text("rows: &a [*a, *a, *a]\n")
    with pytest.raises(ValueError, match=r"endless\.yaml: must not hold an alias of what contains"):
        read_yaml(file)


def test_aliases_that_unfold_without_bound_are_refused(tmp_path):
    file = tmp_path / "bomb.yaml"
    levels = "".join(f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 9)}]\n" for k in range(1, 12))
    file.write_text(f"l0: &l0 [x]\n{levels}")
    with pytest.raises(ValueError, match="must unfold into at most"):
        read_yaml(file)


def test_aliases_within_bounds_are_read(tmp_path):
    file = tmp_path / "shared.yaml"
    file.write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml(file) == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("text", [str(2**64), "0x1" + "0" * 16, "9" * 5000, "-9999999999999999999"])
def test_integers_fit_into_64_bits(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="must fit into 64 bits, but '") as error:
        load(tmp_path, f"a: {text}")
    assert len(str(error.value)) < 400
    assert load(tmp_path, "[0xffffffffffffffff, -9223372036854775808]") == [2**64 - 1, -(2**63)]


def test_messages_stay_short(tmp_path: Path) -> None:
    for text in (f"a: !{'x' * 5000} 1", f"a: *{'x' * 5000}", f"? {'x' * 5000}\n? {'x' * 5000}"):
        with pytest.raises(ValueError, match="must be valid YAML") as error:
            load(tmp_path, text)
        assert len(str(error.value)) < 600


def test_garbage_collection_pauses_while_a_file_is_parsed(tmp_path, monkeypatch):
    parse, seen = module.yaml.load, []

    def load_and_look(*given, **named):
        seen.append(gc.isenabled())
        return parse(*given, **named)

    monkeypatch.setattr(module.yaml, "load", load_and_look)
    assert load(tmp_path, "a: 1") == {"a": 1}
    with pytest.raises(ValueError, match="must be valid YAML"):
        load(tmp_path, "{")
    assert seen == [False, False]
    assert gc.isenabled()
