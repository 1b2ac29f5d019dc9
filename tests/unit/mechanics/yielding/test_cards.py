"""Cards, read back by small readers of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sheets import AA2090_YLD2000, examples

import polyxtal as px
from polyxtal.algebra.mandel import stiffness_mandel_to_voigt

LAW = px.Voce(s0=214.0, Q=222.0, b=6.75)
STRESS = {"mm-t-s": 1.0, "m-kg-s": 1e6, "mm-kg-ms": 1e-3}
DENSITY = {"mm-t-s": 2.7e-9, "m-kg-s": 2700.0, "mm-kg-ms": 2.7e-6}


@pytest.fixture(scope="module")
def stiffness() -> torch.Tensor:
    """Return a stiffness without any symmetry. [MPa]"""
    draw = torch.from_numpy(np.random.default_rng(2).normal(size=(6, 6)))
    return 6e4 * torch.eye(6, dtype=torch.float64) + 3e3 * (draw + draw.mT)


def abaqus_blocks(text: str) -> dict[str, list[list[float]]]:
    """Return the numbers below each keyword."""
    blocks, rows = {}, []
    for line in text.splitlines():
        if line.startswith("**"):
            continue
        if line.startswith("*"):
            rows = blocks[line[1:]] = []
        else:
            rows.append([float(item) for item in line.split(",") if item.strip()])
    return blocks


@pytest.mark.parametrize("units", STRESS)
def test_abaqus(tmp_path, stiffness, units):
    hill = px.Hill48(0.6, 0.55, 0.4, 1.6, 1.3, 1.8)
    file = tmp_path / "a.inp"
    px.write_card(file, hill, LAW, stiffness, units=units, density=2700.0, name="AA6022-T4")
    blocks = abaqus_blocks(file.read_text())
    assert "MATERIAL, NAME=AA6022-T4" in blocks
    assert blocks["DENSITY"] == [[pytest.approx(DENSITY[units])]]

    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]  # Abaqus: 11 22 33 12 13 23
    rows = blocks["ELASTIC, TYPE=ANISOTROPIC"]
    assert [len(row) for row in rows] == [8, 8, 5]
    constants = iter([number for row in rows for number in row])
    mandel = stiffness_mandel_to_voigt(stiffness)
    places = {(0, 0): 0, (1, 1): 1, (2, 2): 2, (1, 2): 3, (0, 2): 4, (0, 1): 5}
    for column in range(6):
        for row in range(column + 1):
            expected = float(mandel[places[pairs[row]], places[pairs[column]]]) * STRESS[units]
            assert next(constants) == pytest.approx(expected, rel=1e-8)

    stress, strain = np.array(blocks["PLASTIC"]).T
    assert (strain[0], strain[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(stress, LAW.stress(strain) * STRESS[units], rtol=1e-7)

    [ratios] = blocks["POTENTIAL"]
    for (i, j), ratio in zip(pairs, ratios, strict=True):
        only = np.zeros((3, 3))
        only[i, j] = only[j, i] = ratio / (1.0 if i == j else 3**0.5)
        assert hill.equivalent(only) == pytest.approx(1.0, rel=1e-8)


def test_abaqus_represents_other_functions_by_their_r_values(tmp_path, stiffness):
    function = px.Yld2000(tuple(1.02 * a for a in AA2090_YLD2000))  # yields at σ̄ / 1.02 along x
    file = tmp_path / "a.inp"
    px.write_card(file, function, LAW, stiffness)
    text = file.read_text()
    assert "Hill's function has the r-values of yld2000 at 0, 45 and 90 degrees" in text
    blocks = abaqus_blocks(text)
    r11, r22, r33, r12, _, _ = blocks["POTENTIAL"][0]
    assert r11 == pytest.approx(1.0)
    f, g = (r22**-2 + r33**-2 - 1) / 2, (r33**-2 + 1 - r22**-2) / 2
    h, n = (1 + r22**-2 - r33**-2) / 2, 1.5 / r12**2
    np.testing.assert_allclose([h / g, n / (f + g) - 0.5, h / f], function.r_value([0, 45, 90]))
    stress, strain = np.array(blocks["PLASTIC"]).T
    along_x = float(function.yield_stress(0.0))
    assert along_x == pytest.approx(1 / 1.02, abs=1e-3)
    np.testing.assert_allclose(stress, along_x * LAW.stress(strain * along_x), rtol=1e-7)


FIRST = "mid ro e pr"
LAYOUT = {
    "*MAT_036_TITLE": [
        f"{FIRST} hr p1 p2 iter", "m r00 r45 r90 lcid e0 spi p3", "aopt", "xp yp zp a1 a2 a3",
        "v1 v2 v3 d1 d2 d3",
    ],
    "*MAT_133_TITLE": [
        f"{FIRST} fit beta iter iscale", "k e0 n c p hard a", "al1 al2 al3 al4 al5 al6 al7 al8",
        "aopt", "xp yp zp a1 a2 a3", "v1 v2 v3 d1 d2 d3",
    ],
}  # fmt: skip
LAYOUT["*MAT_243_TITLE"] = LAYOUT["*MAT_036_TITLE"]
"""Fields of each card in ten columns, as in LS-DYNA's manual, Vol. II."""


