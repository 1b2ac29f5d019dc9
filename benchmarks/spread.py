"""Scatter of untrained networks for textures, loads and materials without a DAMASK reference.

    python benchmarks/spread.py

Prints the deviation of single networks from the mean of large ones (where the scatter between seeds
is negligible), beside that of the Taylor model, and the error in elastic stiffness relative to
DAMASK.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    random_quaternions,
)

DATA = Path(__file__).parents[1] / "tests" / "verification" / "data"
SEEDS = 4


def scatter(centre: list[float], grains: int, degrees: float, seed: int) -> torch.Tensor:
    """Rotate one orientation by normally distributed small rotations."""
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(grains, 3, generator=generator, dtype=torch.float64)
    vector = vector * np.deg2rad(degrees)
    turn = axis_angle_to_quaternion(vector, torch.linalg.vector_norm(vector, dim=1))
    q = torch.tensor(centre, dtype=torch.float64)
    return quaternion_multiply(turn, (q / q.norm()).expand(grains, 4))


def textures() -> dict[str, px.Polycrystal]:
    with np.load(DATA / "E_N32_G100_strong1_copper.npz", allow_pickle=False) as data:
        copper = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
    grains = 216
    ids = np.arange(grains).reshape(6, 6, 6)
    two = torch.cat(
        [scatter([1, 0, 0, 0], grains // 2, 10, 1), scatter([0.88, 0.36, 0.16, 0.27], 108, 10, 2)]
    )
    return {
        "copper, 100 grains": copper,
        "random, 216 grains": px.Polycrystal(ids, random_quaternions(grains, 3)),
        "two orientations, 10°": px.Polycrystal(ids, two),
        "cube, 5°": px.Polycrystal(ids, scatter([1, 0, 0, 0], grains, 5, 4)),
    }


def materials() -> dict[str, px.Material]:
    law = px.PhenoPowerlaw
    contrast = px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
    return {
        "AA6022-T4": px.load_material("AA6022-T4"),
        "Zener 3.2, n 10": px.Material(
            "A",
            contrast,
            law(1e-3, 10.0, 2.25, 16.0, 148.0, 250.0, (1, 1, 1.4, 1.4, 1.4, 1.4, 1.4)),
        ),
        "n 50, no hardening": px.Material(
            "B",
            px.CubicElasticity(246e3, 147e3, 125e3),
            law(1e-3, 50.0, 1.0, 200.0, 201.0, 0.0, (1,) * 7),
        ),
    }


def paths() -> dict[str, px.LoadPath]:
    return {
        "tension y": px.LoadPath.uniaxial(0.05, axis="y", unload=True),
        "compression z, 1 /s": px.LoadPath.uniaxial(-0.05, rate=1.0, axis="z"),
        "shear yz": px.LoadPath.shear(0.05, plane="yz"),
        "plane strain": px.LoadPath.plane_strain(-0.05),
        "cyclic x": px.LoadPath.cyclic(0.01),
    }


def curves() -> None:
    print(
        "\nStress of 512-leaf networks relative to 2 x 2048 leaves (mean), % of the largest stress"
    )
    print(
        f"  {'texture':22s} {'material':20s} {'load':20s} "
        f"{'worst of 4: mean / max':>24s} {'Taylor':>15s} cuts"
    )
    for texture, rve in textures().items():
        for label, material in materials().items():
            for load, path in paths().items():
                large = px.MaterialNetwork.from_polycrystal(rve, 2048, seed=99, ensemble=2)
                truth = large.respond(material, path, tolerance=1e-6)
                errors, cuts = [], 0.0
                for seed in range(SEEDS):
                    net = px.MaterialNetwork.from_polycrystal(rve, 512, seed=seed)
                    response = net.respond(material, path, tolerance=1e-6)
                    errors.append(px.compare(response, truth))
                    cuts += response.statistics["cuts"]
                taylor = px.compare(px.taylor_response(rve, material, path), truth)
                worst = [100 * max(e[k] for e in errors) for k in (0, 1)]
                print(
                    f"  {texture:22s} {label:20s} {load:20s} {worst[0]:14.2f} / {worst[1]:7.2f} "
                    f"{100 * taylor.mean:6.2f} / {100 * taylor.maximum:5.2f} {cuts:4.0f}",
                    flush=True,
                )


def stiffness() -> None:
    print("\nStiffness relative to DAMASK, relative Frobenius error in %")
    crystal = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)
    for name in ("E_N16_G100_random1", "E_N32_G100_strong1_copper"):
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as data:
            rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
            truth = torch.tensor(data["C_mandel"]) * 1e-6
        net = px.MaterialNetwork.from_polycrystal(rve, 512, seed=0)
        given = {
            "Voigt": px.voigt_average(rve, crystal),
            "Reuss": px.reuss_average(rve, crystal),
            "Hill": px.hill_average(rve, crystal),
            "network, 512 leaves": net.stiffness(crystal),
        }
        errors = {k: 100 * float((c - truth).norm() / truth.norm()) for k, c in given.items()}
        print(f"  {name:28s} " + ", ".join(f"{k} {e:.4f}" for k, e in errors.items()))


def contrast() -> None:
    print(
        "\nTwo phases, a quarter of 200 Voronoi grains stiffer; reference: px.homogenize (rotated)"
    )
    print("Relative Frobenius error of the stiffness in %")
    voxels, grains = 16, 200
    centres = np.random.default_rng(0).random((grains, 3))
    axis = (np.arange(voxels) + 0.5) / voxels
    apart = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)[..., None, :] - centres
    ids = ((apart - np.round(apart)) ** 2).sum(-1).argmin(-1)
    phase = (np.arange(grains) < grains // 4).astype(int)
    rve = px.Polycrystal(
        ids, random_quaternions(grains, 1), phase=phase, phase_names=("soft", "hard")
    )
    for factor in (1.0, 3.0, 10.0, 100.0):
        soft = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)
        hard = px.CubicElasticity(107.3e3 * factor, 60.8e3 * factor, 28.3e3 * factor)
        crystals = {"soft": soft, "hard": hard}
        truth = px.homogenize(rve, crystals, scheme="rotated").stiffness
        given = {
            "Voigt": px.voigt_average(rve, crystals),
            "Reuss": px.reuss_average(rve, crystals),
            "Hill": px.hill_average(rve, crystals),
            "network, 512 leaves": px.MaterialNetwork.from_polycrystal(rve, 512).stiffness(
                crystals
            ),
        }
        errors = {k: 100 * float((c - truth).norm() / truth.norm()) for k, c in given.items()}
        print(f"  contrast {factor:5.0f}: " + ", ".join(f"{k} {e:.2f}" for k, e in errors.items()))


if __name__ == "__main__":
    stiffness()
    contrast()
    curves()
