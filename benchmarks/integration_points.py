"""Cost of material networks at integration points: points a second, and the user material's ratio.

    python benchmarks/integration_points.py                # both tables
    python benchmarks/integration_points.py batch|umat

CPU time of one thread for increments of 0.1 % tension to 2 % with their consistent tangents, after
compilation, AA6022-T4. The user material is compiled with gfortran; its ratio is to `NetworkBatch`
in the same run, the median of the repeats.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import polyxtal as px

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from umat_driver import FAST, GFORTRAN, UserMaterial

LEAVES = (8, 16, 32, 64, 128)
REPEATS = 5


def history(network: px.MaterialNetwork, alloy: px.Material) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths of the increments and F at their ends, of the network in tension."""
    response = network.respond(alloy, px.LoadPath.uniaxial(0.02, increments=20))
    return np.diff(response.time.numpy()), response.F.numpy()[1:]


def batch_seconds(
    batch: px.NetworkBatch, lengths: np.ndarray, ends: np.ndarray, tangent: bool = True
) -> float:
    """Return CPU seconds a point and increment."""
    begin = time.process_time()
    for dt, f in zip(lengths.tolist(), ends, strict=True):
        batch.attempt(np.tile(f, (batch.points, 1, 1)), dt, tangent=tangent)
        batch.accept()
    return (time.process_time() - begin) / batch.points / len(lengths)


def umat_seconds(material: UserMaterial, lengths: np.ndarray, ends: np.ndarray) -> float:
    """Return CPU seconds a point and increment."""
    material.reset()
    points, spent = len(material.states), 0.0
    for dt, f in zip(lengths.tolist(), ends, strict=True):
        wanted = np.tile(f, (points, 1, 1))
        begin = time.process_time()
        *_, states = material.attempt(wanted, dt)
        spent += time.process_time() - begin
        material.accept(wanted, states)
    return spent / points / len(lengths)


def batch_table(rve: px.Polycrystal, alloy: px.Material, points: int = 8) -> None:
    print("\nPoints a second and core; Taylor: leaves without interfaces")
    print("  leaves   network   without tangent   Taylor")
    for leaves in LEAVES:
        network = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)
        lengths, ends = history(network, alloy)
        rates = []
        for interfaces, tangent in ((True, True), (True, False), (False, True)):
            seconds = [
                batch_seconds(
                    px.NetworkBatch(network, alloy, points, interfaces=interfaces, threads=1),
                    lengths,
                    ends,
                    tangent,
                )
                for _ in range(REPEATS)
            ]
            rates.append(1 / np.median(seconds))
        print(f"  {leaves:6d} {rates[0]:9.0f} {rates[1]:17.0f} {rates[2]:8.0f}")


def umat_table(rve: px.Polycrystal, alloy: px.Material, points: int = 8) -> None:
    print(f"\nUser material with gfortran {' '.join(FAST)}")
    print("  leaves   ms a point and increment   ratio to NetworkBatch")
    with tempfile.TemporaryDirectory() as folder:
        for leaves in LEAVES:
            network = px.MaterialNetwork.from_polycrystal(rve, leaves=leaves, seed=0)
            lengths, ends = history(network, alloy)
            file = Path(folder) / f"network_{leaves}.f90"
            states = px.write_umat(network, alloy, file)
            material = UserMaterial(file, states, points, flags=FAST)
            pairs = [
                (
                    umat_seconds(material, lengths, ends),
                    batch_seconds(
                        px.NetworkBatch(network, alloy, points, threads=1), lengths, ends
                    ),
                )
                for _ in range(REPEATS)
            ]
            ratio = np.median([one / other for one, other in pairs])
            milliseconds = 1e3 * np.median([one for one, _ in pairs])
            print(f"  {leaves:6d} {milliseconds:26.3f} {ratio:23.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=("batch", "umat", "both"), default="both")
    table = parser.parse_args().table
    alloy = px.load_material("AA6022-T4")
    rve = px.tessellate(grid=16, grains=200, seed=0)
    if table in ("batch", "both"):
        batch_table(rve, alloy)
    if table in ("umat", "both") and GFORTRAN is None:
        print("gfortran is not on the PATH: the user material is left out.")
    elif table in ("umat", "both"):
        umat_table(rve, alloy)


if __name__ == "__main__":
    main()
