"""The interface of plasticity laws, in readable form on torch.

Slip and twin systems a with Schmid tensors P_a = s_a ⊗ n_a carry the plastic flow, driven by the
resolved shear stress τ_a = S : P_a and the law's own internal variables z,

    L_p = Σ_a γ̇_a(τ_a, z) P_a,        z - z(old) = E(z, Δγ)   over a step of length Δt,

backward Euler in both. A law implements `slip_rates` (γ̇) and `evolution` (E); their derivatives are
computed by automatic differentiation unless the law overrides `linearise`. Newton's method, line
search, continuation (`newton.py`) and the tangent (`tangent.py`) are common to all laws.

A law is a folder: its parameters, this readable form, the compiled form (`kernel.py`, see
`crystal/kernel/dispatch.py`), and its conversion from and to files. `register` makes it known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.kernel.dispatch import kernel_marker
from polyxtal.crystal.kernel.records import constants_dtype, lanes_dtype, workspace_dtype
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.plasticity.state import StateField


class LawStep(NamedTuple):
    """The law at trial values (τ, z) of the end of a step, with its derivatives."""

    slip: Float[Tensor, "points systems"]  # Δγ
    by_stress: Float[Tensor, "points systems"]  # ∂Δγ_a/∂τ_a at fixed z
    by_state: Float[Tensor, "points systems states"]  # ∂Δγ/∂z at fixed τ
    evolved: Float[Tensor, "points states"]  # E
    evolved_by_state: Float[Tensor, "points states states"]  # ∂E/∂z at fixed Δγ
    evolved_by_slip: Float[Tensor, "points states systems"]  # ∂E/∂Δγ


class PlasticityLaw(ABC):
    """The law of one material, for a batch of points.

    Attributes:
        name: `type` in phase files.
        parameters: Class of the parameters.
        in_damask: Whether DAMASK implements this law.
        schmid: Schmid tensors of slip and twin systems, crystal frame. [-]
        fields: Internal variables, in their order in z.
        exponent: Largest stress exponent n of any system. [-]
        kernel: Module of the compiled form.
    """

    name: ClassVar[str]
    parameters: ClassVar[type]
    in_damask: ClassVar[bool] = True
    schmid: Float[Tensor, "systems 3 3"]
    fields: tuple[StateField, ...]
    exponent: float
    kernel: ModuleType

    @abstractmethod
    def __init__(self, parameters: Any, lattice: Lattice) -> None:
        """Assign the parameters to the systems of a lattice.

        Raises:
            ValueError: if they do not fit the lattice.
        """

    @abstractmethod
    def slip_rates(
        self, resolved: Float[Tensor, "*batch systems"], state: Float[Tensor, "*batch states"]
    ) -> Float[Tensor, "*batch systems"]:
        """Return γ̇ at resolved stresses τ [MPa]. [1/s]"""

    @abstractmethod
    def evolution(
        self,
        state: Float[Tensor, "*batch states"],
        slip: Float[Tensor, "*batch systems"],
        dt: float,
    ) -> Float[Tensor, "*batch states"]:
        """Return E, the increment of the internal variables by slip Δγ in the time Δt [s]."""

    @abstractmethod
    def drive(
        self, resolved: Float[Tensor, "*batch systems"], state: Float[Tensor, "*batch states"]
    ) -> Float[Tensor, "*batch systems"]:
        """Return the drive |τ_a|/ξ_a, 0 where a system cannot slip. [-]"""

    @abstractmethod
    def strength(self, state: Float[Tensor, "*batch states"]) -> Float[Tensor, "*batch systems"]:
        """Return ξ_a, the resolved shear stress at a drive of 1. [MPa]"""

    @abstractmethod
    def drive_at(self, rate: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch systems"]:
        """Return the drive at which each system slips at a rate [1/s]. [-]"""

    @abstractmethod
    def constants(self) -> dict[str, np.ndarray]:
        """Return the constants of the compiled form beyond those of all laws."""

    @classmethod
    @abstractmethod
    def from_damask(cls, plastic: Mapping[str, Any], lattice: Lattice, at: str) -> Any:
        """Return the parameters from the section `plastic` of a phase file [Pa].

        Raises:
            ValueError: if they are invalid; `at` opens the sentence.
        """

    @classmethod
    @abstractmethod
    def to_damask(cls, parameters: Any) -> dict[str, Any]:
        """Return the section `plastic` of a phase file [Pa] from the parameters."""

    def linearise(
        self,
        resolved: Float[Tensor, "points systems"],
        state: Float[Tensor, "points states"],
        dt: float,
    ) -> LawStep:
        """Evaluate the law and its derivatives at the end of a step of length dt [s]."""
        func = torch.func
        slip = dt * self.slip_rates(resolved, state)
        rates = func.vmap(func.jacrev(self.slip_rates, argnums=(0, 1)))
        by_stress, by_state = rates(resolved, state)

        def evolve(z: Tensor, gamma: Tensor) -> Tensor:
            return self.evolution(z, gamma, dt)

        evolved_by = func.vmap(func.jacrev(evolve, argnums=(0, 1)))(state, slip)
        return LawStep(
            slip,
            dt * by_stress.diagonal(dim1=1, dim2=2),
            dt * by_state,
            self.evolution(state, slip, dt),
            *evolved_by,
        )

    def to(self, device: torch.device | str | None) -> PlasticityLaw:
        """Move all tensors to a device, None for their own; return the law itself."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def systems(self) -> tuple[int, int]:
        """Return the numbers of slip systems and of twin systems, in the order of `schmid`."""
        return len(self.schmid), 0

    @property
    def states(self) -> int:
        """Number of internal variables."""
        return sum(field.size for field in self.fields)

    def initial_state(self) -> Float[Tensor, "states"]:
        """Return the internal variables at the start."""
        parts = [field.values() for field in self.fields]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def state_scale(self) -> Float[Tensor, "states"]:
        """Return the scale of residuals of z; 0 stands for z itself."""
        parts = [torch.full((f.size,), f.scale, dtype=torch.float64) for f in self.fields]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def named(self, state: Float[Tensor, "points width"]) -> dict[str, Tensor]:
        """Return the internal variables by field."""
        parts = state[:, : self.states].split([field.size for field in self.fields], 1)
        return {field.name: part for field, part in zip(self.fields, parts, strict=True)}

    def record(self, elasticity: Elasticity) -> np.ndarray:
        """Return the constants of the compiled form, as an array of one record."""
        systems, states = len(self.schmid), self.states
        kind = constants_dtype(
            kernel_marker(self.kernel), systems, states, self.kernel.constants(systems)
        )
        out = np.zeros(1, kind)
        common = {
            "compliance": torch.linalg.inv(elasticity.stiffness()).numpy(),
            "exponent": np.array(self.exponent),
            "schmid": self.schmid.numpy(),
            "schmid_mandel": matrix_to_mandel(self.schmid).T.numpy(),
            "state_scale": self.state_scale().numpy(),
        }
        for name, value in (common | self.constants()).items():
            out[name][0] = value
        return out

    def workspace(self) -> np.void:
        """Allocate the scratch record of one thread."""
        systems, states = len(self.schmid), self.states
        return np.zeros(1, workspace_dtype(systems, states, self.kernel.scratch(systems)))[0]

    def lanes(self) -> np.void | None:
        """Allocate the scratch record of a batch of points; None without a form for batches."""
        if not hasattr(self.kernel, "evaluate_lanes"):
            return None
        systems, states = len(self.schmid), self.states
        return np.zeros(1, lanes_dtype(systems, states, self.kernel.lane_scratch(systems)))[0]


_LAWS: dict[str, type[PlasticityLaw]] = {}


_Law = TypeVar("_Law", bound=type[PlasticityLaw])


def register(law: _Law) -> _Law:
    """Register a law by its name and the type of its parameters (class decorator)."""
    _LAWS[law.name] = law
    return law


def known_laws() -> dict[str, type[PlasticityLaw]]:
    """Return the laws by name; those in folders beside this file are registered on first use."""
    from importlib import import_module
    from pathlib import Path

    for folder in sorted(Path(__file__).parent.glob("*/law.py")):
        import_module(f"{__package__}.{folder.parent.name}.law")
    return dict(_LAWS)


def law_of(parameters: Any, lattice: Lattice) -> PlasticityLaw:
    """Return the law of parameters; None is the elastic crystal.

    Raises:
        ValueError: if no law has such parameters, or they do not fit the lattice.
    """
    laws = known_laws()
    for law in laws.values():
        if type(parameters) is law.parameters:  # parameters of a subclass are another law's
            return law(parameters, lattice)
    raise ValueError(
        "The plasticity of a material must be parameters of a known law "
        f"({', '.join(sorted(law.parameters.__name__ for law in laws.values()))}), "
        f"but is a {type(parameters).__name__}."
    )
