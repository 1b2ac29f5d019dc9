"""The materials that ship: each is listed, loads, and yields where its slip resistance says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.cli import app
from polyxtal.crystal.shipped import SHIPPED
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


def without_hardening(plasticity):
    """Return the parameters with every modulus of hardening set to zero."""
    moduli = ("hardening_modulus", "hardening_initial", "hardening_final", "back_stress_modulus")
    changes = {name: 0.0 for name in moduli if hasattr(plasticity, name)}
    twinning = getattr(plasticity, "twinning", None)
    if twinning is not None:
        changes["twinning"] = replace(
            twinning,
            hardening_by_slip=0.0,
            hardening_by_twins=0.0,
            interaction_slip_twin=(0.0,) * 20,
        )
    return replace(plasticity, **changes)


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.law != "none"])
def test_single_crystals_flow_where_the_hardest_driven_system_does(name):
    """Schmid's law: flowing without hardening, the largest |τ|/ξ_0 is near 1."""
    material = px.load_material(name)
    material = replace(material, plasticity=without_hardening(material.plasticity))
    law = material.law()
    q = torch.tensor([0.9, 0.1, 0.3, 0.3], dtype=torch.float64)
    q = q / q.norm()
    crystal = px.Polycrystal([[[0]]], q[None], lattices=material.lattice)
    net = px.MaterialNetwork.from_polycrystal(crystal, leaves=1)
    path = px.LoadPath.uniaxial(0.03, rate=float(law.rate.max()), increments=12)
    response = net.respond(material, path, engine="torch")
    rotation = quaternion_to_matrix(q)
    resolved = torch.einsum("tij,aij->ta", rotation.T @ response.P @ rotation, law.schmid)
    drive = resolved / law.initial_state()[: len(law.schmid)]
    slips = law.fields[0].size
    drive = torch.cat([drive[:, :slips].abs(), drive[:, slips:].clamp_min(0)], 1)
    assert 0.85 < float(drive[-1].max()) < 1.15
    modulus = response.P[1, 0, 0] / (response.F[1, 0, 0] - 1)
    assert float(response.P[-1, 0, 0]) < 0.8 * float(modulus) * 0.03  # it has yielded


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
