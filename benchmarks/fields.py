"""Local fields by all methods at their cost: Taylor, coarse grids, linear and affine fields.

    python benchmarks/fields.py [--out docs/results/fields] [--train out/fields/train]

Reference: `px.simulate` with the path's own increments on 25^3 voxels, 139 grains, strain 3 %. One
thread; CPU seconds (user + system) of this process after compilation. With `--train`, also the
convolutional heads of fields_learned.py.

Linear: Taylor's model in one increment; then the equilibrium of the voxels with Taylor's tangents,
softened (a tenth of the elastic stiffness added), by FFT. Linearised: passes of this, with the law
of every voxel after each. Affine grains: passes with the law of every grain at its mean. "Means of
9^3": the means over grains are those of that coarse field.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import polyxtal as px
from polyxtal.mechanics.fullfield.build import build_cell
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.compiled_cell_law import CompiledCellLaw
from polyxtal.mechanics.fullfield.history import History
from polyxtal.mechanics.fullfield.predict_fields import STRAIN_INCREMENT
from polyxtal.mechanics.fullfield.predicted_fields import grain_means
from polyxtal.mechanics.fullfield.voxel_kernel import BLOCK
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.mean_field.grain_rotation import mean_disorientation
from polyxtal.mechanics.mean_field.taylor import Taylor
from polyxtal.mechanics.measures import cauchy_stress, equivalent_strain, von_mises_stress
from polyxtal.microstructure.coarse import coarse_voxels
from polyxtal.microstructure.phased_materials import PhasedMaterials

GRID, GRAINS, STRAIN = 25, 139, 0.03
SHORT = ("R2", "rms", "hot", "R2", "rms", "hot", "gr. MPa", "gr. -", "deg", "CPU s")
SOFTENING = 0.1
"""Share of the elastic stiffness that is added to Taylor's tangents. [-]"""
HOT = 0.01
"""Share of voxels that are the hottest. [-]"""
COLUMNS = (
    "stress_r2",
    "stress_rms",
    "stress_hot",
    "strain_r2",
    "strain_rms",
    "strain_hot",
    "grain_stress",
    "grain_strain",
    "rotation",
    "seconds",
)
HEADER = ("case", "method", *COLUMNS)
Load = Callable[..., px.LoadPath]


class Case(NamedTuple):
    """A polycrystal under a load: `path` takes the number of increments, or None."""

    name: str
    rve: px.Polycrystal
    material: px.Material
    path: Load


class Fields(NamedTuple):
    """What a method says: equivalent stress [MPa] and plastic strain, and the grains at the end."""

    stress: Tensor
    strain: Tensor
    orientations: Tensor


def cases() -> Iterator[Case]:
    """Yield the cases.

    The first and the fourth, AA6022-T4 with a random texture in tension and ferrite, were looked at
    while `SOFTENING`, the numbers of passes, and the increments and cuts of `predict_fields` were
    chosen: their figures are not blind.
    """
    rolled = px.rolling_texture({"brass": 0.3, "copper": 0.2, "s": 0.3})
    tension, shear = px.LoadPath.uniaxial, px.LoadPath.shear
    for name, material, texture, load in (
        ("AA6022-T4, random, tension", "AA6022-T4", None, tension),
        ("AA6022-T4, rolled, tension", "AA6022-T4", rolled, tension),
        ("AA6022-T4, random, shear", "AA6022-T4", None, shear),
        ("ferrite, random, tension", "ferrite", None, tension),
        ("Ti, random, tension", "Ti", None, tension),
    ):
        law = px.load_material(material)
        seed = 9000 + len(name)
        lattice = None if texture is not None else law.lattice
        rve = px.tessellate(grid=GRID, grains=GRAINS, texture=texture, seed=seed, lattice=lattice)
        yield Case(name, rve, law, lambda n=None, load=load: load(STRAIN, increments=n))


