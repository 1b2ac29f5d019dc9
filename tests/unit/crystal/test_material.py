"""Materials: what DAMASK's phase files say, in MPa, and what is refused."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import EXAMPLES, ROOT

from polyxtal.crystal.damask_phase import material_to_phase, phase_to_material
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.load_material import load_material, load_materials
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw

EXAMPLE = EXAMPLES / "damask_case" / "material.yaml"
ELASTICITY = CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
PLASTICITY = PhenoPowerlaw(
    slip_rate_reference=1e-3,
    stress_exponent=20.0,
    hardening_exponent=3.7,
    slip_resistance_initial=76.0,
    slip_resistance_saturation=266.0,
    hardening_modulus=1020.0,
    interaction=(1.0, 1.0, 5.123, 0.574, 1.123, 1.123, 1.0),
)


def phase() -> dict[str, Any]:
    return {
        "lattice": "cF",
        "references": ["somebody"],
        "mechanical": {
            "output": ["F"],
            "elastic": {"type": "Hooke", "C_11": 107.3e9, "C_12": 60.8e9, "C_44": 28.3e9},
            "plastic": {
                "type": "phenopowerlaw",
                "N_sl": [12],
                "dot_gamma_0_sl": [1e-3],
                "n_sl": [20],
                "a_sl": [3.7],
                "xi_0_sl": [76e6],
                "xi_inf_sl": [266e6],
                "h_0_sl-sl": [1.02e9],
                "h_sl-sl": [1, 1, 5.123, 0.574, 1.123, 1.123, 1],
            },
        },
    }


def changed(where: str, **changes: Any) -> dict[str, Any]:
    """Return the phase with keys of one section set, or removed where the value is None."""
    body = copy.deepcopy(phase())
    section = body
    for key in where.split():
        section = section[key]
    for key, value in changes.items():
        if value is None:
            del section[key]
        else:
            section[key] = value
    return body


def test_the_shipped_aluminium() -> None:
    assert load_material("AA6022-T4") == Material("AA6022-T4", ELASTICITY, PLASTICITY)


def test_a_damask_case_holds_the_same_aluminium() -> None:
    assert load_material(EXAMPLE) == Material("Al", ELASTICITY, PLASTICITY)
    assert load_materials(EXAMPLE) == {"Al": Material("Al", ELASTICITY, PLASTICITY)}


@pytest.mark.parametrize("layout", ["phase", "named", "one"])
def test_three_layouts(tmp_path: Path, layout: str) -> None:
    yaml = (
        "lattice: cI\nmechanical: {elastic: {type: Hooke, C_11: 230e9, C_12: 134e9, C_44: 116e9}}"
    )
    indented = yaml.replace("\n", "\n    ")
    text = {
        "phase": f"phase:\n  Fe:\n    {indented}\n",
        "named": f"Fe:\n    {indented}\n",
        "one": yaml,
    }[layout]
    path = tmp_path / "Fe.yaml"
    path.write_text(text)
    iron = Material("Fe", CubicElasticity(230e3, 134e3, 116e3), lattice=Lattice("cI"))
    assert load_material(path) == iron
    assert load_material(str(path)) == iron
    assert load_materials(path) == {"Fe": iron}


def test_a_mapping_and_a_choice_of_phase() -> None:
    two = {"phase": {"Al": phase(), "soft": changed("mechanical plastic", xi_0_sl=[10e6])}}
    assert load_material(two, phase="soft").plasticity != PLASTICITY
    assert load_material(two, phase="Al") == Material("Al", ELASTICITY, PLASTICITY)
    with pytest.raises(ValueError, match="one of the phases Al, soft, but none"):
        load_material(two)
    with pytest.raises(ValueError, match="one of Al, soft, but is 'hard'"):
        load_material(two, phase="hard")


def test_elastic_only() -> None:
    for plastic in ({"type": "none"}, "none"):
        body = changed("mechanical", plastic=plastic)
        assert phase_to_material(body, "Al") == Material("Al", ELASTICITY)
    assert phase_to_material(changed("mechanical", plastic=None), "Al").plasticity is None


def test_scalars_are_taken_for_the_one_family() -> None:
    body = changed("mechanical plastic", n_sl=20, N_sl=12, xi_0_sl=76e6)
    assert phase_to_material(body, "Al").plasticity == PLASTICITY


@pytest.mark.parametrize(
    ("where", "changes", "sentence"),
    [
        ("", {"lattice": "oP"}, "lattice must be one of cF, cI, hP, tI, but is 'oP'"),
        ("", {"lattice": "hP"}, "elastic of lattice hP: C_13, C_33 must be given, but is missing"),
        ("", {"lattice": "fcc"}, "cI, hP, tI, but is 'fcc', which is cF since DAMASK 3"),
        ("", {"lattice": ["cF"]}, "lattice must be one of"),
        ("", {"c/a": 1.6}, "c/a must be left out for a cubic lattice, but is 1.6"),
        ("", {"c/a": 1.6}, "lattice must be one of hP, tI where c/a is given, but is cF"),
        ("", {"lattice": None}, "lattice must be given, but is missing"),
        ("", {"damage": {}}, "'damage' is given"),
        ("mechanical", {"elastic": None}, "elastic must be given"),
        ("mechanical", {"eigen": []}, "'eigen' is given"),
        ("mechanical", {"elastic": 3}, "must be a mapping"),
        (
            "mechanical",
            {"plastic": {"type": "dislotwin"}},
            r"one of none, phenopowerlaw.*, voce_kin",
        ),
        ("mechanical elastic", {"type": "other"}, "must be Hooke"),
        ("mechanical elastic", {"C_11": "107 GPa"}, "C_11: must be a finite number"),
        ("mechanical elastic", {"C_11": 1e9}, "stable cubic crystal"),
        ("mechanical elastic", {"C_33": 1e9}, "elastic of lattice cF: .* 'C_33' is given"),
        ("mechanical plastic", {"N_sl": [12, 6]}, "one value for each of the 2 families, but has"),
        ("mechanical plastic", {"N_sl": [13]}, "has 12 systems, but 13 are asked for"),
        ("mechanical plastic", {"N_sl": [-1]}, "must be the number of systems of each family"),
        ("mechanical plastic", {"N_tw": [12]}, "with twins.*dot_gamma_0_tw.*must be given"),
        ("mechanical plastic", {"a_nonSchmid": [0.9]}, "must obey Schmid's law"),
        ("mechanical plastic", {"h_0_sl_sl": [1]}, "did you mean 'h_0_sl-sl'"),
        ("mechanical plastic", {"n_sl": [20, 20]}, "must have one value for each"),
        ("mechanical plastic", {"n_sl": [0.5]}, "`stress_exponent` must be at least 1"),
        ("mechanical plastic", {"a_sl": [True]}, "must be a finite number"),
        ("mechanical plastic", {"xi_0_sl": [0]}, "`slip_resistance_initial` must be positive"),
        (
            "mechanical plastic",
            {"h_sl-sl": [1] * 6},
            "must have 7 coefficients for",
        ),
        ("mechanical plastic", {"h_sl-sl": 1}, "must be a list of numbers"),
        ("mechanical plastic", {"xi_inf_sl": [10**400]}, "must be a finite number"),
    ],
)
def test_one_sentence_for_what_cannot_be_simulated(
    tmp_path: Path, where: str, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        phase_to_material(changed(where, **changes), "Al", f"{tmp_path / 'a.yaml'}: ")
    assert str(error.value).startswith(f"{tmp_path / 'a.yaml'}: phase 'Al'")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slip_rate_reference", 0.0),
        ("stress_exponent", float("nan")),
        ("hardening_exponent", -1.0),
        ("slip_resistance_initial", float("inf")),
        ("slip_resistance_saturation", 0.0),
        ("hardening_modulus", -1.0),
        ("interaction", (1.0,) * 6 + (float("nan"),)),
        ("slip_systems", (-1,)),
        ("slip_systems", (0, 0)),
        ("stress_exponent", (20.0, 20.0)),
    ],
)
def test_the_law_validates_its_parameters(name: str, value: Any) -> None:
    values = {key: getattr(PLASTICITY, key) for key in PLASTICITY.__dataclass_fields__}
    PhenoPowerlaw(**values)
    with pytest.raises(ValueError, match=f"`{name}`"):
        PhenoPowerlaw(**(values | {name: value}))


def test_no_hardening_is_allowed() -> None:
    values = {key: getattr(PLASTICITY, key) for key in PLASTICITY.__dataclass_fields__}
    assert PhenoPowerlaw(**(values | {"hardening_modulus": 0.0})).hardening_modulus == 0


@pytest.mark.parametrize("name", ["Aluminium", "steel", "../materials/AA6022-T4", "AA6022-T4.yaml"])
def test_unknown_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match="AA6022-T4"):
        load_material(name)


@pytest.mark.parametrize("document", [{}, {"phase": []}, {"phase": {}}])
def test_a_source_without_phases(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be one DAMASK phase"):
        load_material(document)


def test_back_to_a_phase() -> None:
    written = material_to_phase(Material("Al", ELASTICITY, PLASTICITY))
    elastic = written["mechanical"]["elastic"]
    assert elastic["C_11"] == pytest.approx(107.3e9, rel=1e-15)
    back = phase_to_material(written, "Al")
    assert back.plasticity == PLASTICITY
    assert back.elasticity == ELASTICITY


TITANIUM = load_material("Ti")


def test_parameters_of_families_and_what_is_unused() -> None:
    plasticity = TITANIUM.plasticity
    assert plasticity.slip_systems == (3, 3, 0, 12)
    assert plasticity.slip_resistance_initial == (349.0, 150.0, 0.0, 1107.0)
    assert TITANIUM.lattice == Lattice("hP", 1.587)
    initial = TITANIUM.law().initial_state()
    assert initial.tolist() == [349.0] * 3 + [150.0] * 3 + [1107.0] * 12


def shipped() -> list[str]:
    folder = ROOT / "src" / "polyxtal" / "crystal" / "materials"
    return sorted(path.stem for path in folder.glob("*.yaml"))


@pytest.mark.parametrize("name", shipped())
def test_shipped_materials_survive_writing_and_reading(name: str) -> None:
    material = load_material(name)
    back = phase_to_material(material_to_phase(material), name)
    assert back.lattice == material.lattice
    voigt = zip(back.elasticity.voigt, material.elasticity.voigt, strict=True)
    assert all(a == pytest.approx(b, rel=1e-12) for a, b in voigt)
    again = material_to_phase(back)
    assert again == material_to_phase(phase_to_material(again, name))
    assert (
        back.law().record(back.elasticity).dtype == material.law().record(material.elasticity).dtype
    )


def test_constants_that_depend_on_temperature_are_taken_at_the_reference() -> None:
    body = changed("mechanical elastic", **{"C_11,T": -5e7, "C_11,T^2": 1.0, "T_ref": 300})
    with pytest.warns(UserWarning, match="those at T_ref = 300 K are taken"):
        assert phase_to_material(body, "Al").elasticity == ELASTICITY


def test_newer_and_optional_keys_of_damask() -> None:
    plastic = {"dot_gamma_0_sl": None, "gamma_dot_0_sl": 1e-3, "atol_xi": 1.0, "h_int": [0.5]}
    hardened = phase_to_material(changed("mechanical plastic", **plastic), "Al").plasticity
    assert hardened == replace(PLASTICITY, hardening_modulus=1530.0)


DISLOTWIN = {"type": "dislotwin", "N_sl": [12], "rho_mob_0": [1e12]}


def test_any_law_of_damask_is_passed_over_for_elasticity() -> None:
    body = changed("mechanical", plastic=DISLOTWIN, eigen=[{"type": "thermalexpansion"}])
    body |= {"damage": {"type": "isobrittle"}, "thermal": {"K_11": 200.0}}
    elastic = Material("Al", ELASTICITY)
    assert phase_to_material(body, "Al", elastic_only=True) == elastic
    assert load_material({"Al": body}, elastic_only=True) == elastic
    assert load_material({"Al": phase()}, elastic_only=True) == elastic
    with pytest.raises(ValueError, match="'damage' is given"):
        load_material({"Al": body})
    wrong = changed("mechanical elastic", C_11="x")
    with pytest.raises(ValueError, match="C_11: must be a finite number"):
        phase_to_material(wrong, "Al", elastic_only=True)


def test_uniform_fields_are_passed_over() -> None:
    body = phase() | {"thermal": {"K_11": 200.0}, "electrical": {}, "chemical": {}}
    assert phase_to_material(body, "Al").plasticity == PLASTICITY


HOOKE = {"type": "Hooke", "C_11": 160e9, "C_12": 90e9, "C_44": 46e9}
HEXAGONAL = {"C_13": 66e9, "C_33": 181e9}


@pytest.mark.parametrize(
    ("more", "symbol"),
    [({}, "c"), (HEXAGONAL, "h"), (HEXAGONAL | {"C_66": 30e9}, "t")],
)
def test_elastic_constants_alone_are_a_crystal_of_unknown_centring(
    tmp_path: Path, more: dict[str, float], symbol: str
) -> None:
    path = tmp_path / "Hooke_X.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in (HOOKE | more).items()))
    material = load_material(path)
    assert (material.name, material.plasticity) == ("Hooke_X", None)
    assert material.lattice.symbol == symbol
    assert load_materials(path) == {"Hooke_X": material}
    assert material.elasticity.voigt[0][0] == pytest.approx(160e3)


def test_other_sections_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plastic.yaml"
    path.write_text("type: phenopowerlaw\nN_sl: [12]\n")
    with pytest.raises(ValueError, match=r"plastic.yaml: .* one section, of type 'phenopowerlaw'"):
        load_material(path)


def test_a_key_of_damask_under_two_names_is_refused() -> None:
    body = changed("mechanical plastic", gamma_dot_0_sl=1e-3)
    with pytest.raises(ValueError, match=r"one of dot_gamma_0_sl and gamma_dot_0_sl must be left"):
        phase_to_material(body, "Al")


def test_a_material_whose_parts_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a hexagonal crystal must have its symmetry \(6/mmm\)"):
        Material("Ti", ELASTICITY, lattice=Lattice("hP", 1.587))
    with pytest.raises(ValueError, match="must have its c/a for slip systems"):
        replace(TITANIUM, lattice=Lattice("hP"))
    with pytest.raises(ValueError, match="must be parameters of a known law"):
        Material("Al", ELASTICITY, plasticity=3.0)
    with pytest.raises(ValueError, match="`twinning` must be a Twinning or None, but is a int"):
        replace(PLASTICITY, twinning=3)
    with pytest.raises(ValueError, match="but number 5 is -2"):
        Material("Al", ELASTICITY, replace(PLASTICITY, interaction=(1, 1, 1, 1, -2, 1, 1)))


def test_the_lattice_follows_from_the_constants() -> None:
    assert Material("Al", ELASTICITY).lattice == Lattice("cF")
    assert Material("Ti", TITANIUM.elasticity).lattice.laue_group.name == "6/mmm"


def test_names_of_a_material_file_are_shortened(tmp_path):
    file = tmp_path / "material.yaml"
    key = f"? {'x' * 5000}\n: 1"
    for text in (key, f"lattice: cF\nmechanical: {{}}\n{key}"):
        file.write_text(text)
        with pytest.raises(ValueError, match="phase") as error:
            load_material(file)
        assert len(str(error.value)) < 700
