"""What files say does not fill the screen."""

from polyxtal.files.wording import (
    MAX_LISTED,
    MAX_NAME,
    MAX_REASON,
    MAX_VALUE,
    listing,
    shorten,
    shorten_text,
)


def test_nested_lists_of_long_strings_are_shortened():
    deep = "x" * 1000
    for _ in range(8):
        deep = [deep] * 8
    assert len(shorten(deep)) <= MAX_VALUE
    assert shorten([1, "a", None]) == "[1, 'a', None]"


def test_beginning_and_end_of_a_long_text_are_kept():
    found = shorten_text("file: " + "x\n" * 5000 + "end.")
    assert len(found) == MAX_REASON
    assert found.startswith("file: x x")
    assert found.endswith("x end.")
    assert shorten_text("a\n b") == "a b"


def test_a_list_of_names_ends_with_the_number_of_those_left_out():
    assert listing(["a", 2]) == "a, 2"
    assert listing([]) == ""
    assert listing(range(MAX_LISTED + 3)).endswith(f"{MAX_LISTED - 1} and 3 more")
    assert len(listing(["x" * 5000])) == MAX_NAME
