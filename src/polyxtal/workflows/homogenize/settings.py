"""Settings of `polyxtal homogenize`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.files.output_folder import OutputFolder
from polyxtal.mechanics.elastic.schemes import MAX_ITERATIONS
from polyxtal.workflows.inputs.ebsd_map import MapSettings

SUMMARY, STIFFNESS, CONSTANTS = "homogenization.json", "stiffness.csv", "constants.csv"
PICTURE = "young_modulus.png"
OUTPUT = OutputFolder("homogenization", (SUMMARY, STIFFNESS, CONSTANTS, PICTURE))


@dataclass(frozen=True)
class HomogenizationSettings:
    """What a homogenisation is asked for.

    Attributes:
        material: Shipped names or phase files, see `choose_materials`; empty for the file's own.
        elastic: Elastic constants [GPa] instead, see `choose_elasticity`.
        scheme: Discretisation, "fourier" or "rotated".
        tol: Largest relative residual of stress equilibrium. [-]
        float32: Compute in single precision.
        max_iterations: Most iterations of a load case.
        ebsd: How an EBSD map is read.

    Raises:
        ValueError: if both `material` and `elastic` are given, or no iteration is allowed.
    """

    material: tuple[str, ...] = ()
    elastic: tuple[str, ...] = ()
    scheme: str = "fourier"
    tol: float = 1e-6
    float32: bool = False
    max_iterations: int = MAX_ITERATIONS
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate that the crystals are said once, and that the solver may begin and must end."""
        if self.material and self.elastic:
            raise ValueError("Argument `elastic` must stand alone, but `material` is given, too.")
        if self.max_iterations < 1:
            raise ValueError(
                f"Argument `max_iterations` must be at least 1, but is {self.max_iterations}."
            )
