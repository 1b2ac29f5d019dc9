"""User materials in Fortran: equal to the compiled network, DDSDDE, failure, refusals."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from umat_driver import GFORTRAN, UserMaterial

import polyxtal as px
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.network.topology import BinaryTree

ALUMINIUM = px.load_material("AA6022-T4")
TIGHT = 1e-12
RVE = px.tessellate(grid=6, grains=20, seed=0)
NETWORK = px.MaterialNetwork.from_polycrystal(RVE, leaves=5, seed=0)
SMALL = px.MaterialNetwork.from_polycrystal(RVE, leaves=2, seed=0)
ROW, COLUMN = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
fortran = pytest.mark.skipif(GFORTRAN is None, reason="gfortran compiles user materials")


def kinematic():
    """Voce hardening with back stress, with numbers of the order of an aluminium alloy's."""
    law = px.VoceKinematic(
        1e-3, 20.5, 60.0, 40.0, 300.0, 20.0, 3000.0, 60.0, (1, 1, 1.4, 1, 1, 1.2, 1)
    )
    return px.Material("kinematic", ALUMINIUM.elasticity, law)


def with_phases(names, lattices=()):
    phase = NETWORK.phase.clone()
    phase[1::2] = 1
    return replace(NETWORK, phase=phase, phase_names=names, lattices=lattices)


def unlike_families():
    """A network of a bcc crystal with two families and a hard elastic phase."""
    iron = next(name for name in px.materials() if px.load_material(name).lattice.symbol == "cI")
    hard = px.Material("hard", px.CubicElasticity(c11=400e3, c12=150e3, c44=120e3))
    return with_phases(("iron", "hard")), {"iron": px.load_material(iron), "hard": hard}


CASES = {
    "slip": lambda: (NETWORK, ALUMINIUM),
    "one crystal, fractional exponents": lambda: (
        px.MaterialNetwork.from_polycrystal(RVE, leaves=1),
        replace(
            ALUMINIUM,
            plasticity=replace(ALUMINIUM.plasticity, stress_exponent=15.5, hardening_exponent=2.3),
        ),
    ),
    "twins": lambda: (SMALL, px.load_material(TWINNING)),
    "back stress": lambda: (SMALL, kinematic()),
    "phases": unlike_families,
}
TWINNING = next(
    name
    for name in px.materials()
    if getattr(px.load_material(name).plasticity, "twinning", None) is not None
)


SAME_KERNEL = ("slip", "one crystal, fractional exponents")
"""Cases whose compiled form other tests need, too; the others are compared with the readable."""


@pytest.fixture(params=CASES, scope="module")
def case(request, tmp_path_factory):
    """A case as user material of three points, with its network and material."""
    network, material = CASES[request.param]()
    file = tmp_path_factory.mktemp("umat") / "law.f90"
    states = px.write_umat(network, material, file, tolerance=TIGHT)
    return UserMaterial(file, states, points=3), network, material, request.param


def mixed_path():
    """Tension, reversal with rotation, and shear, different at each point."""
    generator = np.random.default_rng(1)
    spread = 0.15 * generator.standard_normal((3, 3, 3))
    directions = np.zeros((3, 3, 3))
    directions[0] = np.diag([1.0, -0.45, -0.4])
    directions[1] = -0.8 * directions[0] + [[0, 0.3, 0], [-0.3, 0, 0], [0, 0, 0]]
    directions[2, 0, 1] = 1.5
    wanted = np.tile(np.eye(3), (3, 1, 1))
    for direction in directions:
        for _ in range(4):
            wanted = wanted + 1.5e-3 * (direction + spread)
            yield wanted


@fortran
def test_a_user_material_is_the_network_in_python(case):
    compiled, network, material, name = case
    compiled.reset()
    fast = name in SAME_KERNEL
    batch = px.NetworkBatch(network, material, 3, tolerance=TIGHT, threads=1) if fast else None
    readable = network.online(material, engine="torch", tolerance=1e-11)
    largest, free = 0.0, np.zeros((3, 3), dtype=bool)
    for wanted in list(mixed_path())[: None if fast else 2]:
        stress, moduli, shortened, states = compiled.attempt(wanted, 1.5)
        assert (shortened == 1).all()
        if batch is None:
            control = MixedControl.of(wanted[0], free)
            assert readable.attempt(1.5, control, True).converged
            readable.accept()
            f, p = readable.averages()
            cauchy = (p @ f.T / np.linalg.det(f))[None][:, ROW, COLUMN]
        else:
            expected = batch.attempt(wanted, 1.5)
            cauchy, jaumann = expected.cauchy[:, ROW, COLUMN], _jaumann(expected)
            assert np.abs(moduli - jaumann).max() < 1e-6 * np.abs(jaumann).max()
            batch.accept()
        largest = max(largest, np.abs(cauchy).max())
        assert np.abs(stress[: len(cauchy)] - cauchy).max() < 1e-8 * largest
        compiled.accept(wanted, states)
    assert largest > 50


