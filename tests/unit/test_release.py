"""What is kept by hand or drawn once agrees with `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from xml.etree import ElementTree

from places import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_oldest_versions_are_the_lower_bounds():
    pins = re.findall(r"^([^#=]+)==(.+)$", (ROOT / "tests/release/oldest.txt").read_text(), re.M)
    bounds = [re.match(r"(\w+)>=([\d.]+)", line) for line in SETTINGS["project"]["dependencies"]]
    assert {name: release(version) for name, version in pins} == {
        bound[1]: release(bound[2]) for bound in bounds if bound
    }


def release(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    return (*numbers, 0, 0)[:3]


def test_the_map_of_rooms_shows_each_floor_in_order():
    layers = SETTINGS["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = ElementTree.parse(ROOT / "docs/images/rooms.svg")
    texts = picture.iter("{http://www.w3.org/2000/svg}text")
    floors = [text.text for text in texts if text.get("class") == "floor"]
    assert floors == [layer.removeprefix("polyxtal.") for layer in layers]
