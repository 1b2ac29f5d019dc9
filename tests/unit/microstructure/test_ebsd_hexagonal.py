"""Hexagonal maps: the vendors' crystal axes, grains counted independently, and a tension curve."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from places import SAMPLES
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import (
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_matrix,
    rotation_angle,
)
from polyxtal.cli import app
from polyxtal.crystal.lattice import Lattice

SAMPLE = SAMPLES / "twins.ctf"
sample = pytest.mark.skipif(not SAMPLE.exists(), reason="needs ../shared/samples/twins.ctf")
THRESHOLD = math.radians(5)


def turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return Rodrigues's rotation matrix."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def hexagonal_group() -> np.ndarray:
    """Close the group that a six-fold turn about z and a half turn about x generate."""
    generators = [turn(np.array([0, 0, 1.0]), math.pi / 3), turn(np.array([1.0, 0, 0]), math.pi)]
    elements = [np.eye(3)]
    for element in elements:  # grows while it is read
        for generator in generators:
            product = element @ generator
            if not any(np.allclose(product, known) for known in elements):
                elements.append(product)
    assert len(elements) == 12
    return np.array(elements)


def bunge(degrees: np.ndarray) -> np.ndarray:
    """Return the matrices of crystal-to-sample rotations from Bunge's angles."""
    a, b, c = np.moveaxis(np.radians(degrees), -1, 0)
    zero, one = np.zeros_like(a), np.ones_like(a)

    def about_z(t):
        rows = [[np.cos(t), -np.sin(t), zero], [np.sin(t), np.cos(t), zero], [zero, zero, one]]
        return np.moveaxis(np.array(rows), (0, 1), (-2, -1))

    rows = [[one, zero, zero], [zero, np.cos(b), -np.sin(b)], [zero, np.sin(b), np.cos(b)]]
    return about_z(a) @ np.moveaxis(np.array(rows), (0, 1), (-2, -1)) @ about_z(c)


def disorientation(one: np.ndarray, other: np.ndarray, group: np.ndarray) -> np.ndarray:
    between = np.swapaxes(one, -1, -2) @ other
    trace = np.max([np.einsum("...ij,ji->...", between, s) for s in group], axis=0)
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))


def read_rows() -> tuple[np.ndarray, np.ndarray]:
    """Read phase and Euler angles of the sample: 167 columns x 137 rows."""
    lines = SAMPLE.read_text(encoding="latin-1").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("Phase\tX"))
    table = np.array([[float(v) for v in line.split()[:8]] for line in lines[start + 1 :] if line])
    return table[:, 0].reshape(137, 167), table[:, 5:8].reshape(137, 167, 3)


def count_grains(phase: np.ndarray, rotations: np.ndarray, group: np.ndarray) -> list[list]:
    """Flood regions whose neighbours differ by less than the threshold, of five points or more."""
    ny, nx = phase.shape
    along_x = disorientation(rotations[:, :-1], rotations[:, 1:], group) < THRESHOLD
    along_y = disorientation(rotations[:-1], rotations[1:], group) < THRESHOLD
    along_x &= (phase[:, :-1] > 0) & (phase[:, 1:] > 0)
    along_y &= (phase[:-1] > 0) & (phase[1:] > 0)
    seen, found = phase <= 0, []
    for j, i in np.ndindex(ny, nx):
        if seen[j, i]:
            continue
        seen[j, i], region = True, [(j, i)]
        for y, x in region:
            steps = [
                (y, x + 1, x + 1 < nx and along_x[y, min(x, nx - 2)]),
                (y, x - 1, x > 0 and along_x[y, x - 1]),
                (y + 1, x, y + 1 < ny and along_y[min(y, ny - 2), x]),
                (y - 1, x, y > 0 and along_y[y - 1, x]),
            ]
            for v, u, joined in steps:
                if joined and not seen[v, u]:
                    seen[v, u] = True
                    region.append((v, u))
        if len(region) >= 5:
            found.append(region)
    return found


@sample
def test_grains_of_a_magnesium_map_as_counted_from_the_group_alone():
    phase, degrees = read_rows()
    rotations, group = bunge(degrees), hexagonal_group()
    regions = count_grains(phase, rotations, group)
    ebsd = px.read_ebsd(SAMPLE, frame="oxford")
    assert [(one.laue_group.name, one.family) for one in ebsd.lattices] == [("6/mmm", "hexagonal")]
    assert ebsd.lattices[0].c_over_a == pytest.approx(5.2101 / 3.2089)
    grains = ebsd.grains(THRESHOLD, fill=False)
    assert abs(grains.grains - len(regions)) <= 0.01 * len(regions)

    ids = grains.grain_id.numpy()
    q = ebsd.orientations
    same = [(np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])]
    ours = np.concatenate(
        [
            ebsd.laue_group(0).disorientation(q[a], q[b]).numpy()[(ids[a] != ids[b]) & (ids[a] >= 0)
            & (ids[b] >= 0)]
            for a, b in same
        ]
    )  # fmt: skip
    label = np.full(phase.shape, -1)
    for k, region in enumerate(regions):
        label[tuple(np.array(region).T)] = k
    theirs = np.concatenate(
        [
            disorientation(rotations[a], rotations[b], group)[
                (label[a] != label[b]) & (label[a] >= 0) & (label[b] >= 0)
            ]
            for a, b in same
        ]
    )
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)
    # Tension twins of magnesium are turned by 86.3° about <11-20>: the commonest boundary here.
    assert 80 < np.degrees(np.median(theirs[theirs > math.radians(70)])) < 90


