"""What a texture alone answers: measured zirconium and magnesium, and rolling on a renewed volume.

    python benchmarks/vpsc_textures.py [measured|rolling]

Textures of VPSC's examples (tests/verification/data), 343 grains, one thread.
"""

from __future__ import annotations

import argparse
import math

import torch

import polyxtal as px
from crystals import DATA, timed
from polyxtal.mechanics.ladder import key_numbers
from polyxtal.texture.measure import texture_coefficients

GRAINS = 343
STRAIN, INCREMENTS = 0.03, 15


def volume(file: str, name: str) -> tuple[px.Polycrystal, px.Material]:
    """Return the volume that stands for a measured texture, and its material."""
    material = px.load_material(name)
    texture = px.read_texture(DATA / f"{file}.tex", laue=material.lattice.laue_group)
    return px.from_texture(texture, GRAINS, lattice=material.lattice), material


def measured() -> None:
    """Print proof stress, stress and r-value along the axes of measured textures."""
    plate, zirconium = volume("zr_plate", "Zr")  # ships with elastic constants only
    moduli = px.engineering_constants(px.homogenize(plate, zirconium.elasticity).stiffness)
    print(
        "zr_plate: E_x, E_y, E_z", [round(e / 1e3, 2) for e in (moduli.E_x, moduli.E_y, moduli.E_z)]
    )
    rve, material = volume("mg_az31b_rolled", "Mg")
    print("Mg AZ31B [MPa]          proof   at 3 %  r-value  CPU s")
    for axis in "xyz":
        for sign, load in ((1, "tension"), (-1, "compression")):
            path = px.LoadPath.uniaxial(sign * STRAIN, axis=axis, increments=INCREMENTS)
            response, cpu = timed(lambda p=path: px.simulate(rve, material, p, threads=1))
            curve = key_numbers.first_loading(response, 2 * axis)
            slope = float(curve.stress[1] / curve.strain[1])
            proof = key_numbers.proof_stress(curve, slope)
            width = key_numbers.r_value(response, 2 * axis)
            print(
                f"{load:11s} along {axis}"
                f" {math.nan if proof is None else proof:7.0f} {curve.stress[-1]:8.0f}"
                f" {'' if width is None else f'{width:.2f}':>8s} {cpu:6.1f}",
                flush=True,
            )


def rolling() -> None:
    """Compare textures after rolling to 50 %: one volume, and a new one at 25 %."""
    material = px.load_material("AA6022-T4")
    rve = px.from_texture(px.UniformTexture(), GRAINS)

    def roll(volume: px.Polycrystal, start: float, end: float) -> px.FullFieldResponse:
        ratio = (1 - end) / (1 - start)
        steps = math.ceil(-math.log(ratio) / 0.01)
        path = px.LoadPath.plane_strain(ratio - 1, increments=steps)
        return px.simulate(volume, material, path, threads=1)

    def mean(response: px.Response) -> torch.Tensor:
        return texture_coefficients(response.orientations[-1], response.weights)

    whole = roll(rve, 0.0, 0.5)
    half = roll(rve, 0.0, 0.25)
    texture = px.DiscreteTexture(half.orientations[-1], half.weights)
    print("\nl = 4 coefficients after 50 %: norm, and distance to those of one volume")
    print(f"one volume                {float(mean(whole).norm()):.3f}")
    for seed in range(3):
        renewed = roll(px.from_texture(texture, GRAINS, seed=seed), 0.25, 0.5)
        other = roll(px.from_texture(px.UniformTexture(), GRAINS, seed=seed + 1), 0.0, 0.5)
        for name, one in (("renewed at 25 %", renewed), ("one volume, other seed", other)):
            away = float((mean(one) - mean(whole)).norm())
            print(f"{name:24s} {float(mean(one).norm()):6.3f} {away:6.3f}", flush=True)


TABLES = {"measured": measured, "rolling": rolling}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES)
    chosen = parser.parse_args().table
    torch.set_num_threads(1)
    for name, table in TABLES.items():
        if chosen in (None, name):
            table()


if __name__ == "__main__":
    main()
