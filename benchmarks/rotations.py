"""Ways to the rotations of grains at a small share of the full field's time.

    python benchmarks/rotations.py

AA6022-T4 rolled by 30 % (B_N16_Al_psc30), beside DAMASK: coarse fields with
fewer increments, their orientations drawn towards those of Taylor's model, and means of several
choices of voxels. n is the number of a grain's coarse voxels; its orientation is the mean, with
weights n and n0, of that of the coarse field and of Taylor's. One thread, CPU seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

import polyxtal as px
from crystals import Case, timed
from polyxtal.texture.measure import volume_shares

FACTORS, SHRINKAGE, DRAWS = (1, 2, 3, 5, 8), (0.0, 0.5, 1.0, 2.0, 4.0), 3


def fewer(path: px.LoadPath, factor: int) -> px.LoadPath:
    """Return the path with a fraction of its increments."""
    steps = (replace(s, increments=max(1, s.increments // factor)) for s in path.steps)
    return px.LoadPath(tuple(steps))


def mean(parts: Sequence[tuple[Tensor, Tensor]], taylor: Tensor, weight: float) -> Tensor:
    """Return the mean orientation of each grain; Taylor's where no part has one."""
    total = max(weight, 1e-3) * taylor
    for q, n in parts:
        sign = torch.where((q * taylor).sum(-1) < 0, -1.0, 1.0)
        total = total + torch.where(n > 0, n * sign, 0.0)[:, None] * q
    return total / total.norm(dim=-1, keepdim=True)


def main() -> None:
    torch.set_num_threads(1)
    case = Case("B_N16_Al_psc30")
    rve, materials, laue = case.rve, case.materials, case.rve.laue_group(0)
    share = volume_shares(case.end, rve.volume_fractions)

    def degrees(q: Tensor) -> float:
        return float(torch.rad2deg(share @ laue.disorientation(q, case.end)))

    px.simulate(px.coarsen(rve, 3), materials, fewer(case.path, 20), threads=1)  # compiles
    taylors = {}
    for factor in FACTORS:
        path = fewer(case.path, factor)
        answer, cpu = timed(lambda p=path: px.taylor_response(rve, materials, p))
        taylors[factor] = answer.orientations[-1]
        print(
            f"Taylor, 1/{factor} of the increments: {degrees(taylors[factor]):.2f} deg, {cpu:.2f} s"
        )
    print(f"grid  increments  draws  CPU s  error [deg] with n0 = {SHRINKAGE}")
    for m in (5, 7, 9):
        for factor in FACTORS:
            parts, spent = [], 0.0
            for seed in range(DRAWS if factor == 3 else 1):
                coarse = px.coarsen(rve, m, seed)
                path = fewer(case.path, factor)
                field, cpu = timed(lambda c=coarse, p=path: px.simulate(c, materials, p, threads=1))
                parts.append((field.orientations[-1], coarse.volume_fractions * m**3))
                spent += cpu
                errors = (degrees(mean(parts, taylors[factor], n0)) for n0 in SHRINKAGE)
                told = " ".join(f"{error:5.2f}" for error in errors)
                print(f"{m:3d}^3  1/{factor:<9d} {len(parts):5d} {spent:6.2f}  {told}", flush=True)


if __name__ == "__main__":
    main()
