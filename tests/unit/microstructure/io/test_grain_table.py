"""Tables of grains beside an image."""

import math

import numpy as np
import pytest
import torch
from neper_files import tesr

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion
from polyxtal.microstructure.io.grain_table import read_grain_table

IDS = np.array([[[7], [7], [3]]])
ANGLES = ((10.0, 40.0, 70.0), (80.0, 30.0, 20.0))
Q = bunge_to_quaternion(torch.tensor(ANGLES, dtype=torch.float64).deg2rad()).numpy()


def table(path, text):
    path.write_text(text)
    return path


def rows(*columns):
    return "".join(",".join(map(str, row)) + "\n" for row in columns)


TEXTS = {
    "degrees": rows(("id", "phi1", "Phi", "phi2"), (3, *ANGLES[0]), (7, *ANGLES[1])),
    "radians": rows(
        ("grain", "phi1 [rad]", "Phi [rad]", "phi2 [rad]"),
        *((k, *map(math.radians, angle)) for k, angle in zip((3, 7), ANGLES, strict=True)),
    ),
    "units": rows(
        ("ID", "Euler1_deg", "Euler2_deg", "Euler3_deg"), (3, *ANGLES[0]), (7, *ANGLES[1])
    ),
    "quaternions": rows(("grain_id", "w", "x", "y", "z"), (3, *Q[0]), (7, *Q[1])),
    "numbered": rows(("id", "q0", "q1", "q2", "q3"), (3, *Q[0]), (7, *Q[1])),
}
TEXTS["semicolons"] = TEXTS["degrees"].replace(",", ";")
TEXTS["tabs"] = "\ufeff" + TEXTS["quaternions"].replace(",", "\t")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_orientations_of_any_kind(text, tmp_path):
    found = read_grain_table(table(tmp_path / "a.csv", text))
    assert found.ids.tolist() == [3, 7]
    np.testing.assert_allclose(found.orientations, Q, atol=1e-12)
    assert (found.phase_names, found.lattices) == (("crystal",), (None,))


def test_a_table_gives_the_grains_of_an_image(tmp_path):
    text = rows(
        ("id", "phi1", "Phi", "phi2", "phase", "lattice", "c/a"),
        (3, *ANGLES[0], "Ti", "hP", 1.587),
        (7, *ANGLES[1], "Fe", "cI", ""),
    )
    image = tesr(tmp_path / "a.tesr", IDS, np.zeros((7, 3)))
    rve = px.read(image, grains=table(tmp_path / "a.csv", text))
    assert rve.grain_id.flatten().tolist() == [1, 1, 0]
    np.testing.assert_allclose(rve.orientations, Q, atol=1e-12)
    assert rve.phase_names == ("Ti", "Fe")
    assert [lattice.symbol for lattice in rve.lattices] == ["hP", "cI"]
    assert rve.lattices[0].c_over_a == 1.587


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have a line of names and as many values"),
        ("id,phi1\n1\n", "must have a line of names and as many values"),
        (
            "phi1,Phi,phi2\n1,2,3\n",
            "must have a column id of grain numbers, but has",
        ),
        ("id,a\n1,2\n", "must have columns phi1, Phi, phi2 or w, x, y, z, but has id, a"),
        ("id,id\n1,2\n", "must have different names"),
        ("id,phi1,Phi,phi2\n1,2,x,4\n", "column phi must hold finite numbers"),
        ("id,phi1,Phi,phi2\n1.5,20,30,40\n", "grain numbers must be whole"),
        ("id,phi1_rad,Phi,phi2\n1,20,30,40\n", "angles must have one unit"),
        ("id,phi1_rad,Phi_rad,phi2_rad\n1,20,30,40\n", "must be in radians, below 4π"),
        ("id,w,x,y,z\n1,2,0,0,0\n", "must be unit quaternions, but row 1 has length 2"),
        ("id,phi1,Phi,phi2,phase\n1,20,30,40,\n", "column phase must hold up to 1000 names"),
        (
            "id,phi1,Phi,phi2,lattice\n1,20,30,40,cX\n",
            "phase 'crystal': A lattice must",
        ),
        (
            "id,phi1,Phi,phi2,lattice\n1,20,30,40,cF\n2,20,30,40,cI\n",
            "must have one lattice, but has 2",
        ),
    ],
)
def test_tables_that_are_refused(text, words, tmp_path):
    with pytest.raises(ValueError, match=words) as error:
        read_grain_table(table(tmp_path / "a.csv", text))
    assert str(error.value).startswith(str(tmp_path / "a.csv"))


def test_grains_that_do_not_fit(tmp_path):
    image = tesr(tmp_path / "a.tesr", IDS, np.zeros((7, 3)))
    with pytest.raises(ValueError, match="an orientation, but 1 have none: 7"):
        px.read(image, grains=table(tmp_path / "a.csv", "id,phi1,Phi,phi2\n3,20,30,40\n"))
    twice = "id,phi1,Phi,phi2\n3,20,30,40\n3,20,30,40\n"
    with pytest.raises(ValueError, match="different numbers, but 3 is repeated"):
        px.read(image, grains=table(tmp_path / "b.csv", twice))
    with pytest.raises(FileNotFoundError, match="must be a table of grains"):
        px.read(image, grains=tmp_path / "c.csv")
    px.write(px.tessellate(4, 3), tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"`grains` must be left out except for .*\.tesr"):
        px.read(tmp_path / "a.npz", grains=tmp_path / "a.csv")


def test_degrees_that_look_like_radians_are_told(tmp_path):
    text = "id,phi1,Phi,phi2\n1,2.5,0.5,1\n"
    with pytest.warns(UserWarning, match="Euler angles are read as degrees, but all are below 2π"):
        read_grain_table(table(tmp_path / "a.csv", text))
