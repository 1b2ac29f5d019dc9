"""Grains without voxels on a coarse grid, which follow the mean deformation as Taylor's do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from polyxtal.crystal.material import Material
from polyxtal.mechanics.fullfield.accumulated_slip import AccumulatedSlip
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.mechanics.loading.path import LoadPath, LoadStep
from polyxtal.mechanics.loading.step import load_matrix
from polyxtal.mechanics.loading.stepper import StepResult
from polyxtal.mechanics.loading.stepping import respond
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.mean_field.taylor import Taylor
from polyxtal.microstructure.phased_materials import MaterialByPhase
from polyxtal.microstructure.polycrystal import Polycrystal


class _Recorder(Taylor):
    """Taylor's model that keeps the stress and slip of every grain."""

    def __init__(self, law: Any, start: Any, weights: Tensor) -> None:
        """Start undeformed."""
        super().__init__(law, start, weights)
        crystals = law.reference
        self._slip = AccumulatedSlip(crystals.laws, crystals.index(len(weights)))
        self._dt = 0.0
        self.rows: dict[str, list[Tensor]] = {}
        self.record()

    def attempt(self, dt: float, control: MixedControl, new_direction: bool) -> StepResult:
        """Remember the length of the step; see `Taylor.attempt`."""
        self._dt = dt
        return super().attempt(dt, control, new_direction)

    def accept(self) -> None:
        """Add the slip of the step; see `Taylor.accept`."""
        super().accept()
        state = self._accepted[2]
        self._slip.add(state.stress, state.internal, self._dt)

    def record(self, time: float = 0.0) -> None:
        """Keep P and the slip of every grain at this increment."""
        row = {"grain_P": self.stress()}
        row |= {f"grain_{name}": values.clone() for name, values in self._slip.named().items()}
        for name, values in row.items():
            self.rows.setdefault(name, []).append(values)


def complete(
    rve: Polycrystal,
    material: MaterialByPhase,
    response: FullFieldResponse,
    absent: Bool[Tensor, " grains"],
) -> dict[str, Tensor]:
    """Return histories of all grains: orientations and averages over grains.

    Args:
        rve: Polycrystal on its own grid.
        material: As in `simulate`.
        response: Response on a coarse grid.
        absent: Grains without voxels there. Those of voids keep their orientation, without stress.
    """
    names = ("orientations", "grain_F", "grain_P", "grain_slip", "grain_twin_shear")
    known = {name: getattr(response, name) for name in names}
    found = {name: values.clone() for name, values in known.items() if values is not None}
    found["grain_F"][:, absent] = response.F[:, None]
    found["grain_P"][:, absent] = 0.0
    voids = [n for n, m in material.items() if m is None] if isinstance(material, Mapping) else []
    solid = torch.tensor([rve.phase_names[k] not in voids for k in rve.phase.tolist()])
    members = (absent & solid).nonzero().flatten()
    if len(members):
        for name, values in _followed(rve, material, response, members).items():
            size = values.shape[2:]
            here = found.get(name)
            if here is None or (here.ndim == 3 and here.shape[2] < size[0]):
                wider = values.new_zeros(len(values), rve.grains, *size)
                if here is not None:
                    wider[:, :, : here.shape[2]] = here
                found[name] = here = wider
            if here.ndim == 3 and name != "orientations":
                here[:, members, : size[0]] = values
            else:
                here[:, members] = values.to(here)
    return found


def _followed(
    rve: Polycrystal, material: MaterialByPhase, response: FullFieldResponse, members: Tensor
) -> dict[str, Tensor]:
    """Return the histories of some grains under the mean deformation."""
    crystals = Polycrystal(
        torch.arange(len(members)).reshape(-1, 1, 1),
        rve.orientations[members],
        phase=rve.phase[members],
        phase_names=rve.phase_names,
        lattices=rve.lattices,
    )
    given = material if isinstance(material, Material) else {n: m for n, m in material.items() if m}
    taylor = _Recorder(*crystals_of(crystals, given))
    turned = respond(_mean_path(response), taylor, taylor.weights, taylor.record).orientations
    assert turned is not None
    return {name: torch.stack(rows) for name, rows in taylor.rows.items()} | {
        "orientations": turned
    }


def _mean_path(response: FullFieldResponse) -> LoadPath:
    """Return the path that prescribes the mean deformation gradient at every increment."""
    lengths = response.time.diff().tolist()
    goals = response.F[1:].tolist()
    return LoadPath(
        tuple(
            LoadStep(length, 1, load_matrix(goal), deformation_kind="F")
            for length, goal in zip(lengths, goals, strict=True)
        )
    )
