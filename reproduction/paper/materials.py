"""Tables 1 and 3: constants of the shipped aluminium alloy."""

from __future__ import annotations

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.load_material import load_material
from reproduction.paper.published import ELASTICITY, INTERACTION, PLASTICITY
from reproduction.paper.steps import Place


def run(place: Place) -> None:
    """Compare the shipped material with the paper's numbers."""
    material = load_material("AA6022-T4")
    crystal, law = material.elasticity, material.plasticity
    assert law is not None
    assert isinstance(crystal, CubicElasticity)
    ours = dict(zip(ELASTICITY.values, (crystal.c11, crystal.c12, crystal.c44), strict=True))
    ours = {name: value / 1e3 for name, value in ours.items()}
    numbers = (
        sum(law.slip_systems),
        law.hardening_modulus / 1e3,
        law.slip_resistance_saturation,
        law.slip_resistance_initial,
        law.stress_exponent,
        law.hardening_exponent,
        law.slip_rate_reference,
    )
    ours |= dict(zip(PLASTICITY.values, numbers, strict=True))
    ours |= dict(zip(INTERACTION.values, law.interaction, strict=True))
    rows = [
        (published.where, name, value, ours[name])
        for published in (ELASTICITY, PLASTICITY, INTERACTION)
        for name, value in published.values.items()
    ]
    place.table(
        "constants.csv",
        "Constants of AA6022-T4: the paper's Tables 1 and 3, and the material that ships.",
        ("table", "constant", "paper", "ours"),
        rows,
    )