@sample
def test_twins_of_magnesium_turn_about_the_edge_of_the_cell():
    """Tension twins turn by 86.3° about <11-20>, along a; with x along a* it would be 30° off."""
    ebsd = px.read_ebsd(SAMPLE, frame="oxford")
    grains, group = ebsd.grains(), ebsd.laue_group(0)
    ids = grains.grain_id
    pairs = torch.cat(
        [
            torch.stack([ids[:-1], ids[1:]], -1).reshape(-1, 2),
            *(ids[:, [k, k + 1]] for k in (5, 80)),
        ]
    )
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].sort(-1).values.unique(dim=0)
    p, q = grains.orientations[pairs].unbind(1)
    between = quaternion_multiply(quaternion_conjugate(p), group.nearest(q, p))
    angle = rotation_angle(between).rad2deg()
    axis = between[(angle - 86.3).abs() < 3, 1:]
    assert len(axis) > 20
    azimuth = torch.atan2(axis[:, 1], axis[:, 0]).rad2deg() % 60
    off = torch.minimum(azimuth, 60 - azimuth)
    assert float(off.median()) < 3
    tilt = (axis[:, 2] / axis.norm(dim=-1)).abs().asin().rad2deg()
    assert float(tilt.median()) < 3


def write_ctf(path: Path, phi: float) -> Path:
    lines = ["Channel Text File", "JobMode\tGrid", "XStep\t1", "YStep\t1", "Phases\t1"]
    lines += ["2.95;2.95;4.68\t90;90;120\tTi\t9\t194\t\t\tpaper"]
    lines += ["Phase\tX\tY\tEuler1\tEuler2\tEuler3"]
    lines += [f"1\t{i}\t{j}\t20\t40\t{phi}" for j in range(3) for i in range(3)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_ang(path: Path, phi: float) -> Path:
    angles = [math.radians(v) for v in (20, 40, phi)]
    lines = ["# Phase 1", "# MaterialName Ti", "# Symmetry 62"]
    lines += ["# LatticeConstants 2.950 2.950 4.680 90.000 90.000 120.000", "# GRID: SqrGrid"]
    row = " ".join(f"{v:.5f}" for v in angles)
    lines += [f"{row} {i} {j} 100 0.9 1 1 1" for j in range(3) for i in range(3)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_one_crystal_in_the_files_of_both_vendors(tmp_path):
    """EDAX lays x along a, Oxford along a*, 30° further about c: so φ2 differs by 30°."""
    edax = px.read_ebsd(write_ang(tmp_path / "a.ang", 10.0), frame="map")
    oxford = px.read_ebsd(write_ctf(tmp_path / "a.ctf", 10.0 + 30.0), frame="map")
    assert edax.lattices == oxford.lattices
    assert edax.lattices[0].c_over_a == pytest.approx(4.68 / 2.95)
    group = edax.laue_group(0)
    off = group.disorientation(edax.orientations, oxford.orientations)
    assert float(off.max()) < 1e-4
    # Along a, in the map's axes: Bunge's matrix transposed, first column.
    wanted = bunge(np.array([20.0, 40.0, 10.0]))[:, 0]
    assert np.allclose(quaternion_to_matrix(edax.orientations[0, 0])[:, 0], wanted, atol=1e-4)


def test_a_map_of_titanium_and_of_a_cubic_phase(tmp_path):
    """Grains of each phase are found, and averaged, under its own symmetry."""
    q = torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64).repeat(36, 1)
    turned = torch.tensor([math.cos(math.pi / 6), 0, 0, math.sin(math.pi / 6)])  # 60° about z
    q = q.reshape(6, 6, 4)
    q[3:] = turned
    phase = torch.zeros(6, 6, dtype=torch.int64)
    names, rest = ("Ti", "Al"), ((1.0, 1.0), {}, Path("m"))
    lattices = (Lattice("h"), Lattice("c"))
    assert px.EbsdMap(q, phase, names, *rest, lattices).grains().grains == 1
    grains = px.EbsdMap(q, phase + 1, names, *rest, lattices).grains()
    assert grains.grains == 2
    phase[:, 3:] = 1
    both = px.EbsdMap(q, phase, names, *rest, lattices).grains()
    assert both.phase.tolist() == [0, 1, 1]
    assert both.polycrystal.lattices == lattices


def test_lattices_through_damask_files(tmp_path):
    rve = px.tessellate(grid=4, grains=3, lattice=Lattice("hP", 1.587), seed=0)
    px.write(rve, tmp_path / "a.vti")
    assert px.read(tmp_path / "a.vti").lattices == (Lattice("hP", 1.587),)
    with pytest.raises(ValueError, match="must have its lattice, but 'Al' is cubic"):
        px.taylor_response(rve, px.load_material("Al"), px.LoadPath.uniaxial(strain=0.001))


def test_equivalent_volume_of_a_hexagonal_map():
    texture = px.basal_texture(Lattice("hP", 1.587))
    layer = px.tessellate((64, 64, 1), 150, texture, spread=0.35, seed=0)
    assert layer.lattices[0].laue_group.name == "6/mmm"
    volume = px.equivalent_rve(layer, grid=24, grains=250, seed=0)
    assert volume.lattices == layer.lattices
    basal = [quaternion_to_matrix(one.orientations)[:, 2, 2].abs() for one in (layer, volume)]
    mean = [
        float((c * w).sum())
        for c, w in zip(basal, (layer.volume_fractions, volume.volume_fractions), strict=True)
    ]
    assert mean[0] == pytest.approx(mean[1], abs=0.02)


@sample
def test_from_the_map_to_a_tension_curve_in_one_command(tmp_path):
    words = ["predict", str(SAMPLE), "--material", "Mg", "--frame", "oxford", "--strain", "0.005"]
    done = CliRunner().invoke(app, [*words, "--leaves", "32", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "prediction.png").stat().st_size > 10_000
    told = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    assert told
    rows = (tmp_path / "out" / "curve.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) > 3
