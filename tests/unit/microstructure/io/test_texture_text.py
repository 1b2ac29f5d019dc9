"""Textures in texts: columns of all kinds, MTEX's and VPSC's files."""

import math
import warnings

import numpy as np
import pytest
import torch
from mutants import mutant
from places import SAMPLES

import polyxtal as px
from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_matrix,
    rotation_angle,
)
from polyxtal.microstructure.io.texture_text import read_texture

DEGREES = np.array([[10.0, 40.0, 70.0], [200.0, 100.0, 300.0], [80.0, 5.0, 20.0]])
WEIGHTS = np.array([1.0, 2.0, 5.0])
Q = bunge_to_quaternion(torch.from_numpy(np.radians(DEGREES))).numpy()


def rows(values, header="", separator=" "):
    lines = [separator.join(f"{v:.12g}" for v in row) for row in values]
    return header + "\n".join(lines) + "\n"


WEIGHTED = np.column_stack([DEGREES, WEIGHTS])
TEXTS = {
    "named": rows(WEIGHTED, "phi1 Phi phi2 weight\n"),
    "commented": rows(WEIGHTED, "% made by hand\n% phi1 Phi phi2 value\n"),
    "other order": rows(WEIGHTED[:, [3, 0, 1, 2]], "Weight,Euler1,Euler2,Euler3\n", ","),
    "further columns": rows(np.column_stack([WEIGHTED, WEIGHTS]), "phi1 Phi phi2 area x\n"),
    "bare": rows(WEIGHTED),
    "radians": rows(
        np.column_stack([np.radians(DEGREES), WEIGHTS]), "phi1[rad] Phi[rad] phi2[rad] weight\n"
    ),
    "quaternions": rows(np.column_stack([Q, WEIGHTS])),
    "named quaternions": rows(np.column_stack([WEIGHTS, Q]), "weight w x y z\n"),
    "Matthies": rows(WEIGHTED - [90, 0, -90, 0], "alpha beta gamma weight\n"),
    "VPSC": rows(WEIGHTED, "text\n 1.0 1.0 1.0\n text\nB   3\n"),
    "VPSC, no numbers": rows(WEIGHTED, "a\ndummy\ndummy\nB 3\n", "\t"),
    "VPSC, Kocks": rows(
        np.column_stack([DEGREES[:, 0] - 90, DEGREES[:, 1], 90 - DEGREES[:, 2], WEIGHTS]),
        "a\n1 1 1\nb\nK 3\n",
    ),
    "VPSC, Roe": rows(WEIGHTED - [90, 0, -90, 0], "a\n1 1 1\nb\nR 3\n"),
    "Windows": "\ufeff" + rows(WEIGHTED, "phi1 Phi phi2 weight\n").replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_orientations_with_weights(text, tmp_path):
    (tmp_path / "a.txt").write_bytes(text.encode())
    texture = px.read_texture(tmp_path / "a.txt")
    np.testing.assert_allclose(np.abs((texture.points.numpy() * Q).sum(1)), 1, atol=1e-9)
    np.testing.assert_allclose(texture.weights, WEIGHTS / 8, atol=1e-12)
    assert texture.laue.name == "m-3m"


@pytest.mark.parametrize("text", [rows(DEGREES), rows(Q), rows(DEGREES, "phi1 Phi phi2\n")])
def test_orientations_without_weights_are_equal(text, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    texture = px.read_texture(tmp_path / "a.txt", laue="6/mmm")
    np.testing.assert_allclose(np.abs((texture.points.numpy() * Q).sum(1)), 1, atol=1e-9)
    assert texture.weights.tolist() == pytest.approx([1 / 3] * 3)
    assert texture.laue.name == "6/mmm"


def test_a_tessellation_has_the_texture(tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS["named"])
    rve = px.tessellate(grid=16, grains=64, texture=px.read_texture(tmp_path / "a.txt"), seed=1)
    nearest = np.abs(rve.orientations.numpy() @ Q.T).argmax(1)
    shares = np.bincount(nearest, rve.volume_fractions.numpy(), 3)
    np.testing.assert_allclose(shares, WEIGHTS / 8, atol=0.03)


def test_vectors_are_not_taken_for_angles(tmp_path):
    """As in Neper's `.ori`, whose default are Rodrigues vectors."""
    file = tmp_path / "a.ori"
    file.write_text("0.5 1.2 -1.4\n-3.8 20.9 20.9\n-3.1 -2.2 3.0\n")
    with pytest.raises(ValueError, match=r"Φ, must be 0 to 180°, but spans -2\.2 to 20\.9"):
        px.read_texture(file)
    file.write_text("0.1 0.2 -0.1\n0.3 0.1 0.2\n")
    with pytest.raises(ValueError, match="argument `unit` must say"):
        px.read_texture(file)


def test_angles_in_doubt_need_a_unit(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(rows(np.radians(DEGREES)))
    with pytest.raises(ValueError, match="argument `unit` must say whether angles are in 'deg' or"):
        px.read_texture(file)
    radians = px.read_texture(file, unit="rad").points.numpy()
    np.testing.assert_allclose(np.abs((radians * Q).sum(1)), 1, atol=1e-9)
    assert float(px.read_texture(file, unit="deg").points[:, 0].min()) > 0.99
    with pytest.raises(ValueError, match="Argument `unit` must be 'deg' or 'rad', but is 'grad'"):
        px.read_texture(file, unit="grad")


def grid_of(function, step, specimen="1", crystal="m-3m", top=90.0):
    """Return MTEX's table of a density on a grid of Bunge angles."""
    angles = np.stack(
        np.meshgrid(np.arange(0, 360, step), np.arange(0, top + 1, step), np.arange(0, 90, step)),
        -1,
    ).reshape(-1, 3)
    header = f'% MTEX ODF\n% crystal symmetry: "{crystal}"\n% specimen symmetry: "{specimen}"\n'
    values = function(bunge_to_quaternion(torch.from_numpy(np.radians(angles)))).numpy()
    return rows(np.column_stack([angles, values]), header + "% phi1    Phi     phi2    value\n")


def test_a_density_on_a_grid_is_weighted_by_its_cells(tmp_path):
    grid = px.orientation_grid(15.0)

    def apart(found, wanted):
        return 0.5 * float((found.coefficients(grid) - wanted.coefficients(grid)).abs().sum())

    (tmp_path / "a.txt").write_text(grid_of(lambda q: torch.ones_like(q[:, 0]), 5.0))
    texture = px.read_texture(tmp_path / "a.txt")
    assert apart(texture, px.UniformTexture()) < 0.04
    equal = px.DiscreteTexture(texture.points)
    assert apart(equal, px.UniformTexture()) > 0.1
    centre = bunge_to_quaternion(torch.tensor([0.6, 0.7, 0.2], dtype=torch.float64))
    peak = px.UnimodalTexture(centre, halfwidth=math.radians(20))
    (tmp_path / "b.txt").write_text(grid_of(peak.density, 5.0))
    assert apart(px.read_texture(tmp_path / "b.txt"), peak) < 0.04


def test_symmetries_of_mtex_are_applied(tmp_path):
    text = (
        '% MTEX ODF\n% crystal symmetry: "6/mmm", X||a*, Y||b, Z||c*\n% specimen symmetry: "mmm"\n'
    )
    (tmp_path / "a.txt").write_text(text + "% phi1 Phi phi2 value\n30 40 50 1\n")
    texture = px.read_texture(tmp_path / "a.txt")
    assert texture.laue.name == "6/mmm"
    assert len(texture.points) == 4
    first = quaternion_to_matrix(texture.points)[0]
    along_a = bunge_to_quaternion(torch.tensor([30.0, 40, 20], dtype=torch.float64).deg2rad())
    torch.testing.assert_close(first, quaternion_to_matrix(along_a))
    poles = quaternion_to_matrix(texture.points)[:, :, 2].abs()
    torch.testing.assert_close(poles, poles[:1].expand(4, 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold rows of numbers within the first 100 lines"),
        ("text\n" * 200, "must hold rows of numbers within the first 100 lines"),
        (rows(WEIGHTED, "h k l w\n"), "columns must be phi1, Phi, phi2, or .* but are h, k, l, w"),
        (rows(np.ones((2, 7)) * 40), "rows must have 3 to 5 columns, or as many as are named"),
        (rows(WEIGHTED, "a\n1 1 1\nb\nB 4\n"), "must hold 4 rows of three angles and a weight"),
        (rows([[10, 20, 30, -1]]), "shares"),
        (rows([[1000, 20, 30, 1]]), "angles must be within 720°, but reach 1000"),
        (rows([[10, 20, 30, 1], [10, math.inf, 30, 1]]), "must hold finite numbers"),
        (rows([[1, 1, 0, 0, 2]]), "row 0 of 1 is none"),
        ('% crystal symmetry: "x"\n% MTEX ODF\n' + rows(WEIGHTED), "must be a point group, but"),
    ],
)
def test_what_is_refused(text, words, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=words if words != "shares" else "a.txt: "):
        px.read_texture(tmp_path / "a.txt")


def damaged(file, seeds):
    content, kinds = file.read_bytes(), set()
    for seed in seeds:
        file.write_bytes(mutant(content, seed))
        with warnings.catch_warnings(action="ignore"):
            try:
                read_texture(file)
                kinds.add("read")
            except ValueError as error:
                kinds.add("refused" if len(str(error)) < 1000 else str(error))
    file.write_bytes(content)
    return kinds


@pytest.mark.parametrize("kind", ["named", "VPSC", "quaternions"])
def test_damaged_texts_are_read_or_refused(kind, tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS[kind])
    assert damaged(tmp_path / "a.txt", range(60)) == {"read", "refused"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEXTS)
def test_many_damaged_texts(kind, tmp_path):
    (tmp_path / "a.txt").write_text(TEXTS[kind])
    assert damaged(tmp_path / "a.txt", range(1000)) == {"read", "refused"}


@pytest.mark.skipif(not SAMPLES.exists(), reason="needs ../shared/samples")
def test_files_of_vpsc():
    folder = SAMPLES / "measured" / "vpsc"
    sheet = px.read_texture(folder / "mg_az31b_rolled.tex", laue="6/mmm")
    assert len(sheet.points) == 4218
    tilt = quaternion_to_matrix(sheet.points)[:, 2, 2].abs()
    assert float((sheet.weights * tilt).sum()) > 0.8  # basal: c along the sheet's normal
    assert len(px.read_texture(folder / "zr_plate.tex", laue="6/mmm").points) == 1944
    assert len(px.read_texture(folder / "fcc_rolling_TEX_PH1.OUT").points) == 1000


def test_textures_are_written_for_vpsc(tmp_path):
    q = px.UniformTexture().orientations(50, 1)
    weights = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    texture = px.DiscreteTexture(q, weights)
    px.write_texture(texture, tmp_path / "a.tex", ellipsoid=(2, 1, 0.5), title="rolled")
    lines = (tmp_path / "a.tex").read_text().splitlines()
    assert lines[0] == "rolled"
    assert lines[3].split() == ["B", "50"]
    angles = np.loadtxt(tmp_path / "a.tex", skiprows=4)
    assert angles[:, 3].sum() == pytest.approx(1)
    again = px.read_texture(tmp_path / "a.tex")
    between = quaternion_multiply(quaternion_conjugate(again.points), texture.points)
    assert float(rotation_angle(between).max()) < 1e-7
    torch.testing.assert_close(again.weights, texture.weights, rtol=1e-8, atol=0)
    for options, sentence in (
        ({"path": tmp_path / "a.doc"}, "must end in .tex, .wts"),
        ({"path": tmp_path / "no" / "a.tex"}, "folder to write into must exist"),
        ({"title": "two\nlines"}, "must be one printable line"),
        ({"ellipsoid": (1, 0, 1)}, "must be three positive axes"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=sentence):
            px.write_texture(texture, **{"path": tmp_path / "b.tex", **options})
    with pytest.raises(TypeError, match="texture"):
        px.write_texture(q, tmp_path / "b.tex")
