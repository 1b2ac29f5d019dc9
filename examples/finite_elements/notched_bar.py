"""Tension of a notched bar with a material network at every integration point.

    pip install "polyxtal[finite-elements]"
    python examples/finite_elements/notched_bar.py                  # half a minute on two cores
    python examples/finite_elements/notched_bar.py --leaves 8 --mesh 3 2 2

One eighth of the bar, finite strain in total Lagrangian form, 20-node hexahedra with 8 integration
points (scikit-fem). The texture varies through the thickness: random at the surface, rolled in
the centre, and in between the same rolled texture about the normal direction by 45°. Newton's
method uses the consistent tangent of `px.NetworkBatch`. The same bar with Taylor's model and the
same crystals is solved for comparison.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from skfem import Basis, Element, ElementHexS2, ElementVector, MeshHex

import polyxtal as px

LENGTH, WIDTH, THICKNESS = 20.0, 8.0, 2.0  # mm
NOTCH_DEPTH, NOTCH_LENGTH = 1.5, 3.0  # half axes of the elliptical notch [mm]
RATE = 1e-3  # of the nominal strain [1/s]
TOLERANCE = 1e-8  # of the largest nodal force, relative to the largest reaction
MAX_ITERATIONS = 10


@dataclass
class Solution:
    """Result of a simulation.

    Attributes:
        displacement: Elongation of the bar after each increment. [mm]
        force: Tensile force. [N]
        residuals: Relative residual of every Newton iteration of each increment.
        seconds: Wall time, and the part of it that is spent in the material. [s]
    """

    displacement: list[float] = field(default_factory=lambda: [0.0])
    force: list[float] = field(default_factory=lambda: [0.0])
    residuals: list[list[float]] = field(default_factory=list)
    seconds: float = 0.0
    material_seconds: float = 0.0


def notched_mesh(along: int, across: int, through: int) -> MeshHex:
    """Return an eighth of the bar; its faces x = 0, y = 0 and z = 0 are planes of symmetry."""
    mesh = MeshHex.init_tensor(
        np.linspace(0, 1, along + 1) ** 1.3 * LENGTH / 2,
        np.linspace(0, 1, across + 1) ** 0.8,
        np.linspace(0, THICKNESS / 2, through + 1),
    )
    x = mesh.p[0]
    ellipse = np.sqrt(np.maximum(0.0, 1 - (x / NOTCH_LENGTH) ** 2))
    mesh.p[1] *= WIDTH / 2 - NOTCH_DEPTH * ellipse
    return MeshHex(mesh.p, mesh.t)


def networks(leaves: int) -> list[px.MaterialNetwork]:
    """Return networks of a random and of a rolled texture."""
    random = px.from_texture(px.UniformTexture(), grains=100, seed=1)
    sheet = px.rolling_texture({"brass": 0.25, "copper": 0.25, "s": 0.4})
    rolled = px.from_texture(sheet, grains=100, seed=2)
    return [
        px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=3) for rve in (random, rolled)
    ]


def material_points(basis: Basis, leaves: int, interfaces: bool) -> px.NetworkBatch:
    """Return the integration points: networks and axes by the distance from the mid-plane."""
    height = np.asarray(basis.global_coordinates())[2].ravel() / (THICKNESS / 2)
    network = np.where(height > 2 / 3, 0, 1)
    between = (height > 1 / 3) & (height < 2 / 3)
    angle = np.where(between, np.pi / 4, 0.0)
    axes = np.zeros((len(height), 4))
    axes[:, 0], axes[:, 3] = np.cos(angle / 2), np.sin(angle / 2)
    alloy = px.load_material("AA6022-T4")
    return px.NetworkBatch(
        networks(leaves), alloy, network, axes, interfaces=interfaces, tolerance=1e-10
    )


class Bar:
    """The discretised bar: deformation gradients, nodal forces and stiffness."""

    def __init__(self, mesh: MeshHex, element: type[Element] = ElementHexS2) -> None:
        """Tabulate gradients of the shape functions at all integration points."""
        self.mesh = mesh
        self.basis = Basis(mesh, ElementVector(element()), intorder=3)
        shapes = [self.basis.basis[k][0].grad for k in range(self.basis.Nbfun)]
        # (elements, integration points, shape functions, 9)
        self.gradients = np.stack([np.asarray(g) for g in shapes]).transpose(3, 4, 0, 1, 2)
        self.gradients = self.gradients.reshape(*self.gradients.shape[:3], 9)
        self.volumes = self.basis.dx  # (elements, integration points)
        self.points = self.volumes.size

    def deformation(self, displacement: np.ndarray) -> np.ndarray:
        """Return F of every integration point, (points, 3, 3)."""
        local = displacement[self.basis.element_dofs]  # (shape functions, elements)
        gradient = np.einsum("eqac,ae->eqc", self.gradients, local)
        return np.eye(3) + gradient.reshape(-1, 3, 3)

    def forces(self, stress: np.ndarray) -> np.ndarray:
        """Return the nodal forces of P (points, 3, 3)."""
        flat = stress.reshape(*self.volumes.shape, 9) * self.volumes[:, :, None]
        local = np.einsum("eqac,eqc->ae", self.gradients, flat)
        return np.bincount(self.basis.element_dofs.ravel(), local.ravel(), self.basis.N)

    def stiffness(self, tangent: np.ndarray) -> coo_matrix:
        """Return the matrix of ∂P/∂F (points, 3, 3, 3, 3)."""
        flat = tangent.reshape(*self.volumes.shape, 9, 9) * self.volumes[:, :, None, None]
        local = (self.gradients @ flat @ self.gradients.swapaxes(2, 3)).sum(1)
        rows = np.broadcast_to(self.basis.element_dofs.T[:, :, None], local.shape)
        columns = np.broadcast_to(self.basis.element_dofs.T[:, None, :], local.shape)
        size = (self.basis.N, self.basis.N)
        return coo_matrix((local.ravel(), (rows.ravel(), columns.ravel())), size)

    def held(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the displacements held by symmetry, and those of the loaded end along x."""
        sides = [
            self.basis.get_dofs(lambda x, k=k: np.isclose(x[k], 0)).all(f"u^{k + 1}")
            for k in range(3)
        ]
        far = self.mesh.p[0].max()
        end = self.basis.get_dofs(lambda x: np.isclose(x[0], far)).all("u^1")
        return np.concatenate(sides), end


