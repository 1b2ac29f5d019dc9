"""`laboratory`: many virtual tests of one polycrystal, on one coarse grid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from time import perf_counter

import torch

from polyxtal.algebra.threads import one_thread, thread_count
from polyxtal.argument_types import require_seed, require_threads, require_type
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.phenopowerlaw.parameters import PhenoPowerlaw
from polyxtal.crystal.plasticity.voce_kinematic.parameters import VoceKinematic
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.fullfield.build import fingerprint
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.fullfield.simulate import TOLERANCE
from polyxtal.mechanics.ladder.error import Rung
from polyxtal.mechanics.ladder.predict import predict
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.mean_field.taylor import taylor_response
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.coarse import coarsen
from polyxtal.microstructure.phased_materials import MaterialByPhase, PhasedMaterials
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.virtual_lab.checkpoint import initial_checkpoint, read_records, write_records
from polyxtal.virtual_lab.measure import FinishedTest, record
from polyxtal.virtual_lab.prestrain import from_prestrained, prestrained, then_unloaded
from polyxtal.virtual_lab.programme import VirtualTest
from polyxtal.virtual_lab.result import Laboratory
from polyxtal.virtual_lab.settings import LaboratorySettings

TAYLOR_TOLERANCE = 1e-5
"""Deviation of the stress from its prescribed value in Taylor's model. [-]"""


