"""The example with finite elements, on a coarse mesh."""

import importlib.util
import sys

import numpy as np
import pytest
from places import ROOT

pytest.importorskip("skfem", reason="the example needs scikit-fem")


@pytest.fixture(scope="module")
def example():
    file = ROOT / "examples" / "finite_elements" / "notched_bar.py"
    spec = importlib.util.spec_from_file_location("notched_bar", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def bar(example):
    return example.Bar(example.notched_mesh(2, 2, 2))


def test_the_bar_has_its_volume_and_narrowest_section(example, bar):
    volume = bar.volumes.sum()
    notch = np.pi / 4 * example.NOTCH_DEPTH * example.NOTCH_LENGTH * example.THICKNESS / 2
    whole = example.LENGTH * example.WIDTH * example.THICKNESS / 8
    assert whole - 2 * notch < volume < whole
    at_notch = bar.mesh.p[1][np.isclose(bar.mesh.p[0], 0)]
    assert at_notch.max() == pytest.approx(example.WIDTH / 2 - example.NOTCH_DEPTH)


def test_the_stiffness_is_the_derivative_of_the_forces(example, bar):
    batch = example.material_points(bar.basis, 2, True)
    generator = np.random.default_rng(0)
    u, change = (1e-3 * generator.standard_normal(bar.basis.N) for _ in range(2))
    matrix = bar.stiffness(batch.attempt(bar.deformation(u), 5.0).tangent).tocsr()
    h = 1e-3
    more, less = (
        bar.forces(batch.attempt(bar.deformation(u + sign * h * change), 5.0, tangent=False).stress)
        for sign in (1, -1)
    )
    difference = (more - less) / (2 * h)
    assert np.abs(matrix @ change - difference).max() < 1e-4 * np.abs(difference).max()


def test_newton_converges_quadratically_and_taylor_is_stronger(example, bar, tmp_path):
    meshio = pytest.importorskip("meshio", reason="ParaView's files are written by meshio")
    force = {}
    for interfaces in (True, False):
        batch = example.material_points(bar.basis, 3, interfaces)
        solution = example.pull(bar, batch, 0.01, 2, tmp_path if interfaces else None, False)
        force[interfaces] = solution.force[-1]
        assert solution.displacement[-1] == pytest.approx(0.01 * example.LENGTH)
        assert (np.diff(solution.force) > 0).all()
        *_, before, last = solution.residuals[-1]
        assert before < 1e-2
        assert last < before**1.5
    assert 1.02 < force[False] / force[True] < 1.4
    files = sorted(tmp_path.glob("bar_*.vtu"))
    assert len(files) > 2
    mesh = meshio.read(files[-1])
    assert mesh.point_data["displacement [mm]"][:, 0].max() == pytest.approx(0.1)
    assert mesh.cell_data["von Mises stress [MPa]"][0].min() > 50
