"""Settings of `polyxtal homogenize`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.files.output_folder import OutputFolder
from polyxtal.mechanics.elastic.schemes import MAX_ITERATIONS, SCHEMES
from polyxtal.workflows.inputs.ebsd_map import MapSettings

SUMMARY, STIFFNESS, CONSTANTS = "homogenization.json", "stiffness.csv", "constants.csv"
PICTURE = "young_modulus.png"
OUTPUT = OutputFolder("homogenization", (SUMMARY, STIFFNESS, CONSTANTS, PICTURE))


@dataclass(frozen=True)
class HomogenizationSettings:
    """Settings of a homogenisation.

    Attributes:
        material: Materials, see `choose_materials`; empty for those of the file.
        elastic: Elastic constants [GPa] instead, see `choose_elasticity`.
        scheme: Discretisation, "fourier" or "rotated".
        tol: Tolerance of the relative equilibrium residual. [-]
        float32: Compute in single precision.
        max_iterations: Maximum number of iterations per load case.
        ebsd: Settings for EBSD maps.

    Raises:
        ValueError: if both `material` and `elastic` are given, or a setting is invalid.
    """

    material: tuple[str, ...] = ()
    elastic: tuple[str, ...] = ()
    scheme: str = "fourier"
    tol: float = 1e-6
    float32: bool = False
    max_iterations: int = MAX_ITERATIONS
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate everything that does not depend on the file."""
        if self.material and self.elastic:
            raise ValueError("Argument `elastic` must stand alone, but `material` is given, too.")
        if not 0 < self.tol < 1:
            raise ValueError(f"Argument `tol` must be between 0 and 1, but is {self.tol:g}.")
        if self.scheme not in SCHEMES:
            raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {self.scheme!r}.")
        if self.max_iterations < 1:
            raise ValueError(
                f"Argument `max_iterations` must be at least 1, but is {self.max_iterations}."
            )
