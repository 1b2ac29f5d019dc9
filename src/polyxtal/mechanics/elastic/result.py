"""The result of full-field elastic homogenisation: stiffness, local fields and derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_rotation
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.elastic_constants import common_group, constant_basis
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.laue import LaueGroup
from polyxtal.mechanics.elastic.cell_problem import CellProblem
from polyxtal.mechanics.elastic.green import STRAIN_BASIS, strain
from polyxtal.microstructure.polycrystal import Polycrystal

CHUNK = 1 << 16
"""Number of voxels that are rotated at a time."""


class StrainFields(NamedTuple):
    """Solutions of all load cases, for local fields and later starts.

    Attributes:
        rve: The polycrystal.
        problem: Its cell problem.
        scheme: Discretisation.
        displacement: v̂ of `green.py` for unit mean strains along `STRAIN_BASIS`; five cases if
            the bulk modulus is uniform.
    """

    rve: Polycrystal
    problem: CellProblem
    scheme: str
    displacement: Complex[Tensor, "cases 3 nx ny nz_half"]


@dataclass(frozen=True, eq=False)
class ElasticHomogenization:
    """Effective stiffness and solver statistics; with a leading axis for several results.

    Attributes:
        stiffness: Symmetric Mandel stiffness, error of second order in the residual. [MPa]
        asymmetry: Frobenius norm of the skew part of <σ>, relative: an error estimate. [-]
        iterations: Largest number of iterations of a load case.
        residual: Largest relative residual of a load case: the norm of the strain that would
            restore equilibrium in the reference medium, over that of the mean strain. [-]
        transforms: Number of three-dimensional real FFTs; a complex one counts twice.
        fields: Solutions, if kept, one for each stiffness.

    Example:
        >>> import polyxtal as px
        >>> import torch
        >>> rve = px.tessellate(grid=8, grains=20, seed=1)
        >>> copper = px.CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
        >>> result = px.homogenize(rve, copper, fields=True)
        >>> mean = torch.tensor([1e-3, 0.0, 0.0, 0.0, 0.0, 0.0])
        >>> result.local_strain(mean).shape
        torch.Size([8, 8, 8, 6])
        >>> result.derivative().shape  # by c11, c12, c44 of each phase
        torch.Size([1, 3, 6, 6])
    """

    stiffness: Float[Tensor, "*batch 6 6"]
    asymmetry: Float[Tensor, "*batch"]
    iterations: int
    residual: float
    transforms: int
    fields: tuple[StrainFields, ...] | None = None

    def local_strain(
        self, mean_strain: Float[Tensor, "6"], index: int = 0
    ) -> Float[Tensor, "nx ny nz 6"]:
        """Return the strain of every voxel under a mean strain, Mandel. [-]

        Args:
            mean_strain: E, Mandel. [-]
            index: Index of the result, where there are several.
        Raises:
            ValueError: if the fields were not kept.
        """
        _, problem, scheme, displacement = self._kept(index)
        load = STRAIN_BASIS @ mean_strain.to(STRAIN_BASIS)
        cases = load[: len(displacement)].to(displacement.dtype)
        v = torch.einsum("c,cixyz->ixyz", cases, displacement)
        k = problem.frequencies(scheme, v.real.dtype).mesh()
        modes = strain(k, v)
        real = torch.fft.irfftn(modes, s=problem.grid, dim=(1, 2, 3), norm="forward")
        total = real.to(torch.float64) + load[:, None, None, None]
        return torch.einsum("mn,mxyz->xyzn", STRAIN_BASIS, total)

    def local_stress(
        self, mean_strain: Float[Tensor, "6"], index: int = 0
    ) -> Float[Tensor, "nx ny nz 6"]:
        """Return the stress of every voxel, Mandel [MPa]; arguments as of `local_strain`."""
        local, problem = self.local_strain(mean_strain, index), self._kept(index).problem
        table = problem.scale * (STRAIN_BASIS.mT @ problem.table @ STRAIN_BASIS)
        return torch.einsum("xyzmn,xyzn->xyzm", table[problem.grain_id], local)

    def derivative(
        self, index: int = 0, by: Float[Tensor, "constants 6 6"] | None = None
    ) -> Float[Tensor, "phases constants 6 6"]:
        """Return the derivative of the stiffness by elastic constants θ of every phase.

        The problem is self-adjoint, so the strain fields ε_m under unit mean strains suffice:

            dC_mn/dθ = <ε_m : dc/dθ : ε_n>

        Args:
            index: Index of the result, where there are several.
            by: Derivative of a crystal's Mandel stiffness by each constant, dc/dθ, in its own axes
                (see `constant_basis`); None for the independent constants of `symmetry`: c11, c12,
                c44 if all crystals are cubic. [-]
        Returns:
            Mandel matrices, error of first order in the residual; zero for voids and for phases
            without voxels. [-]
        Raises:
            ValueError: if the fields were not kept.
        """
        rve, problem, _, _ = self._kept(index)
        units = torch.eye(6, dtype=torch.float64)
        constants = constant_basis(self.symmetry(index)) if by is None else by
        total = torch.stack([self.local_strain(unit, index).reshape(-1, 6) for unit in units])
        rotations = mandel_rotation(quaternion_to_matrix(rve.orientations))
        solid = problem.table.abs().amax((1, 2)) > 0
        grains = rve.grain_id.reshape(-1)
        products = torch.zeros(len(rve.phase_names), 36, 36, dtype=torch.float64)
        for phase, product in enumerate(products):
            members = ((rve.phase == phase) & solid)[grains].nonzero()[:, 0]
            for voxels in members.split(CHUNK):
                local = torch.einsum("vmn,cvm->cnv", rotations[grains[voxels]], total[:, voxels])
                flat = local.reshape(36, -1)
                product += flat @ flat.mT
        split = products.reshape(-1, 6, 6, 6, 6)  # <ε_m,i ε_n,j> as phase, m, i, n, j
        return torch.einsum("pminj,cij->pcmn", split, constants) / len(grains)

    def symmetry(self, index: int = 0) -> LaueGroup:
        """Return the Laue group that all crystals have in common, each in its own axes.

        Args:
            index: Index of the result, where there are several.
        Raises:
            ValueError: if the fields were not kept.
        """
        rve, problem, _, _ = self._kept(index)
        present = (problem.table.abs().amax((1, 2)) > 0) & (rve.volume_fractions > 0)
        crystals = []
        for phase in rve.phase[present].unique().tolist():
            grain = int((present & (rve.phase == phase)).nonzero()[0])
            turn = (
                mandel_rotation(quaternion_to_matrix(rve.orientations[grain])).mT @ STRAIN_BASIS.mT
            )
            crystals.append(
                Elasticity.from_mandel(problem.scale * turn @ problem.table[grain] @ turn.mT)
            )
        return common_group(*crystals)

    def _kept(self, index: int) -> StrainFields:
        if self.fields is None:
            raise ValueError("Local fields must be asked for, but `fields=True` was not given.")
        return self.fields[index]
