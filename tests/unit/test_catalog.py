"""The materials that ship: each is listed, loads, and yields where its slip resistance says."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.cli import app
from polyxtal.crystal.load_material import SHIPPED
from polyxtal.files.yaml import read_yaml

CATALOG = SHIPPED.with_name("catalog.yaml")
ENTRIES = px.materials()


def test_every_material_is_listed_with_its_sources():
    assert set(read_yaml(CATALOG)) == set(ENTRIES) == {p.stem for p in SHIPPED.glob("*.yaml")}
    for name, entry in ENTRIES.items():
        assert entry.name == name
        assert entry.references
        header = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").split("lattice:")[0]
        assert header.startswith("#")
        named = [r.split("https://")[1].split(" ")[0] for r in entry.references if "https" in r]
        assert any(address.rstrip("/") in header for address in named)


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.law != "none"])
def test_single_crystals_yield_where_the_hardest_driven_system_does(name):
    """Schmid's law: at the knee of tension along x some |τ| is near its initial resistance."""
    material = px.load_material(name)
    law = material.law()
    q = torch.tensor([0.9, 0.1, 0.3, 0.3], dtype=torch.float64)
    q = q / q.norm()
    crystal = px.Polycrystal([[[0]]], q[None], lattices=material.lattice)
    net = px.MaterialNetwork.from_polycrystal(crystal, leaves=1)
    rate = float(law.rate.max())
    path = px.LoadPath.uniaxial(0.004, rate=rate, increments=16)
    response = net.respond(material, path, engine="torch")
    axis = quaternion_to_matrix(q)[0]  # x in crystal axes
    schmid = torch.einsum("i,aij,j->a", axis, law.schmid, axis)
    drive = response.stress("xx")[:, None] * schmid / law.initial_state()[: len(schmid)]
    if "twin_fraction" in [field.name for field in law.fields]:
        slips = law.fields[0].size
        drive = torch.cat([drive[:, :slips].abs(), drive[:, slips:].clamp_min(0)], 1)
    largest = drive.abs().amax(1)
    modulus = response.P[1, 0, 0] / (response.F[1, 0, 0] - 1)
    plastic = (response.F[:, 0, 0] - 1) - response.P[:, 0, 0] / modulus
    knee = int((plastic > 3e-5).nonzero()[0])
    assert 0.6 < float(largest[knee]) < 1.6
    assert float(largest[1]) < float(largest[knee])


def test_the_command_line_lists_them():
    result = CliRunner().invoke(app, ["materials"])
    assert result.exit_code == 0
    for name in ENTRIES:
        assert name in result.stdout
    result = CliRunner().invoke(app, ["materials", "--json"])
    listed = json.loads(result.stdout)
    assert listed["Mg"]["lattice"] == "hP"
    assert listed["Mg"]["systems"] == 30
    assert listed["W"]["law"] == "none"
