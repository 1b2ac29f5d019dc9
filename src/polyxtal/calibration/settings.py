"""Settings of a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from polyxtal.argument_types import require_number, require_seed, require_type


@dataclass(frozen=True)
class CalibrationSettings:
    """How parameters are fitted.

    Attributes:
        leaves: Leaves of the network, the forward model.
        starts: Number of starts of the fit.
        accuracy: Bound of the full field's error that the network is corrected to, relative to the
            largest stress; None for the network alone. [-]
        tolerance: Change of a parameter between corrections, relative to itself, below which it is
            settled; so is it below a quarter of its standard deviation. [-]
        posterior: Whether to sample the posterior, if emcee is installed.
        seed: Random seed of network, starts and chains.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> import polyxtal as px
        >>> px.CalibrationSettings(leaves=32, accuracy=None).starts
        3
    """

    leaves: int = 64
    starts: int = 3
    accuracy: float | None = 0.01
    tolerance: float = 2e-3
    posterior: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate the numbers."""
        for name, most in (("leaves", 4096), ("starts", 100)):
            value = getattr(self, name)
            require_type(value, Integral, name)
            if not 1 <= value <= most:
                raise ValueError(f"Argument `{name}` must be 1 to {most}, but is {value}.")
        require_number(self.tolerance, "tolerance")
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"Argument `tolerance` must be between 0 and 1, but is {self.tolerance}."
            )
        if self.accuracy is not None:
            require_number(self.accuracy, "accuracy")
            if not 1e-4 <= self.accuracy <= 0.2:
                raise ValueError(
                    f"Argument `accuracy` must be 1e-4 to 0.2, or None, but is {self.accuracy}."
                )
        require_type(self.posterior, bool, "posterior")
        require_seed(self.seed)
