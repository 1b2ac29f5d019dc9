"""Orientation densities on disk: an archive of arrays (.npz).

Arrays `centres` (n, 4) and `weights` (n,), and in its description the half-width in degrees, the
kernel, the Laue group, the sample symmetry, the uniform share and how the half-width was chosen.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch

from polyxtal.argument_types import require_path, require_type
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.microstructure.io.texture_files import archived_names
from polyxtal.texture.orientation_density import ODF

KIND = "polyxtal ODF 1"
MAX_BYTES = 2**30
"""Largest file that is read. [bytes]"""


def write_odf(odf: ODF, path: str | Path) -> None:
    """Write an orientation density, which `read_texture` reads, atomically.

    Args:
        odf: Orientation density.
        path: File, ending in .npz.
    Raises:
        ValueError: if the path ends otherwise.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> file = Path(tempfile.mkdtemp()) / "cube.npz"
        >>> px.write_odf(px.ODF([[1, 0, 0, 0]], halfwidth=0.2), file)
        >>> read_odf(file).halfwidth
        0.2
    """
    require_type(odf, ODF, "odf")
    require_path(path, "path")
    if Path(path).suffix.lower() != ".npz":
        raise ValueError(f"{path}: a file of an orientation density must end in .npz.")
    about = {
        "kind": KIND,
        "halfwidth_radians": odf.halfwidth,
        "halfwidth_degrees": math.degrees(odf.halfwidth),
        "halfwidth_rule": odf.rule,
        "kernel": odf.kernel.name,
        "laue_group": odf.laue.name,
        "sample_symmetry": odf.sample_symmetry,
        "uniform": odf.uniform,
    }
    arrays = {"centres": odf.centres.numpy(), "weights": odf.weights.numpy()}
    with atomic_file(path) as temporary:
        write_arrays(temporary, arrays, about)


def read_odf(path: str | Path) -> ODF:
    """Read an orientation density that `write_odf` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, too large, or of another kind, such as a polycrystal.
    """
    path = Path(path)
    if "grain_id" in archived_names(path):
        raise ValueError(
            f"{path}: must hold an orientation density, but holds a polycrystal: estimate its "
            "density by px.estimate_odf(px.read(path))."
        )
    with open_arrays(path, MAX_BYTES) as archive:
        about = archive.about
        if about.get("kind") != KIND:
            raise ValueError(f"it is not of the kind '{KIND}'")
        odf = ODF(
            torch.from_numpy(archive.read("centres")),
            torch.from_numpy(archive.read("weights")),
            about["halfwidth_radians"],
            about["laue_group"],
            about["sample_symmetry"],
            about["uniform"],
            about["kernel"],
        )
        odf.rule = str(about["halfwidth_rule"])
        return odf
