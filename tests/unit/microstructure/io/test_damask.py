"""DAMASK's grid and material.yaml: read, written, and refused when they do not fit."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from places import EXAMPLES, SHARED

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.load_material import load_material, load_materials
from polyxtal.crystal.material import Material
from polyxtal.files.yaml import read_yaml
from polyxtal.microstructure.io import damask, read, write
from polyxtal.microstructure.io.vti import read_image, write_image
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import tessellate

EXAMPLE = EXAMPLES / "damask_case"


def two_phases(names: tuple[str, str] = ("Al", "no")) -> Polycrystal:
    grain_id = np.arange(24).reshape(2, 3, 4) % 3
    quaternions = [[1, 0, 0, 0], [0.6, 0.8, 0, 0], [-0.5, 0.5, 0.5, -0.5]]
    return Polycrystal(grain_id, quaternions, (1.5, 2.0, 0.3), [1, 0, 1], names)


def test_the_example_is_its_reference_simulation() -> None:
    if not SHARED.is_dir():
        pytest.skip("the reference simulation lies outside the repository, in ../shared")
    rve = read(EXAMPLE / "grid.vti")
    with np.load(SHARED / "reference" / "P_N16_G100_random1_tension.npz") as truth:
        assert np.array_equal(rve.grain_id.numpy(), truth["grain_id"])
        assert np.abs(rve.orientations.numpy() - truth["quaternions"]).max() < 1e-15
    assert rve.size == (1e6, 1e6, 1e6)
    assert rve.phase_names == ("Al",)


def test_damasks_own_example_grid(tmp_path: Path) -> None:
    path = SHARED / "samples" / "20grains16x16x16.vti"
    if not path.is_file():
        pytest.skip("DAMASK's example grid lies outside the repository, in ../shared")
    entry = {"constituents": [{"phase": "Al", "O": [1.0, 0.0, 0.0, 0.0]}]}
    material = tmp_path / "other.yaml"
    material.write_text(yaml.safe_dump({"material": [entry] * 20}))
    rve = read(path, material=material)
    assert rve.grains == 20
    assert rve.grid == (16, 16, 16)
    assert int((rve.volume_fractions > 0).sum()) == 20


def test_round_trip(tmp_path: Path) -> None:
    rve = two_phases()
    write(rve, tmp_path / "rve.vti")
    back = read(tmp_path / "rve.vti")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["material.yaml", "rve.vti"]
    assert torch.equal(back.grain_id, rve.grain_id)
    assert torch.allclose(back.orientations, rve.orientations, rtol=0, atol=3e-16)
    assert torch.equal(back.phase, rve.phase)
    assert back.phase_names == rve.phase_names
    assert back.size == pytest.approx(rve.size, rel=1e-14)


def test_lengths_are_metres_in_the_file(tmp_path: Path) -> None:
    write(two_phases(), tmp_path / "rve.vti")
    spacing = read_image(tmp_path / "rve.vti").spacing
    assert spacing == pytest.approx((0.75e-6, 2e-6 / 3, 0.075e-6), rel=1e-14)


def test_properties_are_written_with_the_phases(tmp_path: Path) -> None:
    aluminium = load_material("AA6022-T4")
    iron = Material("no", CubicElasticity(230e3, 134e3, 116e3))
    write(two_phases(), tmp_path / "rve.vti", materials={"Al": aluminium, "no": iron})
    loaded = load_materials(tmp_path / "material.yaml")
    assert list(loaded) == ["Al", "no"]
    assert loaded["Al"].plasticity == aluminium.plasticity
    assert loaded["Al"].elasticity == aluminium.elasticity
    assert loaded["no"] == iron
    with pytest.raises(ValueError, match=r"must name phases .* but names Cu"):
        write(two_phases(), tmp_path / "rve.vti", materials={"Cu": iron})


def test_a_material_of_another_lattice_is_not_written(tmp_path: Path) -> None:
    rve = Polycrystal([[[0]]], [[1.0, 0, 0, 0]], phase_names=("Ti",), lattices="hP")
    with pytest.raises(ValueError, match=r"phase 'Ti', hexagonal \(hP\), must have its lattice"):
        write(rve, tmp_path / "rve.vti", materials={"Ti": load_material("AA6022-T4")})
    assert list(tmp_path.iterdir()) == []
    write(rve, tmp_path / "rve.vti", materials={"Ti": load_material("Ti")})
    assert read(tmp_path / "rve.vti").lattices == (Lattice("hP", 1.587),)


def test_a_group_that_damask_lacks_is_told(tmp_path: Path) -> None:
    quartz = Lattice.of_laue_group("-3m")
    rve = Polycrystal([[[0]]], [[1.0, 0, 0, 0]], phase_names=("Quartz",), lattices=quartz)
    with pytest.warns(UserWarning, match=r"'Quartz' is .* -3m, but written with lattice hP, whose"):
        write(rve, tmp_path / "rve.vti")


def test_phases_of_damask_are_written_as_they_are(tmp_path: Path) -> None:
    phase = {
        "lattice": "cF",
        "references": ["A. Author: a title,\n 'quoted' \u2028 and \"doubly\"", "yes"],
        "thermal": {"K_11": 1e-7, "output": ["T"], "empty": {}, "list": []},
        "mechanical": {
            "elastic": {"type": "Hooke", "C_11": 1e11, "C_11,T^2": -1.5e-3},
            "plastic": {
                "type": "dislotwin",
                "N_sl": [12],
                "on": True,
                "limit": math.inf,
                "n": None,
            },
            "eigen": [{"type": "thermalexpansion", "Alpha_11": 1.2e-5}],
        },
    }
    write(two_phases(), tmp_path / "rve.vti", materials={"Al": phase})
    assert read_yaml(tmp_path / "material.yaml")["phase"]["Al"] == phase
    document = yaml.safe_load((tmp_path / "material.yaml").read_text(encoding="utf-8"))
    assert document["phase"]["Al"] == phase


@pytest.mark.parametrize("name", ["yes", "α", 'a "quoted" \\ name', "1e3", "a: b", "# no", "a\nb"])
def test_other_yaml_readers_see_the_same_file(tmp_path: Path, name: str) -> None:
    rve = two_phases(("Al", name))
    write(rve, tmp_path / "rve.vti", materials={"Al": load_material("AA6022-T4")})
    document = yaml.safe_load((tmp_path / "material.yaml").read_text(encoding="utf-8"))
    assert document["homogenization"] == {
        "SX": {"N_constituents": 1, "mechanical": {"type": "pass"}}
    }
    assert list(document["phase"]) == ["Al", name]
    assert document["phase"][name] == {"lattice": "cF"}
    elastic = document["phase"]["Al"]["mechanical"]["elastic"]
    assert elastic["C_11"] == pytest.approx(107.3e9)
    for entry, quaternion, phase in zip(
        document["material"], rve.orientations.tolist(), rve.phase.tolist(), strict=True
    ):
        assert entry["homogenization"] == "SX"
        (one,) = entry["constituents"]
        assert one == {"phase": ("Al", name)[phase], "v": 1.0, "O": quaternion}
    assert read(tmp_path / "rve.vti").phase_names == ("Al", name)


def test_tiny_numbers_stay_numbers_in_yaml_1_1(tmp_path: Path) -> None:
    rve = Polycrystal([[[0]]], [[1.0, 1e-20, -1e-9, 0.0]])
    write(rve, tmp_path / "rve.vti")
    document = yaml.safe_load((tmp_path / "material.yaml").read_text())
    assert document["material"][0]["constituents"][0]["O"] == [1.0, 1e-20, -1e-9, 0.0]


def test_a_material_file_of_another_case_is_kept(tmp_path: Path) -> None:
    write(two_phases(), tmp_path / "a.vti")
    write(two_phases(), tmp_path / "a.vti")
    before = (tmp_path / "material.yaml").read_bytes()
    with pytest.raises(FileExistsError, match="a folder of its own"):
        write(two_phases(("x", "y")), tmp_path / "b.vti")
    (tmp_path / "b.vti").write_text("another grid")
    with pytest.raises(FileExistsError, match="a folder of its own"):
        write(two_phases(("x", "y")), tmp_path / "a.vti")
    assert (tmp_path / "material.yaml").read_bytes() == before
    for grid in tmp_path.glob("*.vti"):
        grid.unlink()
    with pytest.raises(FileExistsError, match="a folder of its own"):
        write(two_phases(("x", "y")), tmp_path / "a.vti")
    assert (tmp_path / "material.yaml").read_bytes() == before


def test_a_failure_leaves_neither_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(damask, "write_image", fail)
    with pytest.raises(OSError, match="disk full"):
        write(two_phases(), tmp_path / "a.vti")
    assert list(tmp_path.iterdir()) == []


def case(folder: Path, material: Any, ids: Any = ((((0, 1),),))) -> Path:
    path = folder / "grid.vti"
    write_image(path, {"material": np.array(ids)}, (1.0, 1.0, 1.0))
    (folder / "material.yaml").write_text(yaml.safe_dump(material))
    return path


def entry(**changes: Any) -> dict[str, Any]:
    one = {"phase": "Al", "v": 1.0, "O": [1.0, 0.0, 0.0, 0.0]} | changes
    return {
        "homogenization": "SX",
        "constituents": [{key: value for key, value in one.items() if value is not None}],
    }


def test_phases_without_a_section_count_in_order_of_appearance(tmp_path: Path) -> None:
    rve = read(case(tmp_path, {"material": [entry(phase="b"), entry(phase="a")]}))
    assert rve.phase_names == ("b", "a")
    assert rve.phase.tolist() == [0, 1]


def test_the_order_of_the_phase_section_counts(tmp_path: Path) -> None:
    sections = "phase: {b: {}, unused: {}, a: {}}\n"
    path = case(tmp_path, {"material": [entry(phase="a"), entry(phase="b")]})
    (tmp_path / "material.yaml").write_text(sections + (tmp_path / "material.yaml").read_text())
    rve = read(path)
    assert rve.phase_names == ("b", "unused", "a")
    assert rve.phase.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("material", "sentence"),
    [
        ([1], "must hold a list `material`"),
        ({"material": []}, "must hold a list `material`"),
        ({"material": [entry()]}, r"every material id must have an entry .* 0 to 1"),
        ({"material": [entry(), 3]}, "material 1: must be a mapping"),
        ({"material": [entry(), {"constituents": []}]}, "material 1: must have one constituent"),
        (
            {"material": [entry(), {"constituents": entry()["constituents"] * 2}]},
            "material 1: must have one constituent .* but has 2",
        ),
        ({"material": [entry(), entry(v=0.5)]}, "must be 1, not 0.5"),
        ({"material": [entry(), entry(V_e=[[1, 0, 0]])]}, "V_e is given"),
        ({"material": [entry(), entry(O=None)]}, "O must be a unit quaternion"),
        ({"material": [entry(), entry(O=[1, 0, 0])]}, "O must be a unit quaternion"),
        ({"material": [entry(), entry(O=[1, 0, 0, "a"])]}, "O must be a unit quaternion"),
        ({"material": [entry(), entry(O=[1, 1, 0, 0])]}, "unit quaternions, but that of grain 1"),
        ({"material": [entry(), entry(phase=None)]}, "phase must be a name"),
        ({"phase": {"Cu": {}}, "material": [entry()] * 2}, r"section `phase` \(Cu\), but 'Al'"),
    ],
)
def test_materials_that_do_not_fit(tmp_path: Path, material: Any, sentence: str) -> None:
    path = case(tmp_path, material)
    with pytest.raises(ValueError, match=sentence) as error:
        read(path)
    assert str(error.value).startswith(str(tmp_path))
    assert "material.yaml" in str(error.value)


def test_grids_that_do_not_fit(tmp_path: Path) -> None:
    path = case(tmp_path, {"material": [entry()]}, [[[-1, 0]]])
    with pytest.raises(ValueError, match="ids span -1 to 0"):
        read(path)
    (tmp_path / "material.yaml").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"orientations .* must be in a material\.yaml beside it"
    ):
        read(path)
    text = path.read_text().replace("Int64", "Float64")
    path.write_text(text)
    with pytest.raises(ValueError, match="one integer per voxel"):
        read(path)


def test_whole_floats_are_ids(tmp_path: Path) -> None:
    path = case(tmp_path, {"material": [entry(), entry()]})
    array = '<DataArray type="Float32" Name="material" format="ascii">1.0 0</DataArray>'
    head, _, tail = path.read_text().partition("<DataArray")
    path.write_text(head + array + tail.partition("</DataArray>")[2])
    assert read(path).grain_id.tolist() == [[[1, 0]]]


@pytest.mark.parametrize("edge", ["5e-324", "1e-310", "1e-150", "1e300"])
def test_voxels_of_no_size_are_refused(tmp_path: Path, edge: str) -> None:
    path = tmp_path / "grid.vti"
    write(tessellate(grid=4, grains=3, seed=0), path)
    path.write_text(re.sub('Spacing="[^ ]*', f'Spacing="{edge}', path.read_text()))
    with pytest.raises(ValueError, match=r"grid\.vti: Spacing must be"):
        read(path)
