"""Variants of the untrained tree, compared with DAMASK: the shipped one and those rejected.

    python benchmarks/tree_variants.py             # mean stress error [%], tension and shear
    python benchmarks/tree_variants.py copper      # why networks are too stiff in plane strain

Each row of the first table: mean and largest over twelve seeds.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import polyxtal as px
from network import CASES, load_case
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.network.quantise import quantise
from polyxtal.network.topology import BinaryTree
from polyxtal.texture.harmonics import cubic_harmonics

LEAVES, DRAWS = 128, 12


def independent_normals(count: int, generator: torch.Generator) -> Tensor:
    normals = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)


def one_lattice(count: int, generator: torch.Generator) -> Tensor:
    k = torch.arange(count, dtype=torch.float64) + 0.5
    height, angle = k / count, math.pi * (1 + 5**0.5) * k
    radius = (1 - height**2).sqrt()
    lattice = torch.stack([radius * angle.cos(), radius * angle.sin(), height], 1)
    turn = quaternion_to_matrix(random_quaternions(1, generator))[0]
    normals = lattice[torch.randperm(count, generator=generator)] @ turn.T
    return normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)


def triads(count: int, generator: torch.Generator) -> Tensor:
    turns = quaternion_to_matrix(random_quaternions(-(-count // 3), generator))
    normals = turns.reshape(-1, 3)[:count]
    return normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)


def replace(net: px.MaterialNetwork, order: Tensor | None, normals: Tensor) -> px.MaterialNetwork:
    order = torch.arange(net.leaves) if order is None else order
    return px.MaterialNetwork(
        net.tree, net.orientations[order], net.weights[order], normals, net.phase[order]
    )


def balanced_order(orientations: Tensor, generator: torch.Generator) -> Tensor:
    """Pair similar orientations at every level and assign one of each pair to each half."""
    points = cubic_harmonics(orientations)

    def split(members: list[int]) -> list[int]:
        if len(members) < 3:
            return members
        distance = torch.cdist(points[members], points[members]) + torch.diag(
            torch.full((len(members),), torch.inf, dtype=torch.float64)
        )
        free, left, right = set(range(len(members))), [], []
        for i in torch.randperm(len(members), generator=generator).tolist():
            if i not in free:
                continue
            free.discard(i)
            j = min(free, key=lambda other, i=i: float(distance[i, other]))
            free.discard(j)
            left.append(members[i])
            right.append(members[j])
        return split(left) + split(right)

    return torch.tensor(split(list(range(len(orientations)))))


def boundary_network(rve: px.Polycrystal, seed: int) -> px.MaterialNetwork:
    """Make every bottom node a real grain boundary: its grains, normal and volume fraction."""
    ids, grains = rve.grain_id.numpy(), rve.grains
    area = np.zeros((grains, grains, 3))
    for axis in range(3):
        neighbour = np.roll(ids, -1, axis)
        meets = ids != neighbour
        np.add.at(area[..., axis], (ids[meets], neighbour[meets]), 1.0)
        np.add.at(area[..., axis], (neighbour[meets], ids[meets]), -1.0)
    size = np.linalg.norm(area, axis=2)
    pairs = np.argwhere(np.tril(size) > 0.5)
    np.random.default_rng(seed).shuffle(pairs)
    share = rve.volume_fractions.numpy()[:, None] * size / size.sum(1, keepdims=True)
    leaves = torch.from_numpy(pairs.reshape(-1))
    weights = torch.tensor([w for g, h in pairs for w in (share[g, h], share[h, g])])
    tree = BinaryTree.balanced(len(leaves))
    normals = independent_normals(len(leaves) - 1, torch.Generator().manual_seed(seed))
    g, h = pairs.T
    normals[: len(pairs)] = torch.from_numpy(area[g, h] / size[g, h][:, None])
    return px.MaterialNetwork(
        tree,
        rve.orientations[leaves],
        weights / weights.sum(),
        normals,
        torch.zeros(len(leaves), dtype=torch.int64),
    )


def build(variant: str, rve: px.Polycrystal, seed: int) -> px.MaterialNetwork:
    generator = torch.Generator().manual_seed(seed)
    if variant == "grain boundaries":
        return boundary_network(rve, seed)
    if variant == "same leaves, random pairs":
        net = boundary_network(rve, seed)
        order = torch.randperm(net.leaves, generator=generator)
        return replace(net, order, independent_normals(net.leaves - 1, generator))
    net = px.MaterialNetwork.from_polycrystal(rve, LEAVES, seed)
    if variant == "shipped: one lattice a level":
        return net
    if variant == "balanced order":
        parts = quantise(rve, LEAVES, generator)
        order = balanced_order(parts.orientations, generator)
        return px.MaterialNetwork(
            net.tree, parts.orientations[order], parts.weights[order], net.normals, parts.phase
        )
    draw = {
        "independent normals": independent_normals,
        "one lattice for the tree": one_lattice,
        "orthogonal triads": triads,
    }[variant]
    return replace(net, None, draw(net.leaves - 1, generator))


def copper() -> None:
    """Compare networks of turned normals with the full field of a sharp copper texture."""
    material, path = px.load_material("AA6022-T4"), px.LoadPath.plane_strain(-0.3, increments=60)
    data = Path(__file__).parents[1] / "tests" / "verification" / "data"
    with np.load(data / "E_N32_G100_strong1_copper.npz", allow_pickle=False) as file:
        ids = file["grain_id"].astype(np.int64)[::2, ::2, ::2].copy()
        rve = px.Polycrystal(ids, file["quaternions"])
    full = px.simulate(rve, material, path)
    spread = (full.grain_F[-1] - full.F[-1]).square() * full.weights[:, None, None]
    print("Standard deviation of F between grains at the end, full field, xx to zz:")
    print("  ", *(f"{value:.2f}" for value in spread.sum(0).sqrt().flatten().tolist()))
    print("signed error of P_zz at the end, and mean and largest error [%]")

    def say(name: str, response: px.Response) -> None:
        error = px.compare(response, full)
        end = float((response.P[-1, 2, 2] - full.P[-1, 2, 2]) / full.P[-1, 2, 2].abs())
        print(f"  {name:24s} {100 * end:6.2f} {100 * error.mean:6.2f} {100 * error.maximum:6.2f}")

    for leaves in (32, 128, 512, 2048):
        for seed in (0, 1):
            network = px.MaterialNetwork.from_polycrystal(rve, leaves, seed)
            say(f"{leaves} leaves, seed {seed}", network.respond(material, path))
    network = px.MaterialNetwork.from_polycrystal(rve, LEAVES, 0)
    for axis, name in enumerate("xyz"):
        normals = torch.eye(3, dtype=torch.float64)[axis].repeat(LEAVES - 1, 1)
        turned = replace(network, None, normals)
        say(f"all normals along {name}", turned.respond(material, path))
    for n in (5, 7):
        say(f"full field, {n}^3", px.simulate(px.coarsen(rve, n), material, path))
    say("Taylor", px.taylor_response(rve, material, path))


def main() -> None:
    if sys.argv[1:] == ["copper"]:
        copper()
        return
    material = px.load_material("AA6022-T4")
    cases = [load_case(name) for name in CASES]
    for variant in (
        "shipped: one lattice a level",
        "independent normals",
        "one lattice for the tree",
        "orthogonal triads",
        "balanced order",
        "grain boundaries",
        "same leaves, random pairs",
    ):
        cells = []
        for rve, path, truth, _ in cases:
            errors = [
                100 * px.compare(net.respond(material, path, tolerance=1e-6), truth).mean
                for net in (build(variant, rve, seed) for seed in range(DRAWS))
            ]
            cells.append(f"{np.mean(errors):5.2f} (worst {max(errors):5.2f})")
        leaves = build(variant, cases[0][0], 0).leaves
        print(f"  {leaves:5d} leaves, {variant:30s} " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    main()