def reference(case: Case) -> Fields:
    found = px.simulate(case.rve, case.material, case.path(), threads=1)
    assert found.fields is not None
    assert found.orientations is not None
    strain = found.fields.equivalent_plastic_strain
    return Fields(found.fields.equivalent_stress, strain, found.orientations[-1])


def taylor(case: Case, increments: int = 10) -> Fields:
    """Return Taylor's model: fields are uniform within grains."""
    stepper, voxels = one_increment(case, increments), case.rve.grain_id
    deformation, _, state = stepper._accepted
    piola = stepper.stress()
    stress = von_mises_stress(cauchy_stress(deformation.expand_as(piola), piola))
    strain = equivalent_strain(torch.linalg.inv(state.plastic_inverse))
    turned = px.taylor_response(case.rve, case.material, case.path(increments)).orientations
    assert turned is not None
    return Fields(stress[voxels], strain[voxels], turned[-1])


def one_increment(case: Case, increments: int = 1) -> Taylor:
    """Return Taylor's model at the end of the path; grains without voxels are not expected."""
    stepper = Taylor(*crystals_of(case.rve, case.material), tolerance=1e-6)
    follow(case.path(increments), stepper)
    return stepper


def few_increments(case: Case, strain_increment: float) -> Fields:
    found = px.predict_fields(
        case.rve, case.material, case.path(), strain_increment=strain_increment, threads=1
    )
    stress, strain = found.equivalent_stress[-1], found.equivalent_plastic_strain[-1]
    return Fields(stress, strain, found.grain_orientations[-1])


def coarse(case: Case, edge: int) -> Fields:
    """Return the fields of few increments on a coarse grid, on the fine one."""
    small = px.coarsen(case.rve, edge)
    found = few_increments(case._replace(rve=small), STRAIN_INCREMENT)
    voxel = coarse_voxels(case.rve, small)
    stress, strain = (field.reshape(-1)[voxel] for field in found[:2])
    return Fields(stress, strain, found.orientations)


def linearised(case: Case, passes: int) -> Fields:
    """Return the fields of a linear solution (0), or of so many with the law after each."""
    cell, control, duration = start(case)
    for number in range(max(1, passes)):
        if number:
            cell._linearise()
        cell._correct(cell._imbalance(control), control, SOFTENING)
        if passes == 0:
            return linear_fields(case, cell)
        if not cell._evaluate(duration, anticipate=True):
            raise px.ConvergenceError("the law finds no solution", float("inf"))
    cell.accept()
    history = History(case.rve, cell)
    fields, turned = history.fields(), history.rows()["orientations"][-1]
    return Fields(fields.equivalent_stress, fields.equivalent_plastic_strain, turned)


def start(case: Case) -> tuple[PeriodicCell, MixedControl, float]:
    """Return the voxels in Taylor's state, with their tangents."""
    stepper, grain = one_increment(case), case.rve.grain_id.reshape(-1)
    deformation, _, state = stepper._accepted
    cell = build_cell(case.rve, case.material, 1e-2, threads=1)
    step = case.path(1).steps[0]
    goal = step.goal(np.eye(3), np.zeros((3, 3)), step.duration, step.duration)
    cell._mean = deformation.reshape(9).clone()
    cell.law.guess["stress"] = state.stress[grain].clone()
    cell.law.guess["internal"] = state.internal[grain].clone()
    cell._attempted = step.duration, True
    cell._evaluate(step.duration)
    cell._linearise()
    return cell, MixedControl.of(goal, step.stress_controlled, step.basis_matrix), step.duration


def linear_fields(case: Case, cell: PeriodicCell) -> Fields:
    """Return P + ∂P/∂F : δF, and Taylor's plastic strain with that of δF's deviator."""
    change = cell._deform() - cell._deformation
    stress = cell.law.piola + cell.law.multiply(change.float()).double()
    f, p = (part.mT.reshape(-1, 3, 3) for part in (cell._deform(), stress))
    found = von_mises_stress(cauchy_stress(f, p)).reshape(case.rve.grid)
    strain = equivalent_strain(f).reshape(case.rve.grid)
    return Fields(found, strain, case.rve.orientations)


