"""Generate a data set: many workers compute parts, one writer stores them.

Workers only compute and send back the bytes of a part's shards. The writer alone touches the
folder, under a lock; it needs no file system that the workers share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from polyxtal.algebra.progress import Progress
from polyxtal.algebra.threads import one_thread
from polyxtal.argument_types import require_path, require_type
from polyxtal.dataset.build import build_sample, label
from polyxtal.dataset.layout import RECIPE, encode_part, layout
from polyxtal.dataset.parts import check_part, prepare, refuse_foreign, write_part
from polyxtal.dataset.recipe import Recipe
from polyxtal.dataset.workers import Workers, cluster, cores, processes
from polyxtal.deprecation import warn_renamed
from polyxtal.files.run_folder import RunFolder

AHEAD = 2
"""Parts submitted per worker, so that none waits for the writer."""


@dataclass
class Generation:
    """Report of `generate`.

    Attributes:
        parts: Number of parts of the data set.
        found: Number of parts that existed and were intact.
        damaged: Damage by number of the part; these parts were generated again.
        made: Numbers of the generated parts, in the order they were stored.
        seconds: Wall time. [s]
    """

    parts: int
    found: int = 0
    damaged: dict[int, str] = field(default_factory=dict)
    made: list[int] = field(default_factory=list)
    seconds: float = 0.0


def generate(
    recipe: Recipe,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    on_part: Callable[[int, int], None] | None = None,
) -> Generation:
    """Generate a data set, or resume one.

    Intact parts are kept, damaged ones are generated again; the resulting bytes are always the
    same. Scripts must call this with several workers below `if __name__ == "__main__":`.

    Args:
        recipe: Recipe of the data set.
        folder: Folder to write to; new, empty, or begun with the same recipe.
        workers: Local single-thread processes (default: one per core); 1 computes in this process.
        scheduler: Address of a Dask scheduler ("tcp://host:8786") whose workers compute instead;
            they need this version of polyxtal, but no access to the folder.
        progress: Called with the number of finished RVEs at the start and after each part.
        on_part: Deprecated: called with the number of finished parts and of all.
    Returns:
        Which parts were found and generated.
    Raises:
        BlockingIOError: if another run is writing to the folder.
        FileExistsError: if the folder holds something else.
        ValueError: if it was begun with another recipe, or an argument is invalid.
        ConvergenceError: if a label cannot be computed.
        OSError: if the disk is full or not writable; finished parts are kept.
        RuntimeError: if a worker dies, or has another version.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> uniform = {"kind": "uniform"}
        >>> recipe = px.Recipe(count=4, grid=6, grains=5, texture=uniform, coefficients=30, part=2)
        >>> folder = Path(tempfile.mkdtemp()) / "set"
        >>> px.generate(recipe, folder, workers=1).made
        [0, 1]
        >>> px.open_dataset(folder)[3]
        Polycrystal(grid=(6, 6, 6), grains=5, size=(6, 6, 6) µm, phases=('crystal',))
    """
    require_type(recipe, Recipe, "recipe")
    require_path(folder, "folder")
    if workers is not None and workers < 1:
        raise ValueError(f"Argument `workers` must be at least 1, but is {workers}.")
    if workers is not None and scheduler is not None:
        raise ValueError("Arguments `workers` and `scheduler` must not both be given, but are.")
    started = perf_counter()
    target = Path(folder).resolve()
    refuse_foreign(target)
    run = RunFolder(target, RECIPE, "a data set")
    run.check_place()
    target.mkdir(parents=True, exist_ok=True)

    if on_part is not None:
        warn_renamed("Argument `on_part` of `generate`", "`progress`")

    def report(parts: int) -> None:
        if progress is not None:
            progress("RVEs", min(parts * recipe.part, recipe.count), recipe.count)
        if on_part is not None:
            on_part(parts, recipe.parts)

    with run.lock():
        generation = _finish(target, recipe, workers, scheduler, report)
    generation.seconds = perf_counter() - started
    return generation


def _finish(
    folder: Path,
    recipe: Recipe,
    workers: int | None,
    scheduler: str | None,
    report: Callable[[int], None],
) -> Generation:
    """Generate the parts that are missing or damaged; report the number of intact ones."""
    with _said_of(f"{folder}: the recipe and the metadata"):
        prepare(folder, recipe)
    generation = Generation(recipe.parts)
    todo = _survey(folder, recipe, generation)
    report(generation.found)
    with closing(_computed(recipe, todo, workers, scheduler)) as computed:
        for part, files in computed:
            _store(folder, recipe, part, files, generation)
            report(generation.found + len(generation.made))
    return generation


def make_part(recipe: Recipe | str, part: int) -> dict[str, bytes]:
    """Compute one part; return the contents of its shards by path below the data set's folder.

    Args:
        recipe: The recipe, or its JSON.
        part: Number of the part.
    Raises:
        ValueError: if there is no such part.
        ConvergenceError: if a label cannot be computed.
    """
    if isinstance(recipe, str):
        recipe = Recipe.model_validate_json(recipe)
    if not 0 <= part < recipe.parts:
        raise ValueError(f"There are {recipe.parts} parts, but number {part} was asked for.")
    with one_thread():  # so that sums are the same on any number of cores
        return encode_part(recipe, part, _rows(recipe, part))


def _rows(recipe: Recipe, part: int) -> dict[str, np.ndarray]:
    members = recipe.members(part)
    rows = {
        name: np.zeros((len(members), *array.shape), array.dtype)
        for name, array in layout(recipe).items()
    }
    rows["orientations"][:, :, 0] = 1.0
    grid = recipe.coefficient_grid()
    for row, number in enumerate(members):
        sample = build_sample(recipe, number)
        rows["grain_id"][row] = sample.rve.grain_id.numpy()
        rows["orientations"][row, : sample.rve.grains] = sample.quaternions.numpy()
        rows["grains"][row] = sample.rve.grains
        rows["texture"][row] = sample.texture.coefficients(grid).numpy()
        rows["spread"][row] = sample.spread
        rows["aspect"][row] = sample.aspect
        rows["seed"][row] = sample.seed
        if recipe.labels:
            rows["constants"][row] = [(c.c11, c.c12, c.c44) for c in sample.crystals]
            rows["stiffness"][row] = label(recipe, sample, number).numpy()
    return rows


def _survey(folder: Path, recipe: Recipe, generation: Generation) -> list[int]:
    todo = []
    for part in range(recipe.parts):
        wrong = check_part(folder, recipe, part)
        if not wrong:
            generation.found += 1
            continue
        if wrong != "missing":
            generation.damaged[part] = wrong
        todo.append(part)
    return todo


def _computed(
    recipe: Recipe, todo: list[int], workers: int | None, scheduler: str | None
) -> Generator[tuple[int, dict[str, bytes]]]:
    if not todo:
        return
    count = min(workers or cores(), len(todo))
    if scheduler is None and count == 1:
        yield from ((part, make_part(recipe, part)) for part in todo)
        return
    with processes(count) if scheduler is None else cluster(scheduler) as pool:
        yield from _spread(pool, recipe.model_dump_json(), todo)


def _spread(pool: Workers, recipe: str, todo: list[int]) -> Generator[tuple[int, dict[str, bytes]]]:
    """Keep all workers busy, with as few parts in flight as that takes."""
    waiting = iter(todo)
    running: dict[Future[dict[str, bytes]], int] = {}
    failure: Exception | None = None
    try:
        while True:
            places = AHEAD * pool.places()
            while failure is None and len(running) < places:
                part = next(waiting, None)
                if part is None:
                    break
                running[pool.executor.submit(make_part, recipe, part)] = part
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                part = running.pop(future)
                try:
                    files = future.result()
                except pool.lost as error:
                    raise RuntimeError(
                        f"A worker died while it made part {part}, perhaps for want of memory; "
                        "or because a script calls `generate` outside of "
                        '`if __name__ == "__main__":`; what was stored is kept: run the same '
                        "again, with fewer workers or smaller parts."
                    ) from error
                except Exception as error:  # after the others that are under way are stored
                    failure = failure or error
                    continue
                yield part, files
    finally:
        for future in running:
            future.cancel()
    if failure is not None:
        raise failure


def _store(
    folder: Path, recipe: Recipe, part: int, files: dict[str, bytes], generation: Generation
) -> None:
    whole = generation.found + len(generation.made)
    with _said_of(f"{folder}: part {part}", f"; {whole} of {generation.parts} parts are whole"):
        write_part(folder, recipe, part, files)
    generation.made.append(part)


@contextmanager
def _said_of(what: str, kept: str = "") -> Iterator[None]:
    """Turn an OSError into one sentence that names what could not be written."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise OSError(
            f"{what} must be written, but: {reason}{kept}. Mend that and run the same again."
        ) from error
