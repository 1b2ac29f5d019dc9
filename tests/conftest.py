"""Shapes and types of public functions are checked while tests run, and only then."""

from jaxtyping import install_import_hook

# The compiled kernels are left out: numba cannot see through the checks.
_CHECKED = [
    "polyxtal.algebra",
    "polyxtal.crystal.elasticity",
    "polyxtal.crystal.plasticity",
    "polyxtal.crystal.slip",
    "polyxtal.crystal.symmetry",
    "polyxtal.mechanics",
    "polyxtal.microstructure",
    "polyxtal.network.laminate",
    "polyxtal.network.offline",
    "polyxtal.network.quantise",
    "polyxtal.texture",
    "polyxtal.viz",
]

install_import_hook(_CHECKED, "typecheck.checked")
