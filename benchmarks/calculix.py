"""One element in tension within CalculiX, with a network as user material, and in Python.

    python benchmarks/calculix.py FOLDER      # of the compiled sources: ccx_2.20.a and ccx_2.20.o

The user material is compiled with gfortran and linked with CalculiX (libraries of SPOOLES and
ARPACK) in place of its own `umat`. The element is a C3D8 with planes of symmetry at x = 0, y = 0
and z = 0; its end is displaced along x. The comparison is the same element of
`examples/finite_elements/notched_bar.py` with `NetworkBatch`. Printed: force of each increment in
both, and the largest difference.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from skfem import ElementHex1, MeshHex

import polyxtal as px

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "finite_elements"))
from notched_bar import Bar, Solution, equilibrium

STRAIN, INCREMENTS, RATE, LEAVES = 0.02, 20, 1e-3, 8
DECK = """\
*NODE, NSET=ALL
1, 0., 0., 0.
2, 1., 0., 0.
3, 1., 1., 0.
4, 0., 1., 0.
5, 0., 0., 1.
6, 1., 0., 1.
7, 1., 1., 1.
8, 0., 1., 1.
*ELEMENT, TYPE=C3D8, ELSET=CUBE
1, 1, 2, 3, 4, 5, 6, 7, 8
*NSET, NSET=END
2, 3, 6, 7
*MATERIAL, NAME=ABAQUSNL_ALLOY
*USER MATERIAL, CONSTANTS=1
0.
*DEPVAR
{states}
*SOLID SECTION, ELSET=CUBE, MATERIAL=ABAQUSNL_ALLOY
*BOUNDARY
1, 1, 1
4, 1, 1
5, 1, 1
8, 1, 1
1, 2, 2
2, 2, 2
5, 2, 2
6, 2, 2
1, 3, 3
2, 3, 3
3, 3, 3
4, 3, 3
*STEP, NLGEOM, INC=1000
*STATIC, DIRECT
{dt}, {total}
*CONTROLS, PARAMETERS=FIELD
1.E-8, 1.E-6
*BOUNDARY
END, 1, 1, {end}
*NODE PRINT, NSET=END, TOTALS=ONLY
RF
*END STEP
"""


def in_calculix(objects: Path, network: px.MaterialNetwork, alloy: px.Material) -> np.ndarray:
    """Return the force of every increment. [N]"""
    objects = objects.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        states = px.write_umat(network, alloy, folder / "umat.f90", solver="calculix")
        parts = [objects / "ccx_2.20.o", folder / "umat.f90", objects / "ccx_2.20.a"]
        libraries = ["-lspooles", "-lpthread", "-larpack", "-llapack", "-lblas", "-lm"]
        command = ["gfortran", "-O2", "-fopenmp", "-o", "ccx", *map(str, parts), *libraries]
        subprocess.run(command, cwd=folder, check=True)
        total = STRAIN / RATE
        deck = DECK.format(states=states, dt=total / INCREMENTS, total=total, end=STRAIN)
        (folder / "cube.inp").write_text(deck)
        done = subprocess.run(
            ["./ccx", "cube"], cwd=folder, check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"CalculiX must finish, but said: {done.stdout[-1500:]}")
        text = (folder / "cube.dat").read_text()
    return np.array([float(x) for x in re.findall(r"force.*\n\s*\n\s+(\S+)", text)])


def in_python(network: px.MaterialNetwork, alloy: px.Material) -> np.ndarray:
    """Return the force of every increment. [N]"""
    bar = Bar(MeshHex(), ElementHex1)
    batch = px.NetworkBatch(network, alloy, bar.points)
    end, u, last, force = bar.held()[1], np.zeros(bar.basis.N), 0.0, []
    for number in range(1, INCREMENTS + 1):
        guess = u + last
        guess[end] = number / INCREMENTS * STRAIN
        dt = STRAIN / RATE / INCREMENTS
        new, forces, _, _ = equilibrium(bar, batch, u, guess, dt, Solution())
        batch.accept()
        u, last = new, new - u
        force.append(float(forces[end].sum()))
    return np.array(force)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="compiled sources of CalculiX 2.20")
    folder = parser.parse_args().folder
    alloy = px.load_material("AA6022-T4")
    rve = px.tessellate(grid=8, grains=40, seed=0)
    network = px.MaterialNetwork.from_polycrystal(rve, leaves=LEAVES, seed=0)
    ours, theirs = in_python(network, alloy), in_calculix(folder, network, alloy)
    print("  increment   NetworkBatch [N]   CalculiX [N]")
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True), start=1):
        print(f"  {number:9d} {one:18.6f} {other:14.6f}")
    print(
        f"Largest difference: {np.abs(ours - theirs).max() / ours.max():.1e} of the largest force"
    )


if __name__ == "__main__":
    main()