def dyna_deck(text: str) -> tuple[str, dict[str, float], np.ndarray]:
    """Return keyword of the material, its fields by name, and the flow curve."""
    lines = [line for line in text.splitlines() if not line.startswith("$")]
    assert (lines[0], lines[-1]) == ("*KEYWORD", "*END")
    keyword, layout = lines[1], LAYOUT[lines[1]]
    fields = {}
    for line, names in zip(lines[3:], layout, strict=False):
        for k, name in enumerate(names.split()):
            item = line[10 * k : 10 * k + 10].strip()
            fields[name] = float(item) if item else 0.0
    at = lines.index("*DEFINE_CURVE_TITLE")
    assert at == 3 + len(layout)
    assert int(lines[at + 2][:10]) == 1
    curve = [[float(line[:20]), float(line[20:40])] for line in lines[at + 3 : -1]]
    return keyword, fields, np.array(curve)


@pytest.mark.parametrize("units", STRESS)
def test_ls_dyna_133(tmp_path, units):
    elasticity = px.Elasticity.isotropic(young=70e3, poisson=0.33)
    file = tmp_path / "a.k"
    px.write_card(
        file, px.Yld2000(AA2090_YLD2000), LAW, elasticity.stiffness(), code="ls-dyna",
        units=units, density=2700.0,
    )  # fmt: skip
    keyword, fields, curve = dyna_deck(file.read_text())
    assert keyword == "*MAT_133_TITLE"
    alpha = [fields[f"al{i}"] for i in range(1, 9)]
    np.testing.assert_allclose(alpha, AA2090_YLD2000, rtol=1e-6)
    assert fields["e"] == pytest.approx(70e3 * STRESS[units], rel=1e-6)
    assert fields["pr"] == pytest.approx(0.33, rel=1e-6)
    assert fields["ro"] == pytest.approx(DENSITY[units])
    assert (fields["a"], fields["hard"], fields["fit"], fields["iscale"]) == (8.0, -1.0, 0.0, 1.0)
    assert (fields["aopt"], fields["a1"], fields["d2"]) == (2.0, 1.0, 1.0)
    np.testing.assert_allclose(curve[:, 1], LAW.stress(curve[:, 0]) * STRESS[units], rtol=1e-8)


@pytest.mark.parametrize("kind", ["hill48", "yld91", "yld2004", "cpb06"])
def test_ls_dyna_036(tmp_path, stiffness, kind):
    function = examples()[kind]
    file = tmp_path / "a.k"
    px.write_card(file, function, LAW, stiffness, code="ls-dyna", density=2700.0)
    keyword, fields, curve = dyna_deck(file.read_text())
    assert keyword == "*MAT_036_TITLE"
    assert (fields["m"], fields["hr"], fields["lcid"]) == (function.exponent, 3.0, 1.0)
    r_values = [fields[name] for name in ("r00", "r45", "r90")]
    np.testing.assert_allclose(r_values, function.r_value([0, 45, 90]), rtol=1e-6)
    scale = float(function.yield_stress(0.0))
    np.testing.assert_allclose(curve[:, 1], scale * LAW.stress(curve[:, 0] * scale), rtol=1e-8)
    assert ("the asymmetry is lost" in file.read_text()) == (kind == "cpb06")


