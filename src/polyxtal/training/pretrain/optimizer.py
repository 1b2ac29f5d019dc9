"""The optimizer of a pretraining: AdamW, or Muon for the matrices of the transformer blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from polyxtal.training.pretrain.config import PretrainConfig


class MuonAdamW(torch.optim.Optimizer):
    """Muon [Jordan2024] and AdamW as one optimizer, as Lightning's automatic optimization needs.

    Muon's updates are scaled to the root mean square of AdamW's, so that both share the learning
    rate and weight decay [Liu2025].

    Args:
        muon: Optimizer of the matrices.
        adamw: Optimizer of all other parameters.
    """

    def __init__(self, muon: torch.optim.Muon, adamw: torch.optim.AdamW) -> None:
        """Share the parameter groups, so that schedulers reach both optimizers."""
        self.parts = (muon, adamw)
        super().__init__([group for part in self.parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step with each."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of both.

        Raises:
            ValueError: if the state is of an older version.
        """
        if "parts" not in state_dict:
            raise ValueError(
                "A checkpoint with `optimiser: muon` must be of polyxtal 0.2 or later to be "
                "resumed, but is older; set `start` to its model to continue from its weights."
            )
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def make_optimizer(model: nn.Module, config: PretrainConfig) -> torch.optim.Optimizer:
    """Make the optimizer; biases, norms, tokens and tables of relative positions do not decay."""
    blocks, matrices, others = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim != 2 or name.endswith(("table", "mixture")):
            others.append(parameter)
        else:
            (blocks if ".blocks." in name else matrices).append(parameter)
    rate, decay = config.peak_rate, {"weight_decay": config.decay}
    if config.optimiser == "adamw":
        matrices = blocks + matrices
    adamw = torch.optim.AdamW(
        [{"params": matrices, **decay}, {"params": others}],
        lr=rate,
        betas=config.betas,
        weight_decay=0.0,
    )
    if config.optimiser == "adamw":
        return adamw
    muon = torch.optim.Muon(
        blocks, lr=rate, weight_decay=config.decay, adjust_lr_fn="match_rms_adamw"
    )
    return MuonAdamW(muon, adamw)
