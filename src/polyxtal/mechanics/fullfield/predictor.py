"""Extrapolation of the next time step from the last two."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Predictor:
    """Quadratic extrapolation in time through the last three accepted states."""

    def __init__(self) -> None:
        """Start without steps."""
        self._rates: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}
        self._lengths = (0.0, 0.0)

    @property
    def ready(self) -> bool:
        """Whether there is a step to extrapolate."""
        return bool(self._rates)

    def predict(self, accepted: Mapping[str, Tensor], dt: float) -> dict[str, Tensor]:
        """Return the accepted state extrapolated by a step of length dt [s]."""
        last, before = self._lengths
        bend = (dt + last) / (last + before) if self._before else 0.0
        guess = {}
        for name, field in accepted.items():
            rate = self._rates[name]
            if self._before:
                rate = torch.lerp(self._before[name], rate, 1.0 + bend)
            guess[name] = torch.add(field, rate, alpha=dt)
        return guess

    def accept(
        self, old: Mapping[str, Tensor], new: Mapping[str, Tensor], dt: float, new_direction: bool
    ) -> None:
        """Keep the step from `old` to `new`; in a new direction drop the one before."""
        self._before = {} if new_direction else self._rates
        self._rates = {name: (field - old[name]) / dt for name, field in new.items()}
        self._lengths = (dt, self._lengths[0])

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint."""
        kept = {f"rate/{name}": field for name, field in self._rates.items()}
        kept |= {f"before/{name}": field for name, field in self._before.items()}
        return kept | {"lengths": torch.tensor(self._lengths, dtype=torch.float64)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): field
                for name, field in state.items()
                if name.startswith(prefix)
            }

        self._rates, self._before = part("rate/"), part("before/")
        last, before = state["lengths"].tolist()
        self._lengths = (last, before)
