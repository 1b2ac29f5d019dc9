"""Full-field elastic homogenisation of periodic voxel polycrystals by FFT.

    C : E = <σ>,   σ = C(x) : (E + D u),   Dᵀ σ = 0,   u periodic

solved for all mean strains E by conjugate gradients, preconditioned by Green's operator of a
reference medium, Hill's average [Zeman2010, Brisard2010]. The solution does not depend on the
reference medium, only the number of iterations does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from polyxtal.argument_types import require_number, require_type, with_article
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.mechanics.elastic.batched import solve_batched
from polyxtal.mechanics.elastic.cell_problem import (
    CellProblem,
    CellSolution,
    ElasticityByPhase,
    cell_problems,
)
from polyxtal.mechanics.elastic.compiled import solve_compiled
from polyxtal.mechanics.elastic.result import ElasticHomogenization, StrainFields
from polyxtal.mechanics.elastic.schemes import MAX_ITERATIONS, SCHEMES
from polyxtal.mechanics.elastic.warm_start import WarmStarts
from polyxtal.microstructure.polycrystal import Polycrystal

BATCH_MEMORY = 4 << 30
"""Memory limit of the fields of problems that are solved simultaneously. [bytes]"""


def homogenize(
    rve: Polycrystal | Sequence[Polycrystal],
    elasticity: ElasticityByPhase | Sequence[ElasticityByPhase],
    tol: float = 1e-6,
    *,
    scheme: str = "fourier",
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
    max_iterations: int = MAX_ITERATIONS,
    start: ElasticHomogenization | None = None,
    fields: bool = False,
    compiled: bool | None = None,
    on_iteration: Callable[[float], None] | None = None,
) -> ElasticHomogenization:
    """Return the effective stiffness of polycrystals from full-field simulation.

    Args:
        rve: Polycrystal, or several on one grid.
        elasticity: Elastic constants of all grains, or of each phase by name, None for a void; or a
            sequence of these, one for each polycrystal or several for one polycrystal. In compiled
            form, those of one polycrystal start from the solutions before them.
        tol: Largest relative residual of stress equilibrium; see `ElasticHomogenization`.
        scheme: "fourier" (trigonometric, DAMASK's default) or "rotated" (finite differences, for
            high contrast, voids, and grids of two voxels along an axis).
        dtype: torch.float64, or torch.float32 for half the memory.
        device: Device of the computation; None is the CPU.
        max_iterations: Largest number of iterations of a load case.
        start: Initial values: a result with fields, for as many problems on this grid.
        fields: Whether to keep the solutions, for local fields, derivatives or a later start.
        compiled: Whether to use compiled CPU loops instead of torch (`engine="compiled"` and
            "torch" of networks); None wherever possible.
        on_iteration: Called with the relative residual after every iteration, for progress.
    Returns:
        Effective stiffness; with a leading axis if `rve` or `elasticity` is a sequence.
    Raises:
        ConvergenceError: if a load case does not converge.
        ValueError: if an argument is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> result = px.homogenize(rve, copper)
        >>> round(px.engineering_constants(result.stiffness).E_x / 1e3, 1)  # Young's modulus [GPa]
        122.0
        >>> result.residual < 1e-6
        True
    """
    rves, elasticities, batched = _pair_up(rve, elasticity)
    cpu = device is None or torch.device(device).type == "cpu"
    compiled = cpu if compiled is None else compiled
    _validate(rves, tol, scheme, dtype, compiled and not cpu)
    problems = cell_problems(rves, elasticities)
    starts = _starts(problems, scheme, start)
    solutions: list[CellSolution] = []
    if compiled:
        warm = WarmStarts()
        for at, (problem, first) in enumerate(zip(problems, starts, strict=True)):
            first = warm.suggest(problem) if first is None else first
            solution = solve_compiled(
                problem, scheme, tol, max_iterations, dtype, first, on_iteration
            )
            if at + 1 < len(problems) and solution.displacement is not None:
                warm.keep(problem, solution.displacement)
            solutions.append(solution if fields else solution._replace(displacement=None))
    else:
        size = _problems_in_step(problems[0], dtype)
        for at in range(0, len(problems), size):
            part, firsts = problems[at : at + size], starts[at : at + size]
            given = None if start is None else cast(list[Tensor], firsts)
            solutions += solve_batched(
                part, scheme, tol, max_iterations, dtype, device, given, on_iteration
            )
    return _result(rves, problems, solutions, scheme, fields, batched)


def _result(
    rves: Sequence[Polycrystal],
    problems: Sequence[CellProblem],
    solutions: Sequence[CellSolution],
    scheme: str,
    fields: bool,
    batched: bool,
) -> ElasticHomogenization:
    plain, best = [], []
    for problem, solution in zip(problems, solutions, strict=True):
        plain.append(problem.stiffness(solution.mean_stress))
        best.append(problem.stiffness(solution.mean_stress - solution.correction))
    raw, stiffness = torch.stack(plain), torch.stack(best)
    skew = torch.linalg.matrix_norm(0.5 * (raw - raw.mT)) / torch.linalg.matrix_norm(raw)
    stiffness = 0.5 * (stiffness + stiffness.mT)
    kept = None
    if fields:
        kept = tuple(
            StrainFields(rve, problem, scheme, cast(Tensor, solution.displacement))
            for rve, problem, solution in zip(rves, problems, solutions, strict=True)
        )
    return ElasticHomogenization(
        stiffness if batched else stiffness[0],
        skew if batched else skew[0],
        max(solution.iterations for solution in solutions),
        max(solution.residual for solution in solutions),
        sum(solution.transforms for solution in solutions),
        kept,
    )


def _pair_up(
    rve: Polycrystal | Sequence[Polycrystal],
    elasticity: ElasticityByPhase | Sequence[ElasticityByPhase],
) -> tuple[list[Polycrystal], list[ElasticityByPhase], bool]:
    several_rves = isinstance(rve, Iterable)
    rves = list(rve) if several_rves else [rve]
    for one in rves:
        require_type(one, Polycrystal, "rve")
    several_crystals = not isinstance(elasticity, Elasticity | Mapping)
    if several_crystals and not isinstance(elasticity, Iterable):
        raise ValueError(
            "Argument `elasticity` must be an Elasticity, or one for each phase name, but is "
            f"{with_article(type(elasticity))}."
        )
    elasticities = list(elasticity) if several_crystals else [elasticity]
    if not rves or not elasticities:
        raise ValueError("At least one polycrystal and one elasticity must be given.")
    if not several_rves:
        rves *= len(elasticities)
    if not several_crystals:
        elasticities *= len(rves)
    if len(rves) != len(elasticities):
        raise ValueError(
            "Argument `elasticity` must hold one entry for each polycrystal, "
            f"but holds {len(elasticities)} for {len(rves)}."
        )
    return rves, elasticities, several_rves or several_crystals


def _validate(
    rves: Sequence[Polycrystal], tol: float, scheme: str, dtype: torch.dtype, misplaced: bool
) -> None:
    require_number(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"Argument `tol` must be between 0 and 1, but is {tol:g}.")
    if scheme not in SCHEMES:
        raise ValueError(f"Argument `scheme` must be one of {SCHEMES}, but is {scheme!r}.")
    if dtype not in (torch.float64, torch.float32):
        raise ValueError(f"Argument `dtype` must be torch.float64 or float32, but is {dtype}.")
    if misplaced:
        raise ValueError("Argument `compiled` must be False on a device other than the CPU.")
    shapes = {(rve.grid, rve.size) for rve in rves}
    if len(shapes) > 1:
        raise ValueError(f"Polycrystals must share grid and size, but have {sorted(shapes)}.")


def _starts(
    problems: Sequence[CellProblem], scheme: str, start: ElasticHomogenization | None
) -> list[Tensor | None]:
    if start is None:
        return [None] * len(problems)
    given = start.fields
    if given is None or len(given) != len(problems):
        raise ValueError(
            f"Argument `start` must hold the fields of {len(problems)} problems, "
            f"but holds {0 if given is None else len(given)}."
        )
    starts: list[Tensor | None] = []
    for problem, known in zip(problems, given, strict=True):
        same = known.problem.grid == problem.grid and known.problem.spacing == problem.spacing
        if not same or known.scheme != scheme:
            raise ValueError("Argument `start` must be of the same grid, size and scheme.")
        v = known.displacement
        full = v.new_zeros(problem.components, *v.shape[1:])
        cases = min(len(v), len(full))
        full[:cases] = v[:cases]
        starts.append(full)
    return starts


def _problems_in_step(problem: CellProblem, dtype: torch.dtype) -> int:
    voxels, m = problem.grain_id.numel(), problem.components
    reals = voxels * (m * (3 * m + 4 * 3 + 6) + m * (m + 1) // 2 + 6)
    return max(1, BATCH_MEMORY // (reals * (4 if dtype == torch.float32 else 8)))