def _jaumann(increment):
    """Return the moduli of the Jaumann rate, (points, 6, 6), from dP/dF."""
    f, identity = increment.deformation, np.eye(3)
    volume = np.linalg.det(f)[:, None, None, None, None]
    tau = increment.stress @ f.swapaxes(1, 2)
    moduli = np.einsum("piajb,pka,plb->pikjl", increment.tangent, f, f)
    moduli = (moduli + np.einsum("pij,kl->pikjl", tau, identity)) / volume
    moduli = 0.5 * (moduli + moduli.swapaxes(1, 2))
    moduli = 0.5 * (moduli + moduli.swapaxes(3, 4))
    return moduli[:, ROW, COLUMN][:, :, ROW, COLUMN]


@fortran
def test_ddsdde_is_the_derivative_for_the_jaumann_rate(case):
    compiled = case[0]
    compiled.reset()
    *path, last = list(mixed_path())[:8]
    for wanted in path:
        *_, states = compiled.attempt(wanted, 1.5)
        compiled.accept(wanted, states)
    _, moduli, _, _ = compiled.attempt(last, 1.5)
    h = 1e-6
    volume = np.linalg.det(last)[:, None]
    for column in range(6):
        rate = np.zeros((3, 3))  # of engineering shear 1
        rate[ROW[column], COLUMN[column]] += 0.5
        rate[COLUMN[column], ROW[column]] += 0.5
        kirchhoff = []
        for sign in (1, -1):
            varied = (np.eye(3) + sign * h * rate) @ last
            stress, *_ = compiled.attempt(varied, 1.5)
            kirchhoff.append(stress * np.linalg.det(varied)[:, None])
        difference = (kirchhoff[0] - kirchhoff[1]) / (2 * h * volume)
        assert np.abs(moduli[:, :, column] - difference).max() < 1e-5 * np.abs(moduli).max()


@fortran
def test_large_increments_are_cut_and_hopeless_ones_reported(tmp_path):
    states = px.write_umat(NETWORK, ALUMINIUM, tmp_path / "law.f90", name="alloy", tolerance=TIGHT)
    compiled = UserMaterial(tmp_path / "law.f90", states, 2, name="alloy")
    batch = px.NetworkBatch(NETWORK, ALUMINIUM, 2, tolerance=TIGHT, threads=1)
    wanted = np.tile(np.eye(3) + 0.2 * np.eye(3, k=1), (2, 1, 1))
    wanted[1] = np.diag([-1.0, 1.0, 1.0])
    stress, moduli, shortened, after = compiled.attempt(wanted, 1.0)
    assert shortened.tolist() == [1.0, 0.25]
    expected = batch.attempt(wanted, 1.0)
    assert expected.pieces[0] > 1
    cauchy = expected.cauchy[0][ROW, COLUMN]
    assert np.abs(stress[0] - cauchy).max() < 1e-8 * np.abs(cauchy).max()
    first = _jaumann(expected)[0]
    assert np.abs(moduli[0] - first).max() < 1e-4 * np.abs(first).max()
    fresh, *_ = compiled.attempt(np.tile(np.eye(3), (2, 1, 1)), 1.0)
    compiled.states[1] = after[1]  # that of the failed point is as good as new
    again, *_ = compiled.attempt(np.tile(np.eye(3), (2, 1, 1)), 1.0)
    assert np.array_equal(fresh, again)


TRAPPED = """
import ctypes, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from umat_driver import UserMaterial
compiled = UserMaterial(Path(sys.argv[2]), int(sys.argv[3]), 4)
wanted = np.tile(np.eye(3), (4, 1, 1))
wanted[0] += 0.2 * np.eye(3, k=1)
wanted[1] = np.diag([-1.0, 1.0, 1.0])
wanted[2] *= 1e80
wanted[3, 0, 0] = np.nan
ctypes.CDLL("libm.so.6").feenableexcept(1 | 4 | 8)  # invalid, zero, overflow
_, _, shortened, _ = compiled.attempt(wanted, 1.0)
ctypes.CDLL("libm.so.6").fedisableexcept(1 | 4 | 8)
print(shortened.tolist())
"""


