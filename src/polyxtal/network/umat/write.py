"""Write a network with its law as a user material subroutine (UMAT) in Fortran."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np

from polyxtal.argument_types import require_number, require_path, require_type
from polyxtal.crystal.material import Material
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.phased_materials import PhasedMaterials
from polyxtal.network.online_compiled import TOLERANCE
from polyxtal.network.stress_floor import stress_floor
from polyxtal.network.tree import MaterialNetwork
from polyxtal.network.umat.numbers import law_arrays, template_of
from polyxtal.version import __version__

HERE = Path(__file__).parent
MAX_LEAVES = 1024
CHUNK, PER_LINE = 64, 4
"""Numbers in a DATA statement, whose continuation lines are limited, and in a line."""
SOLVERS = ("abaqus", "calculix")

FILES = ("crystal.f90", "solution.f90", "network.f90", "increment.f90", "umat.f90")
"""Modules in the order in which they need each other, after that of the law."""
HEADER = """\
!DEC$ FREEFORM
! User material: a material network of {leaves} leaves, written by polyxtal {version}.
!
! Materials: {materials}
! Units: MPa, s. Subroutine: {name}. Solver: {solver}.
! *DEPVAR must be {states} (NSTATV), *USER MATERIAL needs no constants that are used.
! Solid elements (NDI = 3), finite strain (NLGEOM), unsymmetric Jacobian (UNSYMM) recommended.
! The network's axes are those of DFGRD1: global, or local with *ORIENTATION.
! Order of components: 11, 22, 33, 12, 13, 23; engineering shear strains.
!
! STATEV: 1 for initialised; F at the start of the last increment (9, by columns); for each leaf
! F_p^-1 (9, by columns), internal variables ({internal}), S (6, Mandel, crystal axes), and both of
! the increment before; for each interface its vector a (3), and that of the increment before.
"""


def write_umat(
    network: MaterialNetwork,
    material: Material | Mapping[str, Material],
    path: str | Path,
    *,
    name: str = "umat",
    solver: Literal["abaqus", "calculix"] = "abaqus",
    tolerance: float = TOLERANCE,
) -> int:
    """Write a network and its laws as one self-contained Fortran file with Abaqus' UMAT interface.

    The file (free form, Fortran 2003) holds topology, normals, volume fractions, orientations and
    the plasticity law, and solves the same equations as the compiled network. DDSDDE is the
    consistent tangent for the Jaumann rate of the Kirchhoff stress, divided by det F. An increment
    that does not converge in 64 pieces sets PNEWDT to 0.25.

    Args:
        network: The network.
        material: One material for all leaves, or one for each phase name: phenopowerlaw with or
            without twins, voce_kinematic, and elastic phases beside one of them.
        path: File, `.f90`.
        name: Name of the subroutine, and start of the names of its modules: files with different
            names can be compiled into one program.
        solver: "abaqus", or "calculix", which expects the stress in a frame that rotates with the
            material, for names that start with ABAQUSNL or @ABAQUSNL.
        tolerance: Largest traction jump relative to the largest stress in the leaves. [-]
    Returns:
        Number of state variables, for `*DEPVAR`.
    Raises:
        OSError: if the disk is full or not writable.
        ValueError: if the law is not written in Fortran, phases have different laws, the network
            has more than 1024 leaves, or an argument is invalid.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=4, grains=8, seed=0)
        >>> network = px.MaterialNetwork.from_polycrystal(rve, leaves=4, seed=0)
        >>> file = Path(tempfile.mkdtemp()) / "alloy.f90"
        >>> px.write_umat(network, px.load_material("AA6022-T4"), file)
        208
    """
    require_type(network, MaterialNetwork, "network")
    require_path(path, "path")
    if network.leaves > MAX_LEAVES:
        raise ValueError(
            f"A user material must have at most {MAX_LEAVES} leaves, but has {network.leaves}."
        )
    if re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,30}", str(name)) is None:
        raise ValueError(
            "Argument `name` must be a letter and at most 30 letters, digits and underscores, "
            f"but is {name!r}."
        )
    if solver not in SOLVERS:
        raise ValueError(f"Argument `solver` must be 'abaqus' or 'calculix', but is {solver!r}.")
    require_number(tolerance, "tolerance")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"Argument `tolerance` must be positive, but is {tolerance}.")
    phased = PhasedMaterials.of(material, network.phase, network.phase_names, network.lattices)
    law = CrystalPlasticity(phased.materials, phased.place)
    template = template_of(phased.materials, law.laws)
    arrays = law_arrays(phased.materials, law.laws, template)
    internal = len(arrays["z_initial"])
    states = 10 + network.leaves * (21 + 2 * internal) + 6 * (network.leaves - 1)
    header = HEADER.format(
        leaves=network.leaves,
        version=__version__,
        materials=", ".join(ascii(m.name)[1:-1] for m in phased.materials)[:100],
        name=name,
        solver=solver,
        states=states,
        internal=internal,
    )
    arrays |= _geometry(network, law)
    sizes = {"nl": network.leaves, "np": len(law.laws), "ns": len(arrays["rate"]), "nz": internal}
    floor = stress_floor(phased.materials, tolerance)
    parts = [_data_module(sizes, arrays, tolerance, floor, solver == "calculix")]
    parts += [
        (HERE / file).read_text(encoding="ascii")
        for file in ("matrices.f90", template.file, *FILES)
    ]
    text = header + "\n" + re.sub(r"\bumat(?=_|\b)", name, "\n".join(parts))
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="ascii")
    return states


def _geometry(network: MaterialNetwork, law: CrystalPlasticity) -> dict[str, np.ndarray]:
    """Return tree, normals, fractions and orientations; nodes and phases count from 1."""
    laminates = network.laminates()
    start = law.initial_state(network.orientations.detach()).plastic_inverse.numpy()
    arrays = {
        "phase": law.index(network.leaves).numpy() + 1,
        "orientation": np.moveaxis(start, 0, -1),
    }
    if network.leaves == 1:  # arrays of Fortran that are not used, but not empty
        none = np.ones(1, np.int64)
        return {**arrays, "left": none, "right": none, "normal": np.eye(3)[:, :1],
                "fraction": none * 1.0}  # fmt: skip
    return {
        **arrays,
        "left": laminates.tree.left + 1,
        "right": laminates.tree.right + 1,
        "normal": laminates.normals.detach().numpy().T,
        "fraction": laminates.fractions.detach().numpy(),
    }


def _data_module(
    sizes: Mapping[str, int],
    arrays: Mapping[str, np.ndarray],
    tolerance: float,
    floor: float,
    corotational: bool,
) -> str:
    lines = [
        "! Numbers of this network and of its phases.",
        "",
        "module umat_data",
        "  implicit none",
        *(f"  integer, parameter :: {name} = {value}" for name, value in sizes.items()),
        f"  real(8), parameter :: tolerance = {_number(tolerance)}",
        f"  real(8), parameter :: stress_floor = {_number(floor)}",
        f"  logical, parameter :: corotational = .{str(corotational).lower()}.",
        "  integer, private :: i",
    ]
    for name, values in arrays.items():
        kind = "integer" if values.dtype.kind == "i" else "real(8)"
        shape = ", ".join(map(str, values.shape))
        lines.append(f"  {kind}, save :: {name}({shape})")
        lines += _data_statements(name, values)
    return "\n".join([*lines, "end module umat_data", ""])


def _data_statements(name: str, values: np.ndarray) -> Iterator[str]:
    for trailing in product(*(range(n) for n in values.shape[1:])):
        column = values[(slice(None), *trailing)].tolist()
        indices = "".join(f", {k + 1}" for k in trailing)
        for first in range(0, len(column), CHUNK):
            part = column[first : first + CHUNK]
            rows = [part[k : k + PER_LINE] for k in range(0, len(part), PER_LINE)]
            body = ", &\n    ".join(", ".join(map(_number, row)) for row in rows)
            yield (
                f"  data ({name}(i{indices}), i = {first + 1}, {first + len(part)}) / &\n"
                f"    {body} /"
            )


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.16e}".replace("e", "d")
