"""Compile user materials with gfortran and call them for many points, as Abaqus would."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

GFORTRAN = shutil.which("gfortran")
FAST = (
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fassociative-math",
    "-freciprocal-math",
)
"""As in `algebra/compiling.py`: sums may be reordered, NaN stays NaN."""
POINTS = """
subroutine points(n, nstatv, f0, f1, dtime, stress, statev, ddsdde, pnewdt) bind(c)
  use iso_c_binding
  implicit none
  integer(c_int), value :: n, nstatv
  real(c_double), value :: dtime
  real(c_double) :: f0(3, 3, n), f1(3, 3, n), stress(6, n), statev(nstatv, n), ddsdde(6, 6, n)
  real(c_double) :: pnewdt(n), none(6), drot(3, 3), scalar, props(1)
  integer :: k, jstep(4)
  character(len=80) :: cmname
  none = 0.0d0
  drot = 0.0d0
  scalar = 0.0d0
  props = 0.0d0
  jstep = 1
  cmname = 'TEST'
  do k = 1, n
    call {name}(stress(:, k), statev(:, k), ddsdde(:, :, k), scalar, scalar, scalar, scalar, none, &
                none, scalar, none, none, none(1:2), dtime, scalar, scalar, none(1:1), none(1:1), &
                cmname, 3, 3, 6, nstatv, props, 1, none(1:3), drot, pnewdt(k), scalar, &
                f0(:, :, k), f1(:, :, k), 1, k, 1, 1, jstep, 1)
  end do
end subroutine points
"""


class UserMaterial:
    """A compiled user material and the state of some points."""

    def __init__(
        self,
        file: Path,
        states: int,
        points: int = 1,
        name: str = "umat",
        flags: tuple[str, ...] = ("-O1",),
    ) -> None:
        driver, library = file.with_name(f"{file.stem}_points.f90"), file.with_suffix(".so")
        driver.write_text(POINTS.replace("{name}", name))
        if not library.exists():
            assert GFORTRAN is not None
            command = [GFORTRAN, *flags, "-shared", "-fPIC", "-J", file.parent, "-o", library]
            subprocess.run([*command, file, driver], check=True, cwd=file.parent)
        self._points = ctypes.CDLL(str(library)).points
        self._points.restype = None
        self.states = np.zeros((points, states))
        self.deformation = np.tile(np.eye(3), (points, 1, 1))

    def reset(self) -> None:
        self.states[:] = 0.0
        self.deformation = np.tile(np.eye(3), (len(self.states), 1, 1))

    def attempt(
        self, wanted: np.ndarray, dt: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return Cauchy stress (points, 6), DDSDDE (points, 6, 6), PNEWDT, and the new states."""
        points = len(wanted)
        # Fortran's order: the transpose of each matrix.
        starts, ends = (np.ascontiguousarray(f.swapaxes(1, 2)) for f in (self.deformation, wanted))
        stress, moduli = np.zeros((points, 6)), np.zeros((points, 6, 6))
        shortened, states = np.ones(points), self.states.copy()
        arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (starts, ends)]
        results = [a.ctypes.data_as(ctypes.c_void_p) for a in (stress, states, moduli, shortened)]
        self._points(points, states.shape[1], *arrays, ctypes.c_double(dt), *results)
        return stress, moduli.swapaxes(1, 2), shortened, states

    def accept(self, wanted: np.ndarray, states: np.ndarray) -> None:
        self.deformation, self.states = wanted.copy(), states
