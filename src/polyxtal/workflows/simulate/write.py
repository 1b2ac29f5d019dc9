"""Write the results of a simulation to its folder, each file atomically."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from polyxtal.files.atomic import atomic_files
from polyxtal.files.plain import write_json
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.loading.stepping import cut_note
from polyxtal.workflows.inputs.reading import UNITS
from polyxtal.workflows.simulate.folder import (
    CURVE,
    GRAINS,
    KIND,
    ORIENTATIONS,
    PHASES,
    PICTURE,
    SUMMARY,
    TAYLOR_CURVE,
    Run,
)
from polyxtal.workflows.simulate.run import Simulation
from polyxtal.workflows.summary.provenance import provenance
from polyxtal.workflows.summary.tables import write_curve, write_orientations, write_phases


def write_simulation(simulation: Simulation, run: Run, picture: bool = True) -> None:
    """Write all files of a simulation, then mark its run as complete.

    An interruption leaves the run unfinished, with a checkpoint at the end of the load.

    Args:
        simulation: The simulation.
        run: Its run.
        picture: Also plot `simulation.png`.
    Raises:
        OSError: if a file cannot be written; the run stays unfinished.
    """
    names = [CURVE, ORIENTATIONS, GRAINS]
    by_phase = isinstance(simulation.response, FullFieldResponse)
    names += [PHASES] if by_phase else []
    names += [TAYLOR_CURVE] if "Taylor" in simulation.baselines else []
    names += [PICTURE] if picture else []
    names += [SUMMARY]  # last, because it marks the others as complete
    with atomic_files(*(run.folder / name for name in names)) as temporary:
        path = dict(zip(names, temporary, strict=True))
        component = simulation.curve.component
        write_curve(path[CURVE], simulation.response, component)
        if TAYLOR_CURVE in path:
            write_curve(path[TAYLOR_CURVE], simulation.baselines["Taylor"], component)
        if isinstance(simulation.response, FullFieldResponse):
            write_phases(path[PHASES], simulation.response)
        grains = simulation.crystals
        leading = {
            "grain": grains,
            "phase": simulation.prepared.rve.phase[grains],
            "weight [-]": simulation.weights,
        }
        write_orientations(path[ORIENTATIONS], leading, simulation.orientations)
        _write_grains(path[GRAINS], simulation)
        if picture:
            from polyxtal.workflows.simulate.draw import draw_simulation

            draw_simulation(simulation).savefig(path[PICTURE])
        write_json(path[SUMMARY], summary(simulation))
    run.finish()


def summary(simulation: Simulation) -> dict[str, Any]:
    """Return the content of `simulation.json`."""
    prepared = simulation.prepared
    return {
        "kind": KIND,
        "identity": prepared.identity(),
        **provenance(prepared.inputs, prepared.settings, prepared.materials),
        "microstructure": prepared.reading.summary(),
        "load": prepared.load.to_damask()["loadstep"],
        "units": {
            "stiffness": "MPa",
            "materials": "MPa, and 1/s for slip_rate_reference",
            **UNITS,
            "load": "1/s, s, Pa: DAMASK's own",
            "curve and baselines": "MPa, -",
            "rotation": "rad for mean and largest, - for strengths of texture",
            "cost": "s of wall time for seconds, s of load for resumed_at",
            "grains.npz": "s for time, MPa for P, - for the others",
        },
        "convention": {
            "materials": "null is a void",
            "stiffness": "elastic, of the full field; Mandel 6x6 in the order 11, 22, 33, 23, 13, "
            "12; shear rows and columns carry sqrt(2)",
            "orientation": "unit quaternion, scalar first, v_sample = R(q) v_crystal; mean of a "
            "grain",
            "stress": "first Piola-Kirchhoff",
            "strain": "engineering, F - 1",
            "grains": "0-based; those without voxels and those of voids are left out",
            "grains.npz": "orientation, F, P, slip, twin_shear: averages over the grain, indexed "
            "(time, grain, ...); all but orientation by the engine polyxtal only",
            "slip and twin_shear": "accumulated by each slip and twin system, in the order of the "
            "phase's law",
            "cost": "seconds of the full field are those of all runs that led here",
        },
        "stiffness": simulation.stiffness.tolist(),
        "curve": asdict(simulation.curve),
        "rotation": asdict(simulation.rotation),
        "baselines": {
            name: {
                "curve": asdict(curve),
                "rotation": asdict(simulation.baseline_rotations[name]),
            }
            for name, curve in simulation.baseline_curves.items()
        },
        "solver": dict(simulation.response.statistics),
        "note": cut_note(simulation.response.statistics),
        "cost": {
            "seconds": dict(simulation.seconds),
            "resumed_at": simulation.resumed_at,
        },
    }


def _write_grains(path: Path, simulation: Simulation) -> None:
    """Write the averages of each grain at each increment."""
    grains = simulation.crystals
    arrays = {
        "time": simulation.response.time,
        "grain": grains,
        "phase": simulation.prepared.rve.phase[grains],
        "weight": simulation.weights,
        "orientation": simulation.orientations,
    }
    for name in ("F", "P", "slip", "twin_shear"):
        average = getattr(simulation.response, f"grain_{name}", None)
        if average is not None:
            arrays[name] = average[:, grains]
    content = {name: array.numpy() for name, array in arrays.items()}
    np.savez(path, **content)  # pyright: ignore[reportArgumentType]
