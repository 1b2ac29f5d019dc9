"""A density sampled into volumes and files of other programs is found again from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import polyxtal as px

WIDTH = math.radians(12)


@pytest.fixture(scope="module", params=["fcc", "hcp"])
def case(request):
    """A density, its lattice and 400 orientations that represent it."""
    if request.param == "fcc":
        lattice = px.Lattice("cF")
        texture = px.rolling_texture({"brass": 0.4, "copper": 0.3}, halfwidth=0.25)
    else:
        lattice = px.Lattice("hP", 1.624)
        texture = px.basal_texture(lattice, tilt=0.4, halfwidth=0.3)
    odf = px.ODF.from_texture(texture, WIDTH)
    return odf, lattice, odf.sample(400, steps=15)


def by_tessellation(sample: px.DiscreteTexture, lattice: px.Lattice, _: Path) -> px.Polycrystal:
    return px.tessellate(grid=24, grains=400, texture=sample, lattice=lattice, seed=1)


def by_voxels(sample: px.DiscreteTexture, lattice: px.Lattice, _: Path) -> px.Polycrystal:
    return px.from_texture(sample, 343, lattice=lattice, seed=0)


def by_file(name: str) -> Callable[[px.DiscreteTexture, px.Lattice, Path], px.DiscreteTexture]:
    def read(sample: px.DiscreteTexture, lattice: px.Lattice, folder: Path) -> px.DiscreteTexture:
        px.write_texture(sample, folder / name)
        found = px.read_texture(folder / name, laue=lattice.laue_group)
        assert isinstance(found, px.DiscreteTexture)
        return found

    return read


def by_damask(sample: px.DiscreteTexture, lattice: px.Lattice, folder: Path) -> px.Polycrystal:
    """A volume as a case of DAMASK and back."""
    rve = by_tessellation(sample, lattice, folder)
    material = px.load_material("AA6022-T4" if lattice.family == "cubic" else "Mg")
    px.write(rve, folder / "grid.vti", {"crystal": material})
    return px.read(folder / "grid.vti")


@pytest.mark.parametrize(
    ("way", "largest", "harmonics"),
    [
        (by_tessellation, 0.07, 0.12),
        (by_voxels, 0.07, 0.12),
        (by_damask, 0.07, 0.12),
        (by_file("a.tex"), 0.03, 0.01),
        (by_file("material.yaml"), 0.03, 0.01),
        (by_file("a.wts"), 0.03, 0.01),
        (by_file("a.csv"), 0.03, 0.01),
    ],
    ids=["tessellate", "from_texture", "DAMASK case", "VPSC", "DAMASK", "popLA", "CSV"],
)
def test_the_same_texture_is_found_again(way, largest, harmonics, case, tmp_path):
    odf, lattice, sample = case
    source = way(sample, lattice, tmp_path)
    found = px.estimate_odf(source, halfwidth=WIDTH)
    assert found.laue == odf.laue
    smooth = px.estimate_odf(sample, halfwidth=WIDTH)  # the density, blurred by the kernel
    assert found.distance(smooth) < largest
    # A mistaken frame or axis would not be: the texture is not that of a turned sample.
    quarter = torch.tensor([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)], dtype=torch.float64)
    assert smooth.distance(found.rotated(quarter)) > 2 * largest
    assert harmonic_error(odf, found) < harmonics


def harmonic_error(odf: px.ODF, found: px.ODF) -> float:
    """Difference of the harmonics up to degree 4, without the kernel, relative to their norm."""
    given = odf.fourier(4)
    bare = found.fourier(4).scaled(1 / found.kernel.factors(4))
    rest = type(given)(
        tuple(f - g for f, g in zip(bare.degrees, given.degrees, strict=True)),
        given.laue,
        given.sample,
    )
    return math.sqrt(float(rest.power[1:].sum() / given.power[1:].sum()))