def affine(case: Case, passes: int) -> Fields:
    """Return the fields of grains with their own laws, linear about their means."""
    cell, _, _ = affine_state(case, passes)
    return affine_fields(case, cell)


def affine_state(case: Case, passes: int) -> tuple[PeriodicCell, CompiledCellLaw, Tensor]:
    """Return the voxels, the law of one crystal a grain, and the grains' mean F, (9, grains).

    Each pass: equilibrium of the voxels by FFT with P = P_g + ∂P/∂F_g : (F - F_g), softened; then
    the law of every grain at its new mean F_g, in one step from the undeformed state.
    """
    stepper, grain = one_increment(case), case.rve.grain_id.reshape(-1)
    deformation, _, state = stepper._accepted
    step = case.path(1).steps[0]
    goal = step.goal(np.eye(3), np.zeros((3, 3)), step.duration, step.duration)
    control = MixedControl.of(goal, step.stress_controlled, step.basis_matrix)
    cell = build_cell(case.rve, case.material, 1e-2, threads=1)
    assert isinstance(cell.law, CompiledCellLaw)
    phased = PhasedMaterials.of(
        case.material, case.rve.phase, case.rve.phase_names, case.rve.lattices
    )
    law = CompiledCellLaw(phased.materials, phased.place, case.rve.orientations.double())
    law.guess["stress"], law.guess["internal"] = state.stress.clone(), state.internal.clone()
    cell._mean = deformation.reshape(9).clone()
    means = cell._mean[:, None].expand(9, case.rve.grains).contiguous()
    count = torch.bincount(grain, minlength=case.rve.grains).clamp_min(1).double()
    for number in range(passes + 1):
        if number:
            cell._correct(cell._imbalance(control), control, SOFTENING)
            moved = means.new_zeros(9, case.rve.grains).index_add_(1, grain, cell._deform()) / count
            law.anticipate(moved - means)
            means = moved
        if not law.evaluate(means, step.duration):
            raise px.ConvergenceError("the law finds no solution", float("inf"))
        law.linearise()
        spread(law, cell.law, grain)
        cell._deformation = cell._deform()
        change = cell._deformation - means[:, grain]
        cell.law.piola = law.piola[:, grain] + cell.law.multiply(change.float()).double()
    return cell, law, means


def spread(law: CompiledCellLaw, voxels: CompiledCellLaw, grain: Tensor) -> None:
    """Give every voxel the tangent of its grain."""
    rows = law._tangent[:, :81].transpose(0, 1).reshape(81, -1)
    place = grain.new_zeros(voxels._tangent.shape[0] * BLOCK)
    place[: len(grain)] = grain
    blocks = rows[:, place].reshape(81, -1, BLOCK)
    voxels._tangent[:, :81] = blocks.transpose(0, 1)


def affine_fields(case: Case, cell: PeriodicCell) -> Fields:
    """Return the stress and, for the plastic strain, the strain of affine fields."""
    f, p = (part.mT.reshape(-1, 3, 3) for part in (cell._deformation, cell.law.piola))
    stress = von_mises_stress(cauchy_stress(f, p)).reshape(case.rve.grid)
    return Fields(stress, equivalent_strain(f).reshape(case.rve.grid), case.rve.orientations)


def with_means(case: Case, edge: int, passes: int) -> Fields:
    """Return linearised fields with the means over grains of a coarse field."""
    varied, mean = linearised(case, passes), coarse(case, edge)
    parts = []
    for own, other in zip(varied[:2], mean[:2], strict=True):
        shift = grain_means(case.rve, other[None]) - grain_means(case.rve, own[None])
        parts.append(own + shift[0][case.rve.grain_id])
    return Fields(*parts, mean.orientations)


