"""What `polyxtal texture` reads: the same grains as in Python, and one sentence on bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_map import write_map
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.texture.inputs import read_texture_input
from polyxtal.workflows.texture.pole_figures import corrected_figures
from polyxtal.workflows.texture.settings import FigureSettings, TextureSettings

COPPER = px.Lattice("cF")
TWELVE = TextureSettings(halfwidth=12.0)
TRUE = px.ODF([[1, 0, 0, 0]], halfwidth=math.radians(25), uniform=0.4)
FIGURES = TextureSettings(figures=FigureSettings("cF", resolution=20.0))


def command(*arguments) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["texture", *map(str, arguments)])
    return done.exit_code, done.output


def table(path: Path, plane, largest=75.0, offset=0.0, drop=None) -> Path:
    """Write the pole figure of `TRUE`, with a background and defocusing if asked for."""
    at = px.pole_figure_grid(step=15.0, largest=largest)
    figure = px.calculate_pole_figure(TRUE, plane, at, COPPER)
    values = 100 * figure.intensities
    if drop is not None:
        values = values * drop(figure.tilt)
    rows = zip(figure.tilt.rad2deg(), figure.azimuth.rad2deg(), values + offset, strict=True)
    path.write_text("\n".join(" ".join(f"{float(v):.6f}" for v in row) for row in rows))
    return path


def test_a_map_gives_the_density_of_python(tmp_path):
    file = write_map(tmp_path / "small.ang")
    settings = replace(TWELVE, maps=MapSettings("edax-1", threshold=0.6))
    found = read_texture_input([file], settings)
    python = px.estimate_odf(
        px.read_ebsd(file, frame="edax-1"), threshold=0.6, halfwidth=math.radians(12)
    )
    torch.testing.assert_close(found.odf.centres, python.centres)
    torch.testing.assert_close(found.odf.weights, python.weights)
    assert len(found.odf.centres) < 16  # squares, of which the threshold joins some
    assert found.phase == "Iron fcc"
    assert found.lattice is not None
    # The command line passes its options on, and warns of nothing.
    out = tmp_path / "out"
    code, text = command(
        file, "--frame", "edax-1", "--halfwidth", 12, "--threshold-deg", math.degrees(0.6),
        "--no-picture", "--out", out,
    )  # fmt: skip
    assert (code, "Warning" in text) == (0, False), text
    stored = px.read_odf(out / "odf.npz")
    torch.testing.assert_close(stored.centres, python.centres)


@pytest.mark.parametrize("extension", [".npz", ".vti", ".dream3d", ".tesr"])
def test_volumes_of_every_format_give_the_density_of_python(extension, tmp_path):
    rve = px.tessellate(grid=8, grains=20, seed=1, lattice=COPPER)
    file = tmp_path / f"volume{extension}"
    material = {"crystal": px.load_material("AA6022-T4")} if extension == ".vti" else None
    px.write(rve, file, material)
    found = read_texture_input([file], TWELVE).odf
    python = px.estimate_odf(rve, halfwidth=math.radians(12))
    near = px.UniformTexture().orientations(40, seed=0)
    torch.testing.assert_close(found.density(near), python.density(near), rtol=1e-3, atol=1e-4)


def test_a_density_is_read_again_and_symmetrised(tmp_path):
    file = tmp_path / "odf.npz"
    px.write_odf(px.ODF(px.UniformTexture().orientations(3, seed=0), halfwidth=0.3), file)
    same = read_texture_input([file], TextureSettings()).odf
    assert same.sample_symmetry == "triclinic"
    sheet = read_texture_input([file], TextureSettings(symmetry="orthorhombic")).odf
    assert sheet.sample_symmetry == "orthorhombic"
    with pytest.raises(ValueError, match="`halfwidth` and `laue` must be left out for a density"):
        read_texture_input([file], TWELVE)


def test_pole_figures_are_inverted_reported_and_drawn(tmp_path):
    files = [table(tmp_path / f"cu_{h}00.txt".replace("1", "2"), (h + 1, 0, 0)) for h in (1,)]
    files.append(table(tmp_path / "cu_111.txt", (1, 1, 1)))
    out = tmp_path / "out"
    code, text = command(*files, "--lattice", "cF", "--resolution", 20, "--out", out)
    assert code == 0, text
    report = json.loads((out / "report.json").read_text())
    errors = report["pole_figures"]
    assert list(errors) == ["200", "111"]
    assert all(one["rp_1"] < 0.05 < one["rp_1_random"] for one in errors.values())
    assert errors["111"]["scale"] == pytest.approx(100, rel=0.03)
    assert "pole figure 111: 144 directions, RP_0 0.0" in text
    odf = px.read_odf(out / "odf.npz")
    assert px.odf_distance(odf, TRUE, resolution=15.0) < 0.08
    assert (out / "pole_figures.png").stat().st_size > 10_000
    figures = px.read_pole_figures(files, COPPER)
    python = px.invert_pole_figures(figures, resolution=20.0)
    assert report["texture_index"] == pytest.approx(python.odf.index, rel=1e-9)


def test_background_and_defocusing_are_taken_off(tmp_path):
    def drop(tilt):
        return 1 - 0.4 * tilt

    clean = table(tmp_path / "clean_111.txt", (1, 1, 1))
    raw = table(tmp_path / "raw_111.txt", (1, 1, 1), offset=7.0, drop=drop)
    at = px.pole_figure_grid(step=15.0, largest=75.0)
    tilt = px.PoleFigure((1, 1, 1), at, torch.ones(len(at)), COPPER).tilt
    rows = zip(tilt.rad2deg(), 0 * tilt, 50 * drop(tilt), strict=True)
    random = tmp_path / "powder.txt"
    random.write_text("\n".join(" ".join(f"{float(v):.6f}" for v in row) for row in rows))
    beside = tmp_path / "beside.txt"
    beside.write_text("\n".join(f"{t} 0 7" for t in range(0, 90, 15)))
    (expected,) = corrected_figures([clean], FIGURES)
    for background in ("7", str(beside)):
        given = replace(FIGURES.figures, background=(background,), defocusing=(str(random),))
        (found,) = corrected_figures([raw], replace(FIGURES, figures=given))
        torch.testing.assert_close(found.intensities, expected.intensities, rtol=1e-3, atol=0.01)


def test_superposed_reflections_and_missing_directions_are_passed_on(tmp_path):
    file = tmp_path / "q.txt"
    file.write_text("0 0 5\n10 0 0\n20 0 3\n20 90 4\n")
    given = FigureSettings(
        "hP", 1.1, reflections=("10-11=1.2,01-11=0.4",), missing=0.0, resolution=20.0
    )
    (figure,) = corrected_figures([file], TextureSettings(laue="-3m", figures=given))
    assert len(figure) == 3
    assert figure.laue.name == "-3m"
    assert dict(figure.reflections) == pytest.approx({(1, 0, -1, 1): 0.75, (0, 1, -1, 1): 0.25})


@pytest.mark.parametrize(
    ("name", "content", "options", "sentence"),
    [
        ("a_111.txt", "0 0 5\n10 0 -3\n", "--lattice cF", "intensities must be finite and not neg"),
        ("a_111.epf", "", "", "option --lattice must be given for pole figures, such as cF"),
        ("a_111.txt", "0 0 5\n10 0 3\n", "--lattice cF", "must cover at least 30 % of the hemis"),
        ("b.txt", "0 0 5\n10 0 3\n", "--lattice cF", "option --reflections must give the indices"),
        ("a_10-11.txt", "0 0 5\n", "--lattice hP", "c/a"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --c-over-a 1.6", "c/a must be left out for a cubic"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --phase A", "option --phase must be left out for a"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --background x.txt", "x.txt"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --defocusing 3", "file of a random sample"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --reflections 1=a", "--reflections must be indices"),
        ("a_111.txt", "0 0 5\n", "--lattice cF --alpha 90", "--alpha must be two angles"),
        ("a.tex", "", "--missing 0", "option --missing must be left out except for pole figures"),
        ("a.tex", "", "--threshold-deg 3", "option --threshold-deg must be left out for a list"),
        ("a.tex", "", "--projection x", "--projection must be equal-area or equal-angle"),
        ("a.tex", "", "--sections x", "--sections must be phi2 or sigma"),
        ("a.ctf", "", "--lattice cF", "option --lattice must be left out except for pole figures"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_sentence(name, content, options, sentence, tmp_path):
    file = tmp_path / name
    if name == "a.tex":
        drawn = px.UniformTexture().orientations(20, seed=0)
        px.write_texture(px.DiscreteTexture(drawn), file)
    else:
        file.write_text(content)
    code, text = command(file, *options.split(), "--out", tmp_path / "out", "--no-picture")
    assert code == 2
    assert sentence in " ".join(text.split())
    assert text.startswith("Error: ")
    assert text.strip().count("\n") == 0


@pytest.mark.parametrize("degrees", [100, 0, -5, "nan"])
def test_halfwidths_are_told_in_degrees(degrees, tmp_path):
    code, text = command(tmp_path, "--halfwidth", degrees)
    assert code == 2
    assert f"option --halfwidth must be from 0.1 to 90 degrees, but is {degrees}." in text.lower()


def test_a_volume_without_orientations_names_options_that_there_are(tmp_path):
    crystal = {"crystal": px.load_material("AA6022-T4")}
    px.write(px.tessellate(grid=4, grains=3), tmp_path / "a.vti", crystal)
    (tmp_path / "material.yaml").unlink()
    code, text = command(tmp_path / "a.vti")
    assert code == 2
    assert "--grains" in text
    assert "--material" not in text


def test_wrong_ratio_and_mixed_files_are_told(tmp_path):
    from pole_figure_files import labotex

    file = tmp_path / "copper.epf"
    file.write_text(labotex())
    code, text = command(file, "--lattice", "hP", "--c-over-a", 1.6, "--out", tmp_path / "o")
    assert code == 2
    assert "Laue group" in text
    first, second = tmp_path / "a.txt", tmp_path / "b.npz"
    first.write_text("phi1 Phi phi2\n0 45 0\n")
    px.write(px.tessellate(grid=4, grains=3), second)
    code, text = command(second, first, "--out", tmp_path / "o")
    assert "maps and volumes must be given one at a time" in text
    stack = MapSettings("edax-1", section_spacing=1.0)
    with pytest.raises(ValueError, match="`section_spacing` and `align` must be left out"):
        read_texture_input([second], TextureSettings(maps=stack))
