"""Readers of all formats, an intact file of each, and what they do with damaged ones."""

from __future__ import annotations

import json
import resource
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import dadf5_files
import h5py
import hdf5_maps
import kanapy_files
import neper_files
import numpy as np
import pole_figure_files
import yaml
from mutants import mutant
from places import EXAMPLES
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.crystal.load_material import load_materials
from polyxtal.dataset.recipe import read_recipe
from polyxtal.microstructure.io.registry import FORMATS
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import plain_curve_head
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.parameters.head import FittedParameters, ParameterHead
from polyxtal.model.heads.property.head import FittedProperties, Label, PropertyHead

EXPECTED = (ValueError, FileNotFoundError)
"""What docstrings of readers name."""
LONGEST, MESSAGE = 5.0, 1000
"""Limits of time [s] and of the length of a message."""
MEMORY = 2 * 10**9
"""Limit of the memory that a read may take. [bytes]"""


class Reader(NamedTuple):
    """A reader, and the part of its sample that is damaged."""

    name: str
    content: bytes
    write: Callable[[bytes], Any]
    read: Callable[[], Any]


def readers(folder: Path) -> Iterator[Reader]:
    """Write intact files and yield their readers."""
    for entry in FORMATS:
        if not entry.reader:
            continue
        file = folder / f"sample{entry.extension}"
        globals()[f"write_{entry.extension[1:]}"](file)
        arguments = {"frame": "map"} if entry.holds == "map" else {}
        arguments |= {"grid": 8} if entry.extension == ".tess" else {}
        arguments |= {"grains": grain_table(folder)} if entry.extension == ".vtk" else {}
        yield of_file(entry.extension, file, lambda f=file, a=arguments: px.read(f, **a))
    rve, beside = tiny_rve(), folder / "material.yaml"
    text = folder / "text.vti"
    text.write_text(ASCII.format(" ".join(map(str, rve.grain_id.numpy().ravel(order="F")))))
    yield of_file("ascii .vti", text, lambda: px.read(text))
    yield array_of_npz(folder / "raw.npz", rve)
    table = grain_table(folder)
    yield of_file("grains.csv", table, lambda: px.read(folder / "sample.vtk", grains=table))
    yield of_file("material.yaml of a grid", beside, lambda: px.read(folder / "sample.vti"))
    yield of_file("material.yaml", beside, lambda: load_materials(beside))
    load = folder / "load.yaml"
    load.write_bytes((EXAMPLES / "damask_case" / "load.yaml").read_bytes())
    lattice = px.Lattice("cF")
    for name, write in POLE_FIGURES.items():
        file = folder / name
        file.write_text(write())
        yield of_file(name, file, lambda f=file: px.read_pole_figures(f, lattice, clip=True))
    for extension in ("wts", "yaml", "odf"):
        file = folder / f"texture.{extension}"
        px.write_texture(tiny_rve().texture(), file, resolution=30.0)
        yield of_file(file.name, file, lambda f=file: px.read_texture(f))
    yield of_file("load.yaml", load, lambda: px.LoadPath.from_damask(load))
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    yield of_file("recipe.yaml", recipe, lambda: read_recipe(recipe))
    model = folder / "model"
    tiny_model().save(model)
    for file in sorted({*model.glob("*.json"), *model.glob("*.safetensors")}):
        yield of_file(f"model {file.name}", file, lambda: px.load_model(model))


def of_file(name: str, file: Path, read: Callable[[], Any]) -> Reader:
    return Reader(name, file.read_bytes(), file.write_bytes, read)


def array_of_npz(path: Path, rve: px.Polycrystal) -> Reader:
    """Damage an array within an intact archive."""
    np.savez(path, grain_id=rve.grain_id.numpy(), quaternions=rve.orientations.numpy())
    with zipfile.ZipFile(path) as archive:
        ids, quaternions = (archive.read(f"{n}.npy") for n in ("grain_id", "quaternions"))

    def write(content: bytes) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("grain_id.npy", content)
            archive.writestr("quaternions.npy", quaternions)

    return Reader("array of .npz", ids, write, lambda: px.read(path))


