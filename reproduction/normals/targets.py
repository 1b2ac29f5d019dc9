"""What the normals of a small network are fitted to: the expected curves of `predict_network`."""

from __future__ import annotations

from polyxtal.crystal.material import Material
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import COMPARISON, CurveHead, missed_stiffness, softened
from polyxtal.network.fit import CurveTarget
from polyxtal.network.reference import reference_ensemble


def expected_curves(
    rve: Polycrystal,
    model: FoundationModel,
    material: Material,
    leaves: int,
    seed: int,
) -> list[CurveTarget]:
    """Return the expected curves of a polycrystal of softened crystals.

    Args:
        rve: Polycrystal.
        model: Model with heads for stiffness and curves.
        material: Material of the crystals.
        leaves: Leaves of the reference network.
        seed: Random seed of the reference network.
    """
    typical = reference_ensemble(rve, leaves, 1, seed)
    found = model.predict_stiffness(rve, COMPARISON)
    missed = missed_stiffness(typical.stiffness(COMPARISON), found)
    return model.head(CurveHead).expected(typical, softened(material), missed)
