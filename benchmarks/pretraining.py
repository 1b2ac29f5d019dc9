"""Training speed of the masked autoencoder, relative to large matrix products in the same run.

    python benchmarks/pretraining.py [small|base|paper] [--features harmonic] [--device cpu|cuda]
    python benchmarks/pretraining.py attention      # two forms of attention on a CPU

Prints RVEs per second of a training step in bfloat16 (forward, backward, optimiser), with and
without the generation of RVEs; the floating-point operations of its matrix products (counted by
torch) and their rate relative to large products; and a profile of the remaining time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from polyxtal.dataset.stream import PolycrystalStream
from polyxtal.model import transformer
from polyxtal.model.config import preset
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.evaluation import numbered_masks
from polyxtal.training.pretrain.optimizer import make_optimizer

BATCH = {"small": 64, "base": 32, "paper": 16}
LARGE = 4096


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="small", choices=[*BATCH, "attention"])
    parser.add_argument("--features", default="harmonic")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    device = torch.device(given.device)
    if given.what == "attention":
        attention(given.seconds)
        return
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    before = matrix_rate(device, given.seconds / 4)
    work = Training(given.what, given.features, device)
    work.step()
    seconds = time_of(work.step, device, given.seconds)
    with_data = time_of(work.step_on_new, device, given.seconds)
    peak = max(before, matrix_rate(device, given.seconds / 4))
    model, every = work.flops(False), work.flops(True)
    print(f"large products in bfloat16    {peak / 1e9:9.0f} GFLOP/s ({LARGE} x {LARGE})")
    print(f"the model's products          {model / 1e9:9.1f} GFLOP for {work.batch} RVEs")
    print(f"  and the optimiser's         {(every - model) / 1e9:9.1f} GFLOP")
    print(f"step                          {work.batch / seconds:9.1f} RVEs/s")
    print(f"  share of the products' rate {100 * model / seconds / peak:9.1f} %, the model's")
    print(f"                              {100 * every / seconds / peak:9.1f} %, all")
    print(f"step and generation of RVEs   {work.batch / with_data:9.1f} RVEs/s")
    show_profile(work.step, device)


class Training:
    """A step of pretraining with the shipped configuration's optimiser."""

    def __init__(self, name: str, features: str, device: torch.device) -> None:
        """Create the model, its optimiser and a first batch."""
        self.batch, self.device = BATCH[name], device
        model = preset(name, features=features)
        edge = model.voxels
        self.config = PretrainConfig(
            model=model,
            grains=(round(edge**3 / 112),) * 2,
            batch=self.batch,
            summary=0.02 if model.summary else 0.0,
            optimiser="muon",
        )
        self.model = MaskedAutoencoder(model).to(device)
        self.optimiser = make_optimizer(self.model, self.config)
        self.data = iter(
            PolycrystalStream(self.config.recipe(), self.batch, features, device=device)
        )
        self.given = next(self.data)

    def step(self) -> None:
        """Repeat a step on the same batch."""
        given = self.given
        mask = numbered_masks(given["number"], self.config)
        mask = type(mask)(*(part.to(self.device) for part in mask))
        with torch.autocast(self.device.type, torch.bfloat16):
            rebuilt, truth, summary = self.model(given["field"], mask)
        loss = (rebuilt.float() - truth.float()).square().mean()
        if summary is not None:
            loss = loss + 0.02 * (summary.float() - given["summary"]).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def step_on_new(self) -> None:
        """Generate a batch and run a step on it."""
        self.given = next(self.data)
        self.step()

    def flops(self, optimiser: bool) -> int:
        """Count the operations of a step's matrix products, with or without the optimiser's."""
        kept = self.optimiser.step
        if not optimiser:
            self.optimiser.step = lambda: None  # type: ignore[method-assign]
        with FlopCounterMode(display=False) as counter:
            self.step()
        self.optimiser.step = kept  # type: ignore[method-assign]
        return counter.get_total_flops()


def matrix_rate(device: torch.device, seconds: float) -> float:
    a, b = (torch.randn(LARGE, LARGE, device=device).to(torch.bfloat16) for _ in range(2))
    return 2 * LARGE**3 / time_of(lambda: a @ b, device, seconds)


def time_of(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Return seconds per call, after a warm-up call."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    work()
    wait()
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        work()
        calls += 1
        if calls % 8 == 0:
            wait()
    wait()
    return (time.perf_counter() - start) / calls


def show_profile(work: Callable[[], object], device: torch.device, steps: int = 5) -> None:
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as measured:
        for _ in range(steps):
            work()
    which = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    rows = measured.key_averages()
    total = sum(getattr(row, which) for row in rows)
    print("profile of a step:")
    for row in sorted(rows, key=lambda row: -getattr(row, which))[:12]:
        print(f"  {row.key[:52]:52s} {100 * getattr(row, which) / total:5.1f} %")


def attention(seconds: float) -> None:
    """Time attention (forward, backward) as two products and as torch's function."""
    query, key, value = (
        torch.randn(64, 6, 76, 32, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)
    )

    def run(attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> float:
        def both() -> None:
            attend(query, key, value).sum().backward()

        return time_of(both, torch.device("cpu"), seconds / 2)

    plain = run(transformer.attend)
    library = run(torch.nn.functional.scaled_dot_product_attention)
    print(
        f"76 tokens, bfloat16, forward and backward: {1e3 * plain:.1f} ms as two products, "
        f"{1e3 * library:.1f} ms by scaled_dot_product_attention ({library / plain:.1f} x)"
    )


if __name__ == "__main__":
    main()
