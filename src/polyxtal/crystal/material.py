"""Materials: crystals with a name, lattice, elasticity and plasticity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from polyxtal.argument_types import require_type
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.crystal.plasticity.law import PlasticityLaw, law_of
from polyxtal.notebook import notebook_html


@dataclass(frozen=True, repr=False)
class Material:
    """A crystal: lattice, elasticity, and plasticity unless it is elastic only.

    Attributes:
        name: Name.
        elasticity: Elastic constants in the crystal frame.
        plasticity: Parameters of a plasticity law, such as `PhenoPowerlaw`; None for an elastic
            crystal.
        lattice: Lattice, or its Pearson symbol, with c/a where slip needs it; None for cF, or for
            constants that are not cubic the lattice of unknown centring that they fit.

    Raises:
        ValueError: if the elastic constants lack the symmetry of the lattice, or the plasticity
            does not fit it.

    Example:
        >>> import polyxtal as px
        >>> particle = px.Material("particle", px.CubicElasticity(c11=166e3, c12=64e3, c44=80e3))
        >>> particle.plasticity is None
        True
    """

    name: str
    elasticity: Elasticity
    plasticity: Any = None
    lattice: Lattice = None  # type: ignore[assignment]  # set below

    _repr_html_ = notebook_html

    def __post_init__(self) -> None:
        """Validate that lattice, elasticity and plasticity fit together."""
        given = self.lattice
        require_type(self.name, str, "name")
        if not isinstance(self.elasticity, Elasticity):
            raise ValueError(
                f"The elasticity of '{self.name}' must be an Elasticity, "
                f"but is a {type(self.elasticity).__name__}."
            )
        lattice = Lattice(given) if isinstance(given, str) else given or self._default()
        if not isinstance(lattice, Lattice):
            raise ValueError(
                f"The lattice of '{self.name}' must be a Lattice or its Pearson symbol, "
                f"but is a {type(given).__name__}."
            )
        object.__setattr__(self, "lattice", lattice)
        group = lattice.laue_group
        if not self.elasticity.has_symmetry(group):
            raise ValueError(
                f"The elastic constants of a {lattice.family} crystal must have its symmetry "
                f"({group.name}), but those of '{self.name}' have not."
            )
        self.law()

    def __repr__(self) -> str:
        """Name the crystal and its laws, without their parameters."""
        plasticity = "none" if self.plasticity is None else type(self.plasticity).__name__
        return (
            f"Material({self.name!r}, lattice={self.lattice.symbol!r}, "
            f"elasticity={type(self.elasticity).__name__}, plasticity={plasticity})"
        )

    def _default(self) -> Lattice:
        if isinstance(self.elasticity, CubicElasticity):
            return Lattice("cF")
        fits = [name for name in LAUE_GROUPS if self.elasticity.has_symmetry(LaueGroup(name))]
        best = max(fits, key=lambda name: LaueGroup(name).order)
        return Lattice.of_laue_group(best)

    def law(self) -> PlasticityLaw:
        """Return the plasticity law of this crystal."""
        return law_of(self.plasticity, self.lattice)