def laboratory(
    rve: Polycrystal,
    material: MaterialByPhase,
    settings: LaboratorySettings | None = None,
    *,
    threads: int | None = None,
    seed: int = 0,
    prestrain: LoadPath | None = None,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Laboratory:
    """Make the virtual tests of a sheet: yield surface, r-values, curves, with their bounds.

    Tension along x is computed to the wanted accuracy as in `predict`, and all other tests on the
    grid that it needed.

    Args:
        rve: Polycrystal; x is the rolling, y the transverse and z the normal direction.
        material: One material for all grains, or one for each phase name.
        settings: Tests and accuracy; None for the defaults.
        threads: Number of tests at a time; None for one per core.
        seed: Random seed of the coarse voxels and of deviatoric directions.
        prestrain: Load before every test, from which the sheet is then unloaded; None for the
            sheet as it is. Strains and plastic work count from there; the yield surface without it
            is that of `Laboratory.initial`. Directions of stress are those in the sheet before it,
            so that a prestrain that shears the sheet leaves other stresses as well.
        checkpoint: File, `.npz`, with the tests that are finished; the same laboratory resumes
            from it. Those before a prestrain are in `.initial.npz` beside it.
        on_progress: Called after every test with its name, the number of finished tests and that
            of all.
    Raises:
        ConvergenceError: if an increment of a test does not converge.
        ValueError: if an argument is invalid, a phase is a void, or the checkpoint is of another
            laboratory.

    Example:
        >>> import polyxtal as px
        >>> rve, alloy = px.tessellate(grid=5, grains=20, seed=0), px.load_material("AA6022-T4")
        >>> few = px.LaboratorySettings((0.0, 90.0), 8, 0, (0.002,), 0.01, taylor=False)
        >>> sheet = px.laboratory(rve, alloy, few)
        >>> [f"{r.angle:g}" for r in sheet.r_values()]
        ['0', '90']
    """
    require_type(rve, Polycrystal, "rve")
    require_seed(seed)
    require_threads(threads)
    if settings is not None:
        require_type(settings, LaboratorySettings, "settings")
    chosen = settings or LaboratorySettings()
    solid = _solid(rve, material)
    crystals = [solid] if isinstance(solid, Material) else list(solid.values())
    half = prestrain is None and all(_symmetric(one) for one in crystals)
    tests = chosen.tests(half, seed)
    began = perf_counter()
    file = None if checkpoint is None else Path(checkpoint)
    initial, before = None, None
    if prestrain is not None:
        require_type(prestrain, LoadPath, "prestrain")
        before = then_unloaded(prestrain)
        initial = laboratory(
            rve,
            solid,
            chosen.outline(),
            threads=threads,
            seed=seed,
            checkpoint=None if file is None else initial_checkpoint(file),
            on_progress=on_progress,
        )
    paths = [test.path if before is None else before + test.path for test in tests]
    identity = _identity(rve, solid, chosen, paths, seed)
    grid, done = read_records(file, identity, tests)
    first = None
    if grid is None:
        with one_thread():
            first = predict(rve, solid, paths[0], chosen.accuracy, threads=threads, seed=seed)
        grid = first.grid
    coarse = rve if grid == rve.grid else coarsen(rve, grid, seed)
    stiffness = homogenize(coarse, _elasticity(solid), tol=1e-4).stiffness
    compliance = torch.linalg.inv(stiffness.to(torch.float64))
    if first is not None:
        rung = Rung(coarse, from_prestrained(first, before), 0.0)
        done[tests[0].name] = record(tests[0], rung, compliance)
    keep = _Keeper(file, identity, grid, done, len(tests), on_progress)
    missing = [test for test in tests if test.name not in done]
    with prestrained(coarse, solid, before if missing else None) as respond:
        _run(missing, coarse, respond, compliance, threads, keep)
    taylor = _taylor(coarse, solid, tests, before, threads) if chosen.taylor else {}
    return Laboratory(
        chosen,
        grid,
        rve.grid,
        float(rve.volume_fractions.square().sum()),
        half,
        stiffness,
        tuple(done[test.name] for test in tests),
        taylor,
        perf_counter() - began,
        initial,
    )


class _Keeper:
    """Finished tests, written to the checkpoint one by one."""

    def __init__(
        self,
        file: Path | None,
        identity: str,
        grid: tuple[int, int, int],
        done: dict[str, FinishedTest],
        count: int,
        on_progress: Callable[[str, int, int], None] | None,
    ) -> None:
        """Write the tests that are done already."""
        self.file, self.identity, self.grid, self.done = file, identity, grid, done
        self.count, self.on_progress = count, on_progress
        self._lock = Lock()
        self._write()

    def add(self, one: FinishedTest) -> None:
        """Keep one more test."""
        with self._lock:
            self.done[one.test.name] = one
            self._write()
            if self.on_progress is not None:
                self.on_progress(one.test.name, len(self.done), self.count)

    def _write(self) -> None:
        if self.file is not None:
            write_records(self.file, self.identity, self.grid, self.done)


def _run(
    tests: Sequence[VirtualTest],
    coarse: Polycrystal,
    respond: Callable[[LoadPath], FullFieldResponse],
    compliance: torch.Tensor,
    threads: int | None,
    keep: _Keeper,
) -> None:
    """Make tests on several threads; each field runs on one."""

    def make(test: VirtualTest) -> None:
        keep.add(record(test, Rung(coarse, respond(test.path), 0.0), compliance))

    with one_thread(), ThreadPoolExecutor(thread_count(threads)) as pool:
        waiting = [pool.submit(make, test) for test in tests]
        try:
            for one in as_completed(waiting):
                one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _taylor(
    coarse: Polycrystal,
    material: Mapping[str, Material] | Material,
    tests: Sequence[VirtualTest],
    before: LoadPath | None,
    threads: int | None,
) -> dict[str, Response]:
    """Return the responses of Taylor's model by name of the test, without those for bounds."""

    def make(test: VirtualTest) -> Response:
        path = test.path if before is None else before + test.path
        response = taylor_response(coarse, material, path, tolerance=TAYLOR_TOLERANCE)
        return from_prestrained(response, before)

    with one_thread(), ThreadPoolExecutor(thread_count(threads)) as pool:
        wanted = [test for test in tests if test.kind != "crossed"]
        responses = list(pool.map(make, wanted))
    return {test.name: one for test, one in zip(wanted, responses, strict=True)}


def _solid(rve: Polycrystal, material: MaterialByPhase) -> Material | dict[str, Material]:
    """Return the materials without voids, which have no yield surface of a dense sheet."""
    given = material if isinstance(material, Mapping) else {}
    voids = [name for name, one in given.items() if one is None]
    if voids:
        raise ValueError(
            f"Every phase of a sheet must have a material, but {voids[0]!r} is a void."
        )
    PhasedMaterials.of(material, rve.phase, rve.phase_names, rve.lattices)
    if isinstance(material, Material):
        return material
    return {name: one for name, one in given.items() if one is not None}


def _elasticity(material: Material | dict[str, Material]) -> Elasticity | dict[str, Elasticity]:
    if isinstance(material, Material):
        return material.elasticity
    return {name: one.elasticity for name, one in material.items()}


def _symmetric(material: Material) -> bool:
    """Return whether a crystal yields to opposite stresses alike, as by slip without twins."""
    law = material.plasticity
    twins = getattr(law, "twinning", None) is not None
    return not twins and (law is None or isinstance(law, PhenoPowerlaw | VoceKinematic))


def _identity(
    rve: Polycrystal,
    material: MaterialByPhase,
    settings: LaboratorySettings,
    paths: Sequence[LoadPath],
    seed: int,
) -> str:
    """Return a hash of everything that determines the numbers."""
    parts = [fingerprint(rve, material, path, TOLERANCE, "fourier", "") for path in paths]
    text = json.dumps([parts, settings.accuracy, seed])
    return hashlib.sha256(text.encode()).hexdigest()
