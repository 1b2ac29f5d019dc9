"""Write a homogenisation to a folder atomically."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from polyxtal.algebra.mandel import stiffness_mandel_to_voigt
from polyxtal.files.plain import write_csv, write_json
from polyxtal.workflows.homogenize.run import Homogenization
from polyxtal.workflows.homogenize.settings import CONSTANTS, OUTPUT, PICTURE, STIFFNESS, SUMMARY
from polyxtal.workflows.inputs.reading import UNITS
from polyxtal.workflows.summary.provenance import provenance


def write_homogenization(
    homogenization: Homogenization, folder: str | Path, force: bool = False, picture: bool = True
) -> Path:
    """Write all files of a homogenisation atomically.

    Args:
        homogenization: The homogenisation.
        folder: Output folder.
        force: Overwrite an earlier homogenisation.
        picture: Also plot `young_modulus.png`.
    Returns:
        The folder.
    Raises:
        FileExistsError, NotADirectoryError, PermissionError: see `OutputFolder.check`.
    """
    with OUTPUT.write(folder, force) as temporary:
        write_json(temporary / SUMMARY, summary(homogenization))
        _write_stiffness(temporary / STIFFNESS, homogenization)
        _write_constants(temporary / CONSTANTS, homogenization)
        if picture:
            _draw(temporary / PICTURE, homogenization)
    return Path(folder)


def summary(homogenization: Homogenization) -> dict[str, Any]:
    """Return the content of `homogenization.json`."""
    result, stiffness = homogenization.result, homogenization.stiffness
    reading = homogenization.reading
    return {
        **provenance(homogenization.inputs, homogenization.settings, reading.materials),
        "microstructure": reading.summary(),
        "units": {
            "stiffness": "MPa",
            "stiffness_voigt_notation": "MPa",
            "engineering_constants": "MPa, and - for nu and universal_anisotropy",
            "distance_from_full_field": "-",
            "materials": "MPa, and 1/s for slip_rate_reference",
            "parameters": "GPa for elastic, - for tol",
            **UNITS,
            "solver": "-",
        },
        "convention": {
            "stiffness": "Mandel 6x6 in the order 11, 22, 33, 23, 13, 12; shear rows and columns "
            "carry sqrt(2)",
            "stiffness_voigt_notation": "Voigt 6x6 in the same order; engineering shear strain",
            "distance_from_full_field": "Frobenius norm of the difference of the Mandel matrices, "
            "over that of the full field's",
            "residual": "largest of a load case: norm of the strain that would restore "
            "equilibrium in the reference medium, over that of the mean strain",
        },
        "stiffness": {name: c.tolist() for name, c in stiffness.items()},
        "stiffness_voigt_notation": {
            name: stiffness_mandel_to_voigt(c).tolist() for name, c in stiffness.items()
        },
        "engineering_constants": {n: asdict(c) for n, c in homogenization.constants.items()},
        "distance_from_full_field": dict(homogenization.distance),
        "solver": {
            "iterations": result.iterations,
            "residual": result.residual,
            "asymmetry": float(result.asymmetry),
            "transforms": result.transforms,
        },
    }


def _write_stiffness(path: Path, homogenization: Homogenization) -> None:
    """Write one row per component, first in Mandel, then in Voigt notation."""
    stiffness = homogenization.stiffness
    header = ["notation", "row", "column", *(f"{model} [MPa]" for model in stiffness)]

    def rows() -> Iterator[list[float | str]]:
        for notation in ("Mandel", "Voigt"):
            voigt = notation == "Voigt"
            tables = [stiffness_mandel_to_voigt(c) if voigt else c for c in stiffness.values()]
            for i in range(6):
                for j in range(6):
                    yield [notation, i + 1, j + 1, *(float(table[i, j]) for table in tables)]

    write_csv(path, header, rows())


def _write_constants(path: Path, homogenization: Homogenization) -> None:
    constants = {model: asdict(c) for model, c in homogenization.constants.items()}
    names = next(iter(constants.values()))
    units = {n: "MPa" if n.startswith(("E_", "G_", "bulk")) else "-" for n in names}
    rows = ([n, units[n], *(values[n] for values in constants.values())] for n in names)
    write_csv(path, ["constant", "unit", *constants], rows)


def _draw(path: Path, homogenization: Homogenization) -> None:
    from polyxtal.viz.stiffness import draw_young_modulus_surface
    from polyxtal.viz.style import TITLE_SIZE, new_figure
    from polyxtal.workflows.homogenize.run import FULL_FIELD

    figure = new_figure(4.8, 3.8)
    axes = figure.add_subplot(projection="3d")
    draw_young_modulus_surface(axes, homogenization.stiffness[FULL_FIELD])
    axes.set_title("Young's modulus over all directions", fontsize=TITLE_SIZE)
    figure.savefig(path)
