"""A law from outside the package; phases of several lattices and laws in one cell."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from types import ModuleType

import pytest
import torch
from places import EXAMPLES

import polyxtal as px
from polyxtal.algebra.compiling import source_digest
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.kernel.dispatch import kernel_marker
from polyxtal.crystal.plasticity.law import law_of
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.crystal.update.crystal import CrystalPlasticity

sys.path.insert(0, str(EXAMPLES))
from sech_law import SechLaw, SechPowerlaw

ALUMINIUM = px.load_material("AA6022-T4")
NUMBERS = vars(replace(ALUMINIUM.plasticity, hardening_exponent=2.0))
SECH = replace(ALUMINIUM, plasticity=SechPowerlaw(**NUMBERS))
ENGINES = {"readable": CrystalPlasticity, "compiled": CompiledCrystalPlasticity}


@dataclass(frozen=True)
class Unregistered(px.PhenoPowerlaw):
    """Parameters that no law has."""


def residual(deformation, state, dt, update) -> float:
    """Evaluate both equations of a step, from the law's own rates and evolution only."""
    law = SechLaw(SECH.plasticity, SECH.lattice)
    z, old = update.state.internal, state.internal
    resolved = torch.einsum("pij,aij->pa", symmetric(update.state.stress), law.schmid)
    slip = dt * law.slip_rates(resolved, z)
    hardening = ((z - old - law.evolution(z, slip, dt)) / z).abs().max()
    flow = torch.eye(3, dtype=torch.float64) - torch.einsum("pa,aij->pij", slip, law.schmid)
    elastic = deformation @ state.plastic_inverse @ flow
    strain = 0.5 * (elastic.mT @ elastic - torch.eye(3, dtype=torch.float64))
    stress = mandel(strain) @ SECH.elasticity.stiffness()
    off = (stress - update.state.stress).abs().max() / update.state.stress.abs().max()
    return float(max(hardening, off))


def mandel(tensor):
    root = 2**0.5
    parts = [(0, 0, 1), (1, 1, 1), (2, 2, 1), (1, 2, root), (0, 2, root), (0, 1, root)]
    return torch.stack([factor * tensor[:, i, j] for i, j, factor in parts], -1)


def symmetric(vector):
    a, b, c, d, e, f = (vector / vector.new_tensor([1, 1, 1, 2**0.5, 2**0.5, 2**0.5])).unbind(-1)
    return torch.stack([a, f, e, f, b, d, e, d, c], -1).reshape(-1, 3, 3)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("size", [0.05, 0.5])
def test_even_a_step_of_half_is_answered_by_the_law_itself(engine, size):
    """A step that Newton's method fails at was once continued with the shipped law."""
    law, solved = engine(SECH), 0
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(1, 3, 3, generator=generator, dtype=torch.float64)
        deformation = torch.matrix_exp(size * direction / direction.norm())
        state = law.initial_state(random_quaternions(1, seed))
        try:
            update = law.update(deformation, state, 1.0)
        except px.ConvergenceError:
            continue
        solved += 1
        assert residual(deformation, state, 1.0, update) < 1e-8
    assert solved >= 2


def test_parameters_of_a_subclass_are_not_taken_for_those_of_the_shipped_law():
    assert isinstance(law_of(SECH.plasticity, SECH.lattice), SechLaw)
    with pytest.raises(ValueError, match=r"parameters of a known law .* but is a Unregistered"):
        law_of(Unregistered(**vars(ALUMINIUM.plasticity)), ALUMINIUM.lattice)


def test_its_phase_file_is_read_and_damask_is_told(tmp_path):
    file = tmp_path / "sech.yaml"
    body = SechLaw.to_damask(SECH.plasticity)
    lines = [f"    {key}: {value}" for key, value in body.items()]
    elastic = "    type: Hooke\n    C_11: 107.3e9\n    C_12: 60.8e9\n    C_44: 28.3e9"
    file.write_text(
        "\n".join(["lattice: cF", "mechanical:", "  elastic:", elastic, "  plastic:", *lines, ""])
    )
    assert px.load_material(file).plasticity == SECH.plasticity
    rve = px.tessellate(grid=2, grains=1, seed=0)
    with pytest.raises((ValueError, RuntimeError), match="DAMASK"):
        px.simulate(rve, SECH, px.LoadPath.uniaxial(strain=0.001), engine="damask")