def pull(
    bar: Bar,
    batch: px.NetworkBatch,
    strain: float,
    increments: int,
    folder: Path | None = None,
    verbose: bool = True,
) -> Solution:
    """Pull the bar to a nominal strain; write each increment to a folder for ParaView.

    The first increment is an eighth of the others, so that yielding is followed closely; increments
    that fail are halved.
    """
    solution, start = Solution(), time.perf_counter()
    half = float(bar.mesh.p[0].max())
    u, last = np.zeros(bar.basis.N), np.zeros(bar.basis.N)
    end = bar.held()[1]
    reached, size, before = 0.0, 0.125 / increments, 1.0
    while reached < 1.0 - 1e-12:
        size = min(size, 1.0 - reached)
        guess = u + last * (size / before)
        guess[end] = (reached + size) * strain * half
        try:
            new, forces, increment, residuals = equilibrium(
                bar, batch, u, guess, size * strain / RATE, solution
            )
        except px.ConvergenceError:
            size /= 2
            if size < 1e-3 / increments:
                raise
            continue
        batch.accept()
        u, last, before = new, new - u, size
        reached, size = reached + size, min(1.5 * size, 1.0 / increments)
        solution.residuals.append(residuals)
        solution.displacement.append(2 * float(u[end[0]]))
        solution.force.append(4 * float(forces[end].sum()))
        if verbose:
            table = " ".join(f"{value:.0e}" for value in residuals)
            print(f"  {solution.displacement[-1]:7.3f} mm {solution.force[-1]:9.1f} N   {table}")
        if folder is not None:
            write(folder / f"bar_{len(solution.residuals):03d}.vtu", bar, u, increment)
    solution.seconds = time.perf_counter() - start
    return solution


