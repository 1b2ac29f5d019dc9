"""Throughput of a pretraining: volumes per second, and share of the device's peak.

    python examples/pretrain/throughput.py OUT      # folder of `polyxtal pretrain`

The rate is that of the learning curve, generation of the volumes, checkpoints and validations
included. Operations are those of the matrix products of the model, forward and backward, counted by
torch, without the optimiser's. The peak is that of NVIDIA's data sheets, in bfloat16 without
sparsity; for other devices, the rate of large matrix products, measured here.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from polyxtal.model.checkpoint import read_model
from polyxtal.model.mae import MaskedAutoencoder, random_mask
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.recorder import MODEL, load_curve

PEAKS = {
    "NVIDIA A100": 312e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA L40S": 362e12,
}
"""bfloat16 with tensor cores, without sparsity, from the data sheets. [FLOP/s]"""
LARGE = 2048


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    config = PretrainConfig.model_validate(read_model(folder / MODEL)[1]["pretraining"])
    rows = [row for row in load_curve(folder) if "seconds" in row]
    if len(rows) < 2:
        rows = [{"rves": 0.0, "seconds": 0.0}, *rows]
    if len(rows) < 2:
        print("No step of the learning curve has been recorded yet; run on.")
        return
    # Without the first rows, in which kernels are compiled.
    first, last = rows[-2] if len(rows) < 4 else rows[len(rows) // 4], rows[-1]
    rate = (last["rves"] - first["rves"]) / (last["seconds"] - first["seconds"])
    operations = model_operations(config)
    name, peak, source = device_peak()
    print(f"{name}: {rate:.1f} volumes/s")
    print(f"  {operations / 1e9:.2f} GFLOP per volume, forward and backward")
    print(f"  {rate * operations / 1e12:.3f} TFLOP/s = {100 * rate * operations / peak:.2f} % of")
    print(f"  the peak of {peak / 1e12:.3f} TFLOP/s ({source})")


def model_operations(config: PretrainConfig) -> float:
    """Count the operations of the matrix products of one volume's forward and backward pass."""
    sizes, batch = config.model, 2
    model = MaskedAutoencoder(sizes)
    field = torch.zeros(batch, sizes.channels, *(sizes.voxels,) * 3)
    mask = random_mask(batch, sizes.patches, config.mask, torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        reconstructed, truth, summary = model(field, mask)
        loss = (reconstructed - truth).square().mean()
        if summary is not None:
            loss = loss + summary.square().mean()
        loss.backward()
    return counter.get_total_flops() / batch


def device_peak() -> tuple[str, float, str]:
    """Return name and peak of the device, and where the peak comes from."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        for known, peak in PEAKS.items():
            if name.startswith(known):
                return name, peak, "data sheet, bfloat16"
        device = torch.device("cuda")
    else:
        name, device = "CPU", torch.device("cpu")
    a, b = (torch.randn(LARGE, LARGE, device=device).to(torch.bfloat16) for _ in range(2))
    seconds = min(timed(a, b) for _ in range(5))
    return name, 2 * LARGE**3 / seconds, "measured: large products in bfloat16"


def timed(a: torch.Tensor, b: torch.Tensor) -> float:
    if a.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    _ = a @ b
    if a.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
