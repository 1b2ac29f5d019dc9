"""Shapes and types of public functions are checked while tests run, and only then."""

from pathlib import Path

from jaxtyping import install_import_hook

# The compiled kernels are left out: numba cannot see through the checks.
_CHECKED = [
    "polyxtal.algebra",
    "polyxtal.crystal.elasticity",
    "polyxtal.crystal.plasticity",
    "polyxtal.crystal.plasticity_compiled",
    "polyxtal.crystal.slip",
    "polyxtal.crystal.symmetry",
    "polyxtal.dataset",
    "polyxtal.mechanics",
    "polyxtal.microstructure",
    "polyxtal.network.laminate",
    "polyxtal.network.offline",
    "polyxtal.network.quantise",
    "polyxtal.studies",
    "polyxtal.texture",
    "polyxtal.viz",
]

install_import_hook(_CHECKED, "typecheck.checked")


def _drop_stale_kernels() -> None:
    """Numba does not notice when a kernel that another file calls has changed; this does."""
    source = Path(__file__).parents[1] / "src" / "polyxtal"
    machine_code = list(source.rglob("__pycache__/*.nb?"))
    newest = max(file.stat().st_mtime for file in source.rglob("*kernel*/*.py"))
    newest = max(newest, *(file.stat().st_mtime for file in source.rglob("*kernel*.py")))
    if machine_code and min(file.stat().st_mtime for file in machine_code) < newest:
        for file in machine_code:
            file.unlink(missing_ok=True)


_drop_stale_kernels()
