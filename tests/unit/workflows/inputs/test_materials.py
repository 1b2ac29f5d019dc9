"""Materials that are stored with a polycrystal are used by all commands."""

import pytest

import polyxtal as px
from polyxtal.workflows.inputs.materials import choose_materials, material_sources


@pytest.mark.parametrize("name", ["a.npz", "a.vti"])
def test_stored_materials_are_chosen_unless_others_are_given(tmp_path, name):
    rve, copper = px.tessellate(grid=4, grains=3, seed=0), px.load_material("Cu")
    file = tmp_path / name
    px.write(rve, file, {"crystal": copper})
    rve = px.read(file)
    (chosen,) = choose_materials(rve, file).values()
    assert chosen.elasticity == copper.elasticity
    assert chosen.plasticity == copper.plasticity
    stored = "a.npz" if name == "a.npz" else "material.yaml"
    assert material_sources(rve, file, ()) == {"crystal": stored}
    (given,) = choose_materials(rve, file, ["Al"]).values()
    assert given.name == "Al"
    px.write(rve, file)
    with pytest.raises(ValueError, match="every phase must have a material"):
        choose_materials(px.read(file), file)
