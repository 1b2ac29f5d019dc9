"""Texture evolution of a two-phase polycrystal under a user-defined load.

Run from anywhere: python examples/02_own_network.py
"""

import math

import torch

import polyxtal as px
from polyxtal.texture.measure import mean_disorientation, texture_strength


def main(leaves: int = 128, increments: int = 60) -> px.Response:
    # 6 x 6 x 6 randomly oriented grains of one voxel each; every fourth is of the second phase.
    generator = torch.Generator().manual_seed(7)
    orientations = torch.randn(216, 4, generator=generator, dtype=torch.float64)
    orientations /= torch.linalg.vector_norm(orientations, dim=1, keepdim=True)
    rve = px.Polycrystal(
        torch.arange(216).reshape(6, 6, 6),
        orientations,
        size=(60.0, 60.0, 60.0),
        phase=(torch.arange(216) % 4 == 3).long(),
        phase_names=("aluminium", "particle"),
    )
    alloy = px.load_material("AA6022-T4")
    materials = {
        "aluminium": alloy,
        # Without plasticity, the phase is elastic.
        "particle": px.Material("particle", px.CubicElasticity(c11=166e3, c12=64e3, c44=80e3)),
    }
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)

    # Rolling in two passes: z compressed, y constrained, x free; the second pass is twice as fast.
    free = math.nan
    passes = []
    for rate, share in ((1e-3, 0.5), (2e-3, 0.5)):
        passes.append(
            px.LoadStep(
                duration=0.1 * share / rate,
                increments=increments // 2,
                deformation=((free, 0, 0), (0, 0, 0), (0, 0, -rate)),
                stress=((0, free, free), (free, free, free), (free, free, free)),
            )
        )
    response = network.respond(materials, px.LoadPath(tuple(passes)))
    plain = network.respond(alloy, px.LoadPath(tuple(passes)))

    stress, softer = float(response.P[-1, 2, 2]), float(plain.P[-1, 2, 2])
    print(f"stress at 10 % compression: {stress:.0f} MPa; {softer:.0f} MPa without particles")
    assert abs(float(response.F[-1, 2, 2]) - 0.9) < 1e-9
    assert response.P[:, 0, 0].abs().max() < 1e-3 * abs(stress)
    assert stress < 1.1 * softer < 0

    assert response.orientations is not None
    start, end = response.orientations[0], response.orientations[-1]
    soft = network.phase == 0
    turned = math.degrees(float(mean_disorientation(start[soft], end[soft])))
    stiff = math.degrees(float(mean_disorientation(start[~soft], end[~soft])))
    print(f"mean rotation: {turned:.1f}° in aluminium, {stiff:.1f}° in the particles")
    print(f"texture strength: {float(texture_strength(start[soft])):.3f}", end="")
    print(f" to {float(texture_strength(end[soft])):.3f}")
    assert 1.0 < turned < 15.0
    return response


if __name__ == "__main__":
    main()