@fortran
@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux traps exceptions")
def test_failure_is_reported_where_floating_point_exceptions_are_trapped(tmp_path):
    file = tmp_path / "law.f90"
    states = px.write_umat(NETWORK, ALUMINIUM, file)
    support = Path(__file__).parents[2] / "support"
    done = subprocess.run(
        [sys.executable, "-c", TRAPPED, support, file, str(states)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1.0, 0.25, 0.25, 0.25]"


DAMAGED = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from umat_driver import UserMaterial
compiled = UserMaterial(Path(sys.argv[2]), int(sys.argv[3]), 2)
same = np.tile(np.eye(3), (2, 1, 1))
_, _, _, compiled.states = compiled.attempt(same, 1.0)
compiled.states[1, 12] = np.nan
_, _, shortened, after = compiled.attempt(same, 1.0)
print(shortened.tolist(), np.array_equal(after[1], compiled.states[1], equal_nan=True))
"""


@fortran
def test_a_state_that_is_not_finite_is_told(tmp_path):
    file = tmp_path / "law.f90"
    states = px.write_umat(NETWORK, ALUMINIUM, file)
    support = Path(__file__).parents[2] / "support"
    command = [sys.executable, "-c", DAMAGED, support, file, str(states)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[1.0, 0.25] True" in done.stdout
    assert done.stdout.count("STATEV must be finite numbers") == 1


@fortran
def test_stress_for_calculix_rotates_with_the_material(tmp_path):
    for solver in ("abaqus", "calculix"):
        px.write_umat(NETWORK, ALUMINIUM, tmp_path / f"{solver}.f90", solver=solver)
    states = px.write_umat(NETWORK, ALUMINIUM, tmp_path / "abaqus.f90")
    abaqus, calculix = (
        UserMaterial(tmp_path / f"{solver}.f90", states, flags=("-O0",))
        for solver in ("abaqus", "calculix")
    )
    c, s = np.cos(0.3), np.sin(0.3)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    stretch = np.diag([1.004, 0.998, 0.999])
    straight, *_ = abaqus.attempt(stretch[None], 1.0)
    turned, *_ = abaqus.attempt((turn @ stretch)[None], 1.0)
    back, *_ = calculix.attempt((turn @ stretch)[None], 1.0)
    assert np.abs(back - straight).max() < 1e-6 * np.abs(straight).max()
    assert np.abs(turned - straight).max() > 0.05 * np.abs(straight).max()


def test_what_cannot_be_written_is_refused(tmp_path):
    file = tmp_path / "law.f90"
    two = with_phases(("a", "b"))
    with pytest.raises(ValueError, match="must have the same plasticity law"):
        px.write_umat(two, {"a": ALUMINIUM, "b": kinematic()}, file)
    with pytest.raises(ValueError, match="at most 1024 leaves"):
        px.write_umat(px.MaterialNetwork.from_polycrystal(RVE, leaves=1025), ALUMINIUM, file)
    with pytest.raises(ValueError, match="must be a letter"):
        px.write_umat(NETWORK, ALUMINIUM, file, name="1law")
    with pytest.raises(ValueError, match="'abaqus' or 'calculix'"):
        px.write_umat(NETWORK, ALUMINIUM, file, solver="ansys")
    assert not file.exists()


def test_a_law_of_ones_own_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend("examples")
    from sech_law import SechPowerlaw

    sech = replace(ALUMINIUM, plasticity=SechPowerlaw(**vars(ALUMINIUM.plasticity)))
    with pytest.raises(ValueError, match="must have a law that is written in Fortran"):
        px.write_umat(NETWORK, sech, tmp_path / "law.f90")


def test_lines_fit_and_the_tree_is_inside(tmp_path):
    px.write_umat(NETWORK, ALUMINIUM, tmp_path / "law.f90")
    lines = (tmp_path / "law.f90").read_text(encoding="ascii").splitlines()
    assert lines[0] == "!DEC$ FREEFORM"
    assert max(map(len, lines)) <= 132
    text = "\n".join(lines)
    assert f"nl = {NETWORK.leaves}" in text
    assert isinstance(NETWORK.tree, BinaryTree)
    for value in NETWORK.normals[:, 0].tolist():
        assert f"{value:.16e}".replace("e", "d") in text
