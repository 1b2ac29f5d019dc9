"""Parameters of the law."""

from __future__ import annotations

from dataclasses import dataclass

from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw


@dataclass(frozen=True)
class SechPowerlaw(PhenoPowerlaw):
    """The power law of slip with w(ξ) = 1 - |(ξ - ξ_0)/(ξ_∞ - ξ_0)|^a; a = 2 is sech²."""

    def __post_init__(self) -> None:
        """Validate the parameters.

        Raises:
            ValueError: if twinning is given, which this law does not support.
        """
        super().__post_init__()
        if self.twinning is not None:
            raise ValueError("Argument `twinning` must be None: this law supports slip only.")