def test_machine_code_is_keyed_by_all_compiled_sources(tmp_path):
    """Numba alone looks at the file of the function that is called, not at what it calls."""
    caller = "from callee import g\n@compiled\ndef f(x):\n    return g(x)\n"
    (tmp_path / "caller.py").write_text(caller)
    (tmp_path / "callee.py").write_text("@compiled\ndef g(x):\n    return x + 1\n")
    before = source_digest(tmp_path)
    source_digest.cache_clear()
    assert source_digest(tmp_path) == before
    (tmp_path / "callee.py").write_text("@compiled\ndef g(x):\n    return x + 2\n")
    source_digest.cache_clear()
    assert source_digest(tmp_path) != before
    source_digest.cache_clear()


def test_a_kernel_outside_the_package_is_keyed_by_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    markers = []
    for number in (1, 2):
        (tmp_path / f"kernel_{number}.py").write_text(f"VALUE = {number}\n")
        module: ModuleType = __import__(f"kernel_{number}")
        module.__name__ = "kernel"
        markers.append(kernel_marker(module))
    assert markers[0] != markers[1]


def cell():
    generator = torch.Generator().manual_seed(1)
    names = ("ferrite", "titanium", "magnesium", "steel")
    phase = torch.tensor([0, 1, 2, 3, 0, 2])
    lattices = ["cI", px.Lattice("hP", 1.587), px.Lattice("hP", 1.6236), "cF"]
    materials = dict(
        zip(names, map(px.load_material, ("ferrite", "Ti", "Mg", "317L")), strict=True)
    )
    ids = torch.randint(6, (2, 3, 2), generator=generator)
    rve = px.Polycrystal(
        ids, random_quaternions(6, generator), phase=phase, phase_names=names, lattices=lattices
    )
    return rve, materials


def test_four_lattices_and_two_laws_in_one_cell():
    rve, materials = cell()
    path = px.LoadPath.uniaxial(0.003, increments=2)
    fast = px.simulate(rve, materials, path, tol=1e-6)
    slow = px.simulate(rve, materials, path, tol=1e-6, compiled=False)
    scale = float(slow.P.abs().max())
    assert float((fast.P - slow.P).abs().max()) < 1e-6 * scale
    for baseline in (px.taylor_response, px.sachs_response):
        assert float(baseline(rve, materials, path).stress("xx")[-1]) > 0


@pytest.mark.slow
def test_four_lattices_and_two_laws_in_one_network():
    """Compiled for half a minute; tests/properties/test_network.py has two laws in a network."""
    rve, materials = cell()
    path = px.LoadPath.uniaxial(0.003, increments=2)
    net = px.MaterialNetwork.from_polycrystal(rve, leaves=8, seed=0)
    fast, slow = (net.respond(materials, path, engine=engine).P for engine in ("compiled", "torch"))
    assert float((fast - slow).abs().max()) < 1e-6 * float(slow.abs().max())


@pytest.mark.parametrize("compiled", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_resumed_run_keeps_the_state_of_every_law(tmp_path, compiled):
    """Twinned fractions, back stresses and slips are in the checkpoint."""

    class Stop(Exception):
        pass

    def stop(time: float) -> None:
        if time > 3:
            raise Stop

    rve, materials = cell()
    path = px.LoadPath.cyclic(strain=0.004)
    options = {"checkpoint": tmp_path / "run.npz", "checkpoint_seconds": 0.0, "compiled": compiled}
    whole = px.simulate(rve, materials, path, compiled=compiled)
    with pytest.raises(Stop):
        px.simulate(rve, materials, path, on_increment=stop, **options)
    resumed = px.simulate(rve, materials, path, **options)
    assert torch.equal(resumed.P, whole.P)
    for name, values in whole.fields.internal.items():
        assert torch.equal(
            torch.nan_to_num(resumed.fields.internal[name]), torch.nan_to_num(values)
        ), name


def test_one_material_for_phases_of_different_lattices_is_refused():
    rve, materials = cell()
    path = px.LoadPath.uniaxial(0.001)
    net = px.MaterialNetwork.from_polycrystal(rve, leaves=8, seed=0)
    for answer in (
        lambda: px.simulate(rve, materials["titanium"], path),
        lambda: px.taylor_response(rve, materials["titanium"], path),
        lambda: net.respond(materials["titanium"], path),
    ):
        with pytest.raises(ValueError, match=r"phase 'ferrite', cubic \(cI\), must have"):
            answer()
    crystal = px.load_material("Al").elasticity
    with pytest.raises(ValueError, match=r"'titanium' is hexagonal .* constants are cubic"):
        px.hill_average(rve, crystal)