def methods(case: Case) -> Iterator[tuple[str, Callable[[], Fields]]]:
    """Yield every method by name."""
    yield "Taylor", lambda: taylor(case)
    for edge in (5, 9, 13, 17):
        yield f"coarse field, {edge}^3", lambda edge=edge: coarse(case, edge)
    yield "linear", lambda: linearised(case, 0)
    for passes in (1, 2, 4):
        yield f"linearised, {passes} passes", lambda n=passes: linearised(case, n)
    for passes in (4, 8):
        yield f"affine grains, {passes} passes", lambda n=passes: affine(case, n)
    yield "linearised, 2 passes, means of 9^3", lambda: with_means(case, 9, 2)
    for increment in (STRAIN_INCREMENT, 1e-3):
        yield (
            f"predict_fields, {100 * increment:g} %",
            lambda increment=increment: few_increments(case, increment),
        )


def score(case: Case, found: Fields, truth: Fields) -> dict[str, float]:
    """Compare with the reference: columns of the table but the time."""
    scores: dict[str, float] = {}
    for name, a, b in zip(("stress", "strain"), found[:2], truth[:2], strict=False):
        a, b = a.double(), b.double()
        error = (a - b).square().mean()
        count = round(HOT * b.numel())
        hot = [set(f.reshape(-1).topk(count).indices.tolist()) for f in (a, b)]
        means = [grain_means(case.rve, f[None])[0] for f in (a, b)]
        volume = case.rve.volume_fractions
        off = (volume @ (means[0] - means[1]).square()).sqrt()
        scores |= {
            f"{name}_r2": float(1 - error / b.var(correction=0)),
            f"{name}_rms": float((error / b.square().mean()).sqrt()),
            f"{name}_hot": len(hot[0] & hot[1]) / count,
            f"grain_{name}": float(off / (volume @ means[1].square()).sqrt()),
        }
    scores["rotation"] = mean_disorientation(case.rve, found.orientations, truth.orientations)
    return scores


def timed(run: Callable[[], Fields]) -> tuple[Fields, float]:
    begun = time.process_time()
    found = run()
    return found, time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/fields"))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--only", default="", help="part of the names of methods to measure again")
    given = parser.parse_args()
    file = given.out / "fields.csv"
    torch.set_num_threads(1)
    learned: dict[str, Callable[[Case], Fields]] = {}
    if given.train is not None:
        from fields_learned import fitted_heads

        learned = fitted_heads(given.train)
    rows: list[dict[str, object]] = []
    kept: list[dict[str, object]] = []
    if given.only:
        with file.open(newline="") as stream:
            kept = [dict(row) for row in csv.DictReader(stream)]
    for case in cases():
        tiny = px.tessellate(grid=6, grains=5, seed=1, lattice=case.material.lattice)
        small = case._replace(rve=tiny)
        linearised(small, 2)  # compiles
        truth, whole = timed(lambda case=case: reference(case))
        print(f"\n{case.name}: full field {whole:.2f} CPU s")
        print(f"{'':36s}{'stress':>24s}{'plastic strain':>24s}")
        print(f"{'':36s}" + "".join(f"{name:>8s}" for name in SHORT))
        rows.append({"case": case.name, "method": "full field", "seconds": f"{whole:.3f}"})
        own = {name: (lambda f=f, case=case: f(case)) for name, f in learned.items()}
        for method, run in [*methods(case), *own.items()]:
            if given.only not in method:
                continue
            try:
                found, seconds = timed(run)
            except px.ConvergenceError as error:
                print(f"{method:42s} {str(error)[:60]}")
                continue
            scores = score(case, found, truth)
            text = {name: f"{scores[name]:.4f}" for name in COLUMNS[:-1]}
            rows.append({"case": case.name, "method": method, **text, "seconds": f"{seconds:.3f}"})
            numbers = [*(scores[name] for name in COLUMNS[:-1]), seconds]
            print(f"{method:36s}" + "".join(f"{x:8.3f}" for x in numbers), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    measured = {(row["case"], row["method"]): row for row in rows}
    if kept:
        rows = [measured.get((str(row["case"]), str(row["method"])), row) for row in kept]
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
