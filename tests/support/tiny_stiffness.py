"""A small model with a stiffness head whose weights are anything but plain."""

from __future__ import annotations

import torch
from tiny_model import SIZES

import polyxtal as px
from polyxtal.model.config import preset
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.stiffness.head import StiffnessHead, TensorHead, TensorHeadSizes
from polyxtal.model.mae import MaskedAutoencoder

PLAIN_SIZES = {key: value for key, value in SIZES.items() if key != "preset"}
EDGE = SIZES["voxels"]


def tiny_rve(seed: int = 0, grains: int = 6) -> px.Polycrystal:
    return px.tessellate(grid=EDGE, grains=grains, seed=seed)


def wild_head(width: int, spread: float, seed: int = 0) -> TensorHead:
    head = TensorHead(TensorHeadSizes(width=width, components=4, hidden=3), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    low = torch.tensor([-30.0, -30.0], dtype=torch.float64)
    head.crystal_low.copy_(low)
    head.crystal_high.copy_(-low)
    return head.eval()


def tiny_stiffness_model(spread: float = 0.1) -> FoundationModel:
    config = preset("small", **PLAIN_SIZES, features="harmonic")
    autoencoder = MaskedAutoencoder(config, 3)
    model = FoundationModel(autoencoder, {"recipe": "none"})
    head = wild_head(config.width, spread)
    known = model.encode([tiny_rve(seed) for seed in range(24)])
    head.out_of_distribution.fit(known[:16], known[16:])
    stiffness = StiffnessHead(head, fingerprint(autoencoder), {"rves": 16})
    return FoundationModel(autoencoder, {"recipe": "none"}, stiffness)
