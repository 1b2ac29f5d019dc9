"""Shapes and types of public functions are checked while tests run, and only then."""

import torch
from jaxtyping import install_import_hook
from typecheck import check_again

# Small tensors are slower on two threads, and very slow on a busy machine.
torch.set_num_threads(1)

# The compiled kernels are left out: numba cannot see through the checks.
_CHECKED = [
    "polyxtal.algebra",
    "polyxtal.crystal.elasticity",
    "polyxtal.crystal.lattice",
    "polyxtal.crystal.laue",
    "polyxtal.crystal.update.compiled",
    "polyxtal.crystal.update.crystal",
    "polyxtal.crystal.update.newton",
    "polyxtal.crystal.plasticity.state",
    "polyxtal.crystal.slip",
    "polyxtal.dataset",
    "polyxtal.mechanics",
    "polyxtal.microstructure",
    "polyxtal.network.laminate",
    "polyxtal.network.offline",
    "polyxtal.network.quantise",
    "reproduction",
    "polyxtal.texture",
    "polyxtal.viz",
]

install_import_hook(_CHECKED, "typecheck.checked")


def pytest_runtest_setup() -> None:
    """Check the first calls of every function in each test."""
    check_again()
