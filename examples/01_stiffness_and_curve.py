"""A DAMASK case: its stiffness between its bounds, and its stress-strain curve.

Run from anywhere: python examples/01_stiffness_and_curve.py
"""

from pathlib import Path

import torch

import polyxtal as px

CASE = Path(__file__).parent / "damask_case"


def main(leaves: int = 256) -> px.Response:
    # The grid brings its grains and, in material.yaml beside it, its phases.
    rve = px.read(CASE / "grid.vti")
    materials = px.load_materials(CASE / "material.yaml")
    elasticity = {name: material.elasticity for name, material in materials.items()}
    print(rve)

    # No training: the network takes its leaves from the texture.
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)
    stiffness = network.stiffness(elasticity)
    constants = px.engineering_constants(stiffness)
    lower = px.engineering_constants(px.reuss_average(rve, elasticity))
    upper = px.engineering_constants(px.voigt_average(rve, elasticity))
    print(f"E_x = {constants.E_x / 1e3:.2f} GPa, within {lower.E_x / 1e3:.2f} (Reuss)", end="")
    print(f" and {upper.E_x / 1e3:.2f} (Voigt)")
    assert torch.allclose(stiffness, stiffness.T, rtol=1e-9, atol=1e-6)
    # A cubic crystal has one bulk modulus, K = (C11 + 2 C12) / 3, whatever its neighbours.
    assert abs(constants.bulk_modulus_reuss - (107.3e3 + 2 * 60.8e3) / 3) < 1e-3
    # Few leaves have a coarser texture than the grains, so the bounds hold to a few percent.
    assert 0.95 * lower.E_x < constants.E_x < 1.05 * upper.E_x

    # Tension along x to 1 %, then back to zero stress.
    path = px.LoadPath.uniaxial(strain=0.01, rate=1e-3, axis="x", unload=True)
    response = network.respond(materials, path)
    strain, stress = response.strain("xx"), response.stress("xx")
    peak = int(strain.argmax())
    print(f"stress at 1 % strain: {float(stress[peak]):.1f} MPa", end="")
    print(f"; strain left after unloading: {100 * float(strain[-1]):.3f} %")
    assert abs(float(strain[peak]) - 0.01) < 1e-12
    assert 180 < float(stress[peak]) < 240
    assert abs(float(stress[-1])) < 1e-3
    # The strain that goes is the stress over Young's modulus, less what creeps meanwhile.
    elastic = float(stress[peak]) / constants.E_x
    assert 0.94 * elastic < 0.01 - float(strain[-1]) < elastic
    return response


if __name__ == "__main__":
    main()
