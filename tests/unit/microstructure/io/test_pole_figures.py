"""Readers of pole figures: each format's grid, indices, several figures, and bad files."""

import math

import numpy as np
import pole_figure_files as files
import pytest
import torch

import polyxtal as px
from polyxtal.microstructure.io.pole_figures.grid import cell_ratio

COPPER = px.Lattice("cF")
QUARTZ = px.Lattice("hP", c_over_a=5.4 / 4.9, laue="-3m")
FILES = {
    "a.epf": (files.labotex, COPPER, None, ["111", "200"], 1),
    "b.epf": (files.popla, COPPER, None, ["111", "200"], 0.01),
    "a.raw": (lambda: files.popla(corner=0), COPPER, None, ["111", "200"], 0.01),
    "a.xpe": (files.beartex, QUARTZ, None, ["101", "112"], 0.01),
    "rigaku_110.txt": (files.rigaku, COPPER, None, ["110"], 1),
    "a.uxd": (files.uxd, COPPER, ["111", (2, 0, 0)], ["111", "200"], 1),
    "b.uxd": (lambda: files.uxd(paired=False), COPPER, ["111", "200"], ["111", "200"], 1),
    "YBCO_102.ana": (files.ana, px.Lattice("tP", c_over_a=3.0), None, ["102"], 1),
    "a.ptx": (files.dump, QUARTZ, None, ["104"], 1),
    "b.ptx": (files.aachen, COPPER, None, ["111", "200"], 1),
    "c.ptx": (lambda: files.aachen(corner=0), COPPER, None, ["111", "200"], 1),
    "Q_10-10__amp.cnv": (files.dubna, QUARTZ, None, ["10-10"], 1),
    "table_111.csv": (files.table, COPPER, None, ["111"], 1),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_has_its_grid_and_its_figures(name, tmp_path):
    write, lattice, reflections, names, unit = FILES[name]
    (tmp_path / name).write_text(write())
    figures = px.read_pole_figures(tmp_path / name, lattice, reflections)
    assert [figure.name for figure in figures] == names
    for k, figure in enumerate(figures):
        tilt, azimuth = np.degrees(figure.tilt.numpy()), np.degrees(figure.azimuth.numpy())
        measured = figure.intensities.numpy() / unit - k
        centred = name in ("a.raw", "c.ptx")
        largest = 90 if name.endswith("cnv") else 77.5 if centred else 80
        assert tilt.max() == pytest.approx(largest)
        away = tilt > 1  # all azimuths are one direction at tilt 0
        if name.endswith("cnv"):
            azimuth = (azimuth - 270 - np.degrees(np.arcsin(np.tan(np.radians(tilt) / 2)))) % 360
        wanted = files.intensity(tilt, azimuth)
        off = np.abs(measured - wanted)[away]
        assert np.minimum(off, np.abs(off - 360)).max() < 1.1  # neighbours differ by 5 or 10
        assert len(figure) == len(np.unique(np.round(tilt, 3))) * 72


def test_tables_may_count_from_the_rim_and_mark_what_is_missing(tmp_path):
    file = tmp_path / "table_111.txt"
    file.write_text(files.table(centre=90))
    (figure,) = px.read_pole_figures(file, COPPER, centre=90)
    assert float(figure.tilt.max()) == pytest.approx(math.radians(80))
    file.write_text("0 0 0\n10 0 5\n10 90 7\n")
    (figure,) = px.read_pole_figures(file, COPPER, missing=0.0)
    assert figure.intensities.tolist() == [5, 7]


def test_the_angles_of_rigakus_scans_are_asked_for(tmp_path):
    file = tmp_path / "scan_110.txt"
    file.write_text(files.rigaku().replace("10-90", "bronze"))
    with pytest.raises(ValueError, match="argument `alpha` must give the angles"):
        px.read_pole_figures(file, COPPER)
    (figure,) = px.read_pole_figures(file, COPPER, alpha=(10, 90))
    assert float(figure.tilt[0]) == pytest.approx(math.radians(80))


def test_several_files_and_superposed_reflections(tmp_path):
    paths = [tmp_path / "Q_10-10__amp.cnv", tmp_path / "Q_10-11__01-11__amp.cnv"]
    for path in paths:
        path.write_text(files.dubna())
    with pytest.raises(ValueError, match="must map 10-11, 01-11 to their structure weights"):
        px.read_pole_figures(paths, QUARTZ)
    both = px.read_pole_figures(paths, QUARTZ, ["10-10", {"10-11": 1.23, "01-11": 0.52}])
    assert [figure.name for figure in both] == ["10-10", "10-11+01-11"]
    torch.testing.assert_close(both[1].shares, torch.tensor([1.23, 0.52]).double() / 1.75)
    with pytest.raises(ValueError, match="must name those of 2 figures, but names 1"):
        px.read_pole_figures(paths, QUARTZ, "10-10")


def test_lattices_that_differ_from_the_file_are_refused(tmp_path):
    file = tmp_path / "a.xpe"
    file.write_text(files.beartex())
    with pytest.raises(ValueError, match=r"c/a must be that of the file, 1\.102, but is 1\.3"):
        px.read_pole_figures(file, px.Lattice("hP", c_over_a=1.3, laue="-3m"))
    with pytest.raises(ValueError, match="Laue group, -3m, but is of 6/mmm"):
        px.read_pole_figures(file, px.Lattice("hP", c_over_a=1.1))
    assert cell_ratio("m-3m", (1, 1, 1)) is None


def test_bad_figures_get_one_sentence(tmp_path):
    file = tmp_path / "cut_111.epf"
    for text, sentence in (
        (files.labotex()[:-900], "must hold 17 rings of 72 intensities, but holds"),
        (files.labotex().replace(" 5.00 0.00 355", " 0.00 0.00 355"), "a positive step"),
        (files.labotex().replace("80.00", "80e99"), "within 720°"),
        (files.labotex().replace("2 number", "999 number"), "must give 1 to 100 figures"),
        (files.labotex().replace(" 7 1.0", " 70 1.0"), "code must be from 1 to 11, but is 70"),
        (files.popla(scale=0), "scale of a figure must be positive"),
        ("", "is empty"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=sentence):
            px.read_pole_figures(file, COPPER)
    table = tmp_path / "a.txt"
    table.write_text("0 0 -3\n10 0 5\n10 5 1\n")
    with pytest.raises(ValueError, match="neither file nor name does"):
        px.read_pole_figures(table, COPPER)
    with pytest.raises(ValueError, match="not negative, but the smallest is -3"):
        px.read_pole_figures(table, COPPER, "111")
    assert px.read_pole_figures(table, COPPER, "111", clip=True)[0].intensities[0] == 0
    table.write_text("0 0 3 9\n10 0 5 9\n")
    with pytest.raises(ValueError, match="8 numbers in 2 rows"):
        px.read_pole_figures(table, COPPER, "111")
