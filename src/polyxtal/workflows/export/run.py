"""Write a polycrystal's network and its materials as a user material."""

from __future__ import annotations

from pathlib import Path

from polyxtal.files.output_folder import check_parents
from polyxtal.model.foundation import load_model
from polyxtal.network.limits import check_size
from polyxtal.network.tree import MaterialNetwork
from polyxtal.network.umat.write import write_umat
from polyxtal.workflows.export.settings import UmatSettings
from polyxtal.workflows.inputs.files import read_input
from polyxtal.workflows.inputs.materials import choose_materials

SUFFIX = ".f90"


def export_umat(
    source: str | Path,
    target: str | Path,
    settings: UmatSettings | None = None,
    force: bool = False,
) -> int:
    """Write a network of a polycrystal as a user material subroutine.

    Args:
        source: File in a readable format, see `read`.
        target: Fortran file, `.f90`; missing folders are made.
        settings: Settings; None for the defaults.
        force: Overwrite the target.
    Returns:
        Number of state variables.
    Raises:
        FileExistsError: if the target exists and `force` is not given.
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or a setting is invalid, or a law is not written in Fortran.
    """
    settings = settings or UmatSettings()
    target = Path(target)
    if target.suffix.lower() != SUFFIX:
        raise ValueError(f"{target}: must end in {SUFFIX}, but does not.")
    if target.exists() and not force:
        raise FileExistsError(
            f"{target}: must not exist yet, but does; pass --force to replace it."
        )
    check_parents(target.resolve(), target)
    check_size(settings.leaves, settings.seed)
    rve, _ = read_input(source, ebsd=settings.ebsd)
    materials = choose_materials(rve, source, settings.material)
    if settings.model is None:
        network = MaterialNetwork.from_polycrystal(rve, settings.leaves, settings.seed)
    else:
        model = load_model(settings.model)
        model.check_network(rve)
        (material,) = materials.values()
        network = model.predict_network(rve, settings.leaves, settings.seed, material)
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_umat(
        network,
        materials,
        target,
        name=settings.name,
        solver=settings.solver,  # pyright: ignore[reportArgumentType]  # checked by the writer
    )