def equilibrium(
    bar: Bar,
    batch: px.NetworkBatch,
    start: np.ndarray,
    guess: np.ndarray,
    dt: float,
    solution: Solution,
) -> tuple[np.ndarray, np.ndarray, px.BatchIncrement, list[float]]:
    """Return displacements in equilibrium, nodal forces, the batch's increment, and residuals.

    Newton's first step leads from the accepted displacements with what is held, prescribed, and
    with the tangent there, if `guess` does not continue an earlier increment.
    """
    symmetric, end = bar.held()
    free = np.setdiff1d(np.arange(bar.basis.N), np.concatenate([symmetric, end]))
    first = np.array_equal(guess[free], start[free])
    trial = (start if first else guess).copy()
    residuals: list[float] = []
    for _ in range(MAX_ITERATIONS):
        begin = time.perf_counter()
        increment = batch.attempt(bar.deformation(trial), dt)
        solution.material_seconds += time.perf_counter() - begin
        if increment.failed.any():
            raise px.ConvergenceError(increment.reason() or "", np.inf)
        forces = bar.forces(increment.stress)
        missing = guess[end] - trial[end]
        if not missing.any():
            residuals.append(float(np.abs(forces[free]).max() / np.abs(forces[end]).max()))
            if residuals[-1] < TOLERANCE:
                return trial, forces, increment, residuals
        rows = bar.stiffness(increment.tangent).tocsr()[free]
        right = forces[free] + rows[:, end] @ missing
        trial[free] -= spsolve(rows[:, free].tocsc(), right)
        trial[end] = guess[end]
    raise px.ConvergenceError("The bar must be in equilibrium, but is not.", residuals[-1])


def write(file: Path, bar: Bar, displacement: np.ndarray, increment: px.BatchIncrement) -> None:
    """Write displacements, and mean stresses of the elements, for ParaView."""
    cauchy = increment.cauchy.reshape(*bar.volumes.shape, 3, 3).mean(1)
    deviator = cauchy - np.trace(cauchy, axis1=1, axis2=2)[:, None, None] * np.eye(3) / 3
    mises = np.sqrt(1.5 * (deviator**2).sum((1, 2)))
    nodes = displacement[bar.basis.nodal_dofs].T
    cells = {"Cauchy stress xx [MPa]": [cauchy[:, 0, 0]], "von Mises stress [MPa]": [mises]}
    bar.mesh.save(str(file), {"displacement [mm]": nodes}, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leaves", type=int, default=32, help="leaves of a network")
    parser.add_argument("--mesh", type=int, nargs=3, default=(7, 3, 3), help="elements per edge")
    parser.add_argument("--strain", type=float, default=0.02, help="nominal strain")
    parser.add_argument("--increments", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("out/notched_bar"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    bar = Bar(notched_mesh(*asked.mesh))
    print(f"{bar.mesh.nelements} elements, {bar.points} integration points, {bar.basis.N} unknowns")
    solutions = {}
    for name, interfaces in (("networks", True), ("Taylor", False)):
        batch = material_points(bar.basis, asked.leaves, interfaces)
        batch.attempt(bar.deformation(np.zeros(bar.basis.N)), 1.0)  # compiles, unless cached
        print(f"\n{name}: elongation, force, and the residual of each Newton iteration")
        folder = asked.out if interfaces else None
        solutions[name] = pull(bar, batch, asked.strain, asked.increments, folder)
    print("\n            force at the end [N]   wall time [s]   of it material [s]")
    for name, s in solutions.items():
        print(f"  {name:10s} {s.force[-1]:18.1f} {s.seconds:15.1f} {s.material_seconds:18.1f}")
    ratio = solutions["Taylor"].force[-1] / solutions["networks"].force[-1]
    print(f"  Taylor's force is {100 * (ratio - 1):.1f} % above that of the networks.")
    print(f"Written to {asked.out}/bar_*.vtu")


if __name__ == "__main__":
    main()