POLE_FIGURES = {
    "labotex.epf": pole_figure_files.labotex,
    "popla_111.raw": pole_figure_files.popla,
    "bruker_111.uxd": lambda: pole_figure_files.uxd().partition("_THETA=22")[0],
    "rigaku_111.txt": pole_figure_files.rigaku,
    "steel_111.ana": pole_figure_files.ana,
    "dump.ptx": pole_figure_files.dump,
    "aachen.ptx": pole_figure_files.aachen,
    "dubna_111.cnv": pole_figure_files.dubna,
    "table_111.csv": pole_figure_files.table,
    "beartex.xpe": lambda: pole_figure_files.beartex().replace("120.0 9 1", "90.0 7 1"),
}


RECIPE = {
    "count": 100,
    "grid": [8, 8, 8],
    "grains": [4, 9],
    "aspect": [1, [0.5, 2.0], 1],
    "texture": {"kind": "mixture", "of": [[0.3, {"kind": "hull"}], [0.7, {"kind": "types"}]]},
    "labels": {"constants": [[107300.0, 60800.0, 28300.0]], "sampled": {"count": 2}},
}


ASCII = """<VTKFile type="ImageData">
  <ImageData WholeExtent="0 6 0 6 0 6" Spacing="1e-6 1e-6 1e-6"><Piece Extent="0 6 0 6 0 6">
    <CellData><DataArray type="Int32" Name="material" format="ascii">{}</DataArray></CellData>
  </Piece></ImageData>
</VTKFile>"""


def tiny_model() -> FoundationModel:
    bare = tiny_stiffness_model()
    curves = plain_curve_head()
    head = ParameterHead(bare.config.width, depth=2).eval()
    parameters = FittedParameters(head, fingerprint(bare.autoencoder), {"results": [1, 2]})
    labels = Label(name="yield stress", unit="MPa"), Label(name="size")
    known = PropertyHead(bare.config.width, len(labels)).eval()
    own = FittedProperties(known, labels, fingerprint(bare.autoencoder), {"results": [1, 2]})
    return FoundationModel(bare.autoencoder, {}, bare.stiffness, curves, parameters, own)


def write_vti(path: Path) -> None:
    px.write(tiny_rve(), path, {"crystal": px.load_material("AA6022-T4")})


def write_npz(path: Path) -> None:
    px.write(tiny_rve(), path)


def write_dream3d(path: Path) -> None:
    """Write SIMPL's layout, with a packed array."""
    rve = tiny_rve()
    ids = rve.grain_id.numpy().T[..., None].astype(np.int32) + 1
    rows = np.roll(rve.orientations.numpy() * (1, -1, -1, -1), -1, axis=-1).astype(np.float32)
    with h5py.File(path, "w") as file:
        group = file.create_group("DataContainers/Volume")
        group["_SIMPL_GEOMETRY/DIMENSIONS"] = np.array(rve.grid, np.int64)
        group["_SIMPL_GEOMETRY/SPACING"] = np.ones(3, np.float32)
        group.create_dataset("Cell/FeatureIds", data=ids, chunks=ids.shape, compression="gzip")
        group["Grains/AvgQuats"] = np.concatenate([np.zeros((1, 4), np.float32), rows])
        group["Grains/Phases"] = np.array([0, *rve.phase.tolist()])[:, None] + 1
        group["Ensemble/PhaseName"] = ["Unknown", "Ferrite"]
        group["Ensemble/CrystalStructures"] = np.array([999, 1], np.uint32)[:, None]


def write_ang(path: Path) -> None:
    header = (
        "# Phase 1\n# MaterialName Iron\n# Symmetry 43\n# LatticeConstants 3.6 3.6 3.6 90 90 90"
    )
    lines = [
        f"{0.3 * (i > 3):.4f} 0.5 0.1 {0.5 * i:.3f} {0.5 * j:.3f} 100.0 0.9 1 1.0 1.5"
        for j in range(6)
        for i in range(8)
    ]
    header += "\n# GRID: SqrGrid\n# XSTEP: 0.5\n# YSTEP: 0.5\n# COLUMN_HEADERS: a, b\n"
    path.write_text(header + "\n".join(lines) + "\n")


