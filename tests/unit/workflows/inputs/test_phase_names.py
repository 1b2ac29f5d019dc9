"""Names of phases: the element and lattice they mention, and the shipped materials that fit."""

import pytest

from polyxtal.crystal.catalog import materials
from polyxtal.crystal.lattice import Lattice
from polyxtal.workflows.inputs.phase_names import element_of, misfit, shipped_for


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("Iron fcc", "Fe"), ("Aluminum", "Al"), ("AlSi10Mg", "Al"), ("Ti-6Al-4V", "Ti"),
        ("Titanium (Alpha)", "Ti"), ("beta-Sn", "Sn"), ("MAGNESIUM", "Mg"), ("W", "W"),
        ("crystal", None), ("Primary", None), ("phase 1", None), ("aluminium", "Al"),
    ],
)  # fmt: skip
def test_elements_are_found_by_symbol_and_word(name, element):
    assert element_of(name) == element


def test_every_shipped_material_has_an_element():
    found = {name: element_of(entry.title) for name, entry in materials().items()}
    assert found == {
        "317L": "Fe", "AA6022-T4": "Al", "Al": "Al", "Cu": "Cu", "IN625": "Ni", "Mg": "Mg",
        "Ti": "Ti", "W": "W", "Zr": "Zr", "beta-Sn": "Sn", "ferrite": "Fe", "martensite": "Fe",
    }  # fmt: skip


def test_the_nearest_have_the_element_and_the_lattice():
    cubic = Lattice("c")
    assert shipped_for("Iron fcc", cubic) == ["317L"]
    assert shipped_for("Iron bcc", cubic) == ["ferrite", "martensite"]
    assert shipped_for("Iron", cubic) == ["317L", "ferrite", "martensite"]
    assert shipped_for("Primary", Lattice("hP", 1.6)) == ["Mg", "Ti", "Zr"]
    assert shipped_for("Gold") == []


def test_what_contradicts_a_name():
    assert misfit("Iron fcc", "AA6022-T4", Lattice("cF")) == (
        "be of Fe, as its name says, but 'AA6022-T4' is of Al"
    )
    assert misfit("Iron bcc", "317L", Lattice("cF")) == (
        "be cI, as its name says, but '317L' is cF"
    )
    for name, material in (("Iron fcc", "317L"), ("crystal", "Mg"), ("Iron fcc", "my steel")):
        assert misfit(name, material, Lattice("cF")) is None
