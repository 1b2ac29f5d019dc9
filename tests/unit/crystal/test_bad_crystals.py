"""One clear sentence for every crystal that cannot be, and for crystals that do not fit a sample.

One value at a time is broken in each phase file that ships, so that no key is forgotten.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.shipped import SHIPPED
from polyxtal.files.yaml import read_yaml

PHASES: dict[str, Any] = {path.stem: read_yaml(path) for path in sorted(SHIPPED.glob("*.yaml"))}
PLASTIC = sorted(name for name, phase in PHASES.items() if "plastic" in phase["mechanical"])
INTERACTIONS = ("h_sl-sl", "h_sl-tw", "h_tw-sl", "h_tw-tw")
NONSENSE: tuple[Any, ...] = ("x", "1.6", True, float("nan"), float("inf"), [[1]], {"a": 1})
TITANIUM, MAGNESIUM = load_material("Ti"), load_material("Mg")
ALUMINIUM = load_material("Al")


def broken(name: str, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a shipped phase with the value at a path of keys replaced, or removed by `...`."""
    phase = copy.deepcopy(PHASES[name])
    part = phase
    for key in path[:-1]:
        part = part[key]
    if value is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return phase


def keys(part: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in part.items():
        if key not in ("output", "references"):
            yield (*above, key)
            if isinstance(value, dict):
                yield from keys(value, (*above, key))


def refused(phase: dict[str, Any]) -> str:
    """Return the one sentence in which a phase file is refused."""
    with pytest.raises(ValueError, match=r"^phase 'X'") as error:
        load_material({"phase": {"X": phase}})
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 300
    return sentence


@pytest.mark.parametrize("name", PHASES)
def test_nonsense_at_any_key_is_refused(name: str) -> None:
    for path in keys(PHASES[name]):
        for value in NONSENSE:
            refused(broken(name, path, value))


@pytest.mark.parametrize("name", PLASTIC)
def test_each_family_has_its_own_value(name: str) -> None:
    plastic = PHASES[name]["mechanical"]["plastic"]
    others = {"N_sl", "N_tw", "output", "references", *INTERACTIONS}
    for key in (key for key in plastic if isinstance(plastic[key], list) and key not in others):
        for value in (plastic[key][:-1], [*plastic[key], 1.0]):
            told = refused(broken(name, ("mechanical", "plastic", key), value))
            assert f" {key}: must have one value for each of the" in told
            assert told.endswith(f"but has {len(value)}.")


@pytest.mark.parametrize("name", PLASTIC)
def test_interactions_that_occur_are_given_and_not_negative(name: str) -> None:
    """DAMASK's files mark those that do not occur by -1, so all others are needed."""
    plastic = PHASES[name]["mechanical"]["plastic"]
    for kind in (kind for kind in INTERACTIONS if kind in plastic):
        given = plastic[kind]
        path = ("mechanical", "plastic", kind)
        marked = [place for place, value in enumerate(given) if value < 0]
        last = max(place for place, value in enumerate(given) if value >= 0)
        told = refused(broken(name, path, given[:last]))
        assert f"h_{kind[2:]} of a {PHASES[name]['lattice']} lattice must have {last + 1}" in told
        assert f"but {last} are given" in told
        assert f"but number {last + 1} is -" in refused(
            broken(name, path, [*given[:last], -0.5, *given[last + 1 :]])
        )
        other = [7.0 if place in marked else value for place, value in enumerate(given)]
        material = load_material({"X": broken(name, path, other)})
        shipped = load_material({"X": PHASES[name]})
        assert (
            material.law().record(material.elasticity).tobytes()
            == shipped.law().record(shipped.elasticity).tobytes()
        )


@pytest.mark.parametrize("name", [name for name in PLASTIC if "c/a" in PHASES[name]])
def test_slip_needs_the_ratio_of_the_cell(name: str) -> None:
    symbol = PHASES[name]["lattice"]
    for value in (..., None):
        told = refused(broken(name, ("c/a",), value))
        assert f"A {symbol} lattice must have its c/a for slip systems" in told
    for value in (0, -1.6, 0.05, 295.08):
        told = refused(broken(name, ("c/a",), value))
        assert told.endswith(f"c/a must be between 0.1 and 10, but is {value:g}.")


BAD_FILES: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "a law of many types": (("plastic", "type"), ["none"], r"type must be one of .* but is \['no"),
    "laws in a list": (("plastic",), [{"type": "none"}], "type must be one of .* but is "),
    "one non-Schmid number": (("plastic", "a_nonSchmid"), 0.9, r"non-Schmid coefficients .* set"),
    "a non-Schmid word": (("plastic", "a_nonSchmid"), "0", "a_nonSchmid: must be"),
    "h_int of two families": (("plastic", "h_int"), [0.1, 0.1], "each of the 5 families, but has"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_one_sentence_for_a_wrong_file(name: str) -> None:
    path, value, sentence = BAD_FILES[name]
    with pytest.raises(ValueError, match=f"^phase 'X' plastic.*{sentence}"):
        load_material({"X": broken("Mg", ("mechanical", *path), value)})


def test_non_schmid_coefficients_of_zero_are_none() -> None:
    shipped = load_material({"X": PHASES["ferrite"]})
    for zero in (0, [0, 0.0], []):
        phase = broken("ferrite", ("mechanical", "plastic", "a_nonSchmid"), zero)
        assert load_material({"X": phase}) == shipped


def slip(**changes: Any) -> Material:
    return replace(TITANIUM, plasticity=replace(TITANIUM.plasticity, **changes))


def twins(**changes: Any) -> Material:
    twinning = replace(MAGNESIUM.plasticity.twinning, **changes)
    return replace(MAGNESIUM, plasticity=replace(MAGNESIUM.plasticity, twinning=twinning))


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "c/a is no number": (lambda: Lattice("hP", float("nan")), "between 0.1 and 10, but is nan"),
    "c/a without the lattice": (
        lambda: replace(TITANIUM, lattice=1.587),
        "lattice of 'Ti' must be a Lattice or its Pearson symbol, but is a float",
    ),
    "constants in a tuple": (
        lambda: replace(TITANIUM, elasticity=(162.5e3, 91.8e3)),
        "elasticity of 'Ti' must be an Elasticity, but is a tuple",
    ),
    "cubic constants": (
        lambda: replace(TITANIUM, elasticity=ALUMINIUM.elasticity),
        r"a hexagonal crystal must have its symmetry \(6/mmm\), but those of 'Ti' have not",
    ),
    "hexagonal constants": (
        lambda: replace(ALUMINIUM, elasticity=TITANIUM.elasticity, plasticity=None),
        r"a cubic crystal must have its symmetry \(m-3m\), but those of 'Al' have not",
    ),
    "a law of another lattice": (
        lambda: replace(TITANIUM, lattice=Lattice("tI", 1.587)),
        r"Slip family 1 of a tI lattice .* has 2 systems, but 3 are asked for",
    ),
    "slip families": (
        lambda: slip(stress_exponent=(20.0, 20.0)),
        "`stress_exponent` must have one value for each of the 4 families, but has 2",
    ),
    "a word for slip": (
        lambda: slip(hardening_modulus="soft"),
        "`hardening_modulus` must be a number, or one for each family, but is 'soft'",
    ),
    "nothing for slip": (
        lambda: slip(stress_exponent=None),
        "`stress_exponent` must be a number, or one for each family, but is None",
    ),
    "one interaction": (
        lambda: slip(interaction=1.0),
        "`interaction` must hold finite coefficients, but is 1.0",
    ),
    "short interactions": (
        lambda: slip(interaction=(1.0,) * 7),
        "h_sl-sl of a hP lattice must have 46 coefficients for these systems, but 7 are given",
    ),
    "twin families": (
        lambda: twins(rate_reference=(1e-3,)),
        "`rate_reference` must have one value for each of the 3 families, but has 1",
    ),
    "a twin without strength": (
        lambda: twins(resistance_initial=(40.0, 0.0, 0.0)),
        "`resistance_initial` must be positive and finite, but is 0.0 for family 3",
    ),
    "what twins do to slip": (
        lambda: twins(saturation_increase=(10.0, 10.0)),
        "`twinning.saturation_increase` must have one value for each of the 5 families",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_sentence_for_wrong_numbers(name: str) -> None:
    build, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        build()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two phases whose lattices the file tells: a hexagonal and a cubic one."""
    rve = px.tessellate(grid=4, grains=4, seed=0)
    names, lattices = ("Ti", "Al"), (Lattice("hP", 1.587), Lattice("cF"))
    phase = rve.phase.clone()
    phase[1::2] = 1
    file = tmp_path_factory.mktemp("sample") / "two.npz"
    px.write(px.Polycrystal(rve.grain_id, rve.orientations, rve.size, phase, names, lattices), file)
    return str(file)


@pytest.mark.parametrize("verb", ["homogenize", "simulate", "predict"])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["Ti"],
            "phase 'Al', cubic (cF), must have its lattice, but 'Ti' is hexagonal (hP); shipped",
        ),
        (
            ["Al"],
            "phase 'Ti', hexagonal (hP), must have its lattice, but 'Al' is cubic (cF); shipped",
        ),
        (["Ti=Al", "Al=Ti"], "phase 'Ti', hexagonal (hP), must have its lattice, but 'Al' is"),
        (
            ["Ti=Mg", "Al=Al"],
            "phase 'Ti' must have its c/a of 1.587, but 'Mg' has 1.624; shipped",
        ),
        (["Ti=Ti"], "every phase"),
    ],
)
def test_a_material_that_is_not_the_samples(
    verb: str, given: list[str], sentence: str, sample: str, tmp_path: Any
) -> None:
    chosen = [word for one in given for word in ("--material", one)]
    done = CliRunner().invoke(app, [verb, sample, *chosen, "--out", str(tmp_path / "out")])
    told = " ".join(done.stderr.split())
    assert sentence in told
    assert told.count("Error") == 1
    assert (done.exit_code, type(done.exception)) == (2, SystemExit)
    assert not (tmp_path / "out").exists()