def write_ctf(path: Path) -> None:
    lines = ["Channel Text File", "XCells\t8", "YCells\t6", "XStep\t0.5", "YStep\t0.5", "Phases\t1"]
    lines += ["3.66;3.66;3.66\t90;90;90\tIron\t11\t225\t\t\tpaper"]
    lines += ["Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS"]
    lines += [
        f"1\t{0.5 * i:.4f}\t{0.5 * j:.4f}\t8\t0\t{20 * (i > 3):.2f}\t30.0\t10.0\t0.6\t90\t80"
        for j in range(6)
        for i in range(8)
    ]
    path.write_text("\n".join(lines) + "\n")


GRAINS = np.array([[(0.1, 0.5, 0.2)] * 6] * 4 + [[(0.9, 0.7, 0.3)] * 6] * 4)
"""Angles of two grains of 24 points. [rad]"""
GRAIN_ID = np.repeat([1, 2], 4)[:, None, None] + np.zeros((1, 4, 3), int)


def write_tesr(path: Path) -> None:
    neper_files.tesr(path, GRAIN_ID, GRAINS[[0, 7], 0], encoding="binary16")


def write_tess(path: Path) -> None:
    neper_files.tess(path, (0.0, 0.5, 1.0), GRAINS[[0, 7], 0])


def write_json(path: Path) -> None:
    path.write_text(json.dumps(kanapy_files.document(GRAIN_ID, GRAINS[[0, 7], 0])))


def write_hdf5(path: Path) -> None:
    rve = tiny_rve()
    cells = rve.orientation_field().permute(2, 1, 0, 3).reshape(-1, 4).numpy()
    dadf5_files.result(path, cells, rve.grid)


def write_vtk(path: Path) -> None:
    path.write_bytes(
        b"# vtk DataFile Version 3.0\ngrains\nBINARY\nDATASET STRUCTURED_POINTS\n"
        b"DIMENSIONS 9 5 4\nORIGIN 0 0 0\nSPACING 1 1 1\nCELL_DATA 96\nSCALARS id int 1\n"
        b"LOOKUP_TABLE default\n" + GRAIN_ID.astype(">i4").tobytes(order="F") + b"\n"
    )


def grain_table(folder: Path) -> Path:
    file = folder / "grains.csv"
    file.write_text("id,phi1,Phi,phi2,phase,lattice\n1,10,20,30,Al,cF\n2,50,20,30,Al,cF\n")
    return file


def write_h5(path: Path) -> None:
    hdf5_maps.orix(path, GRAINS)


def write_oh5(path: Path) -> None:
    hdf5_maps.edax(path, GRAINS)


def write_h5oina(path: Path) -> None:
    hdf5_maps.oxford(path, GRAINS)


def write_h5ebsd(path: Path) -> None:
    hdf5_maps.slices(path, GRAINS)


def complaint(reader: Reader, seed: int) -> str:
    """Read a mutant and return what must not be, or "read" or "refused"."""
    reader.write(mutant(reader.content, seed))
    began = perf_counter()
    found = "read"
    try:
        with warnings.catch_warnings(action="ignore"):
            reader.read()
    except EXPECTED as error:
        found = "refused"
        if len(str(error)) > MESSAGE:
            found = f"a message of {len(str(error))} characters: {str(error)[:200]}"
    except BaseException as error:
        found = f"{type(error).__name__}: {str(error)[:200]}"
    if (took := perf_counter() - began) > LONGEST:
        found = f"{took:.1f} s"
    return found


def counted(folder: Path, name: str, seeds: range) -> dict[str, list[int]]:
    """Read mutants in a process with little memory; return the seeds by what was found."""
    reader = next(one for one in readers(folder) if one.name == name)
    reader.read()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, -1))
    found: dict[str, list[int]] = {}
    for seed in seeds:
        found.setdefault(complaint(reader, seed), []).append(seed)
    return found
