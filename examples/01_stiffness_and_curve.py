"""Stiffness between its bounds and stress-strain curve of a DAMASK case.

Run from anywhere: python examples/01_stiffness_and_curve.py
"""

from pathlib import Path

import torch

import polyxtal as px

CASE = Path(__file__).parent / "damask_case"


def main(leaves: int = 256) -> px.Response:
    # grid.vti holds the grains; material.yaml in the same folder holds orientations and phases.
    rve = px.read(CASE / "grid.vti")
    materials = px.load_materials(CASE / "material.yaml")
    elasticity = {name: material.elasticity for name, material in materials.items()}
    print(rve)

    # The leaves of the network are sampled from the texture; no training is needed.
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)
    stiffness = network.stiffness(elasticity)
    constants = px.engineering_constants(stiffness)
    lower = px.engineering_constants(px.reuss_average(rve, elasticity))
    upper = px.engineering_constants(px.voigt_average(rve, elasticity))
    print(f"E_x = {constants.E_x / 1e3:.2f} GPa, within {lower.E_x / 1e3:.2f} (Reuss)", end="")
    print(f" and {upper.E_x / 1e3:.2f} (Voigt)")
    assert torch.allclose(stiffness, stiffness.T, rtol=1e-9, atol=1e-6)
    # The bulk modulus of a cubic polycrystal is exact, K = (C11 + 2 C12) / 3.
    assert abs(constants.bulk_modulus_reuss - (107.3e3 + 2 * 60.8e3) / 3) < 1e-3
    # Few leaves approximate the texture of the grains, so the bounds hold to a few percent.
    assert 0.95 * lower.E_x < constants.E_x < 1.05 * upper.E_x

    # Tension along x to 1 %, then back to zero stress.
    path = px.LoadPath.uniaxial(strain=0.01, rate=1e-3, axis="x", unload=True)
    response = network.respond(materials, path)
    strain, stress = response.strain("xx"), response.stress("xx")
    peak = int(strain.argmax())
    print(f"stress at 1 % strain: {float(stress[peak]):.1f} MPa", end="")
    print(f"; residual strain after unloading: {100 * float(strain[-1]):.3f} %")
    assert abs(float(strain[peak]) - 0.01) < 1e-12
    assert 180 < float(stress[peak]) < 240
    assert abs(float(stress[-1])) < 1e-3
    # The recovered strain is the stress over Young's modulus, less some creep during unloading.
    elastic = float(stress[peak]) / constants.E_x
    assert 0.94 * elastic < 0.01 - float(strain[-1]) < elastic
    return response


if __name__ == "__main__":
    main()