def test_ls_dyna_243_has_the_exponent_of_hill_1990(tmp_path, stiffness):
    file = tmp_path / "a.k"
    for function in (px.Hill48(), px.Yld2000(AA2090_YLD2000)):
        px.write_card(file, function, LAW, stiffness, code="ls-dyna-243", density=2700.0)
        keyword, fields, _ = dyna_deck(file.read_text())
        assert keyword == "*MAT_243_TITLE"
        ratio = 2 * function.biaxial_yield_stress() / function.yield_stress(45.0)
        assert ratio ** fields["m"] == pytest.approx(2 * (1 + fields["r45"]), rel=1e-6)
    assert fields["m"] == pytest.approx(1.75, abs=0.02)


def test_table(tmp_path, stiffness):
    file = tmp_path / "a.txt"
    function = px.Yld2000(AA2090_YLD2000)
    px.write_card(file, function, LAW, stiffness, code="table", units="m-kg-s", density=2700.0)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    at = lines.index("plastic_strain\tflow_stress")
    values = {name: float(value) for name, value in (line.split("\t") for line in lines[:at])}
    assert values["alpha_8"] == 1.4858
    assert values["density"] == 2700.0
    assert values["R11"] == pytest.approx(1.0)
    voigt = stiffness_mandel_to_voigt(stiffness)
    assert values["C26"] == pytest.approx(1e6 * float(voigt[1, 5]), rel=1e-8)
    curve = np.array([[float(x) for x in line.split("\t")] for line in lines[at + 1 :]])
    np.testing.assert_allclose(curve[:, 1], 1e6 * LAW.stress(curve[:, 0]), rtol=1e-8)


def test_several_cards_say_what_they_come_from(tmp_path, stiffness):
    points = px.YieldPoints.uniaxial([0, 45, 90], [300.0, 296, 290], [0.8, 0.37, 0.54])
    fit = px.fit_yield_function(points, "hill48")
    strain = np.linspace(0, 0.2, 20)
    hardening = px.fit_hardening(strain, LAW.stress(strain), "voce")
    files = px.write_cards(
        tmp_path / "new", fit, hardening, stiffness, ["abaqus", "ls-dyna", "table"], density=2700.0,
        name="AA6022",
    )  # fmt: skip
    assert [f.name for f in files] == ["AA6022-abaqus.inp", "AA6022-ls-dyna.k", "AA6022-table.txt"]
    for file in files:
        text = file.read_text()
        assert "Written by polyxtal" in text
        assert "Fitted to 6 points: rms 0.0" in text
        assert "The flow curve ends at a plastic strain of 0.2" in text
        assert "Units mm-t-s: stress in MPa" in text
        assert max(map(len, text.splitlines())) < 250


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"code": "nastran"}, "`code` must be one of abaqus, ls-dyna, .* but is 'nastran'"),
        ({"units": "inch"}, "`units` must be one of mm-t-s, m-kg-s, mm-kg-ms, but is 'inch'"),
        ({"code": "ls-dyna"}, "`density` must be given in kg/m³ for a card of LS-DYNA"),
        ({"code": "ls-dyna-133", "density": 1.0}, "MAT_133 must have yld2000, but the function"),
        ({"density": -1.0}, "`density` must be positive, but is -1.0"),
        ({"largest_strain": 0.0}, "`largest_strain` must be positive, but is 0.0"),
        ({"name": "a\n*STEP"}, "`name` must be a letter and up to 39 letters, digits, - or _"),
        ({"function": px.Hill48(2.47, 2.47, -1.47)}, "must have a convex yield function, but"),
        ({"stiffness": -np.eye(6)}, "`stiffness` must be positive definite"),
    ],
)
def test_bad_input_gets_a_sentence_and_no_file(tmp_path, stiffness, changed, sentence):
    given = {"function": px.Hill48(), "hardening": LAW, "stiffness": stiffness} | changed
    with pytest.raises(ValueError, match=sentence):
        px.write_card(tmp_path / "a.inp", **given)
    code = given.pop("code", "abaqus")
    with pytest.raises(ValueError, match=sentence):
        px.write_cards(tmp_path / "new", codes=[code], **given)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="`codes` must be a list of codes, but is 'abaqus'"):
        px.write_cards(tmp_path, px.Hill48(), LAW, stiffness, "abaqus")
