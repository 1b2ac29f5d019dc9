"""The two-phase laminate against the classical formulas for layered media.

Seen from the interface, strain components in the plane and stress components across it are the
same in both layers. Solving each layer's law for the others and averaging is Backus' method; it
shares neither notation nor algebra with the package's formula.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.network import laminate
from polyxtal.network.laminate import interface_operator, laminate_stiffness
from polyxtal.network.topology import BinaryTree
from polyxtal.network.tree import MaterialNetwork

SOFT = CubicElasticity(107.3e3, 60.8e3, 28.3e3)
HARD = CubicElasticity(250e3, 110e3, 160e3)
PAIRS = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]


def to_tensor(mandel: np.ndarray) -> np.ndarray:
    """Write a Mandel matrix out as a fourth-order tensor."""
    c = np.zeros((3, 3, 3, 3))
    for m, (i, j) in enumerate(PAIRS):
        for n, (k, l) in enumerate(PAIRS):  # noqa: E741
            value = mandel[m, n] / np.sqrt((1 + (i != j)) * (1 + (k != l)))
            c[i, j, k, l] = c[j, i, k, l] = c[i, j, l, k] = c[j, i, l, k] = value
    return c


def layered(first: np.ndarray, second: np.ndarray, f: float, normal: np.ndarray) -> np.ndarray:
    """Homogenise two layers: tensors in, tensor out, any unit normal."""
    helper = np.eye(3)[np.argmin(np.abs(normal))]
    tangent = np.cross(normal, helper) / np.linalg.norm(np.cross(normal, helper))
    frame = np.stack([tangent, np.cross(normal, tangent), normal])  # rows; z is the normal
    across, along = [(2, 2), (1, 2), (0, 2)], [(0, 0), (1, 1), (0, 1)]
    blocks = []
    for c in (first, second):
        turned = np.einsum("ai,bj,ck,dl,ijkl->abcd", frame, frame, frame, frame, c)

        def part(rows: list, columns: list, c: np.ndarray = turned) -> np.ndarray:
            # Engineering strain: column (k, l) with k != l is met twice in the sum over tensors.
            return np.array([[c[(*row, *column)] for column in columns] for row in rows])

        nn, nt = part(across, across), part(across, along)
        tn, tt = part(along, across), part(along, along)
        inverse = np.linalg.inv(nn)
        blocks.append((inverse, inverse @ nt, tn @ inverse, tt - tn @ inverse @ nt))
    a, b, c, d = (f * x + (1 - f) * y for x, y in zip(*blocks, strict=True))
    nn = np.linalg.inv(a)
    out = np.zeros((3, 3, 3, 3))
    for rows, columns, block in (
        (across, across, nn),
        (across, along, nn @ b),
        (along, across, c @ nn),
        (along, along, d + c @ nn @ b),
    ):
        for r, (i, j) in enumerate(rows):
            for s, (k, l) in enumerate(columns):  # noqa: E741
                out[i, j, k, l] = out[j, i, k, l] = out[i, j, l, k] = out[j, i, l, k] = block[r, s]
    return np.einsum("ai,bj,ck,dl,abcd->ijkl", frame, frame, frame, frame, out)


def unit(*components: float) -> torch.Tensor:
    n = torch.tensor(components, dtype=torch.float64)
    return n / torch.linalg.vector_norm(n)


NORMALS = {
    "x": unit(1, 0, 0),
    "z": unit(0, 0, 1),
    "-y": unit(0, -1, 0),
    "in a plane": unit(0, 3, -4),
    "oblique": unit(0.3, -0.5, 0.8),
    "diagonal": unit(1, 1, 1),
}


def layers() -> tuple[torch.Tensor, torch.Tensor]:
    p, q = random_quaternions(2, seed=3)
    return SOFT.stiffness(p), HARD.stiffness(q)


def relative(given: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(given - truth).max() / np.abs(truth).max())


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.83])
@pytest.mark.parametrize("name", NORMALS)
def test_laminate_stiffness_is_that_of_layered_media(name: str, fraction: float) -> None:
    first, second = layers()
    normal = NORMALS[name]
    given = laminate_stiffness(first, second, torch.tensor(fraction, dtype=torch.float64), normal)
    truth = layered(to_tensor(first.numpy()), to_tensor(second.numpy()), fraction, normal.numpy())
    assert relative(to_tensor(given.numpy()), truth) < 1e-13
    np.testing.assert_allclose(given.numpy(), given.numpy().T, rtol=0, atol=1e-9)


def test_isotropic_layers_follow_backus() -> None:
    """Backus (1962): the effective constants of layers normal to z."""
    f, layers = 0.35, [(SOFT.c12, 21e3), (90e3, 70e3)]
    mean = lambda g: f * g(*layers[0]) + (1 - f) * g(*layers[1])  # noqa: E731
    c33 = 1 / mean(lambda lam, mu: 1 / (lam + 2 * mu))
    ratio = mean(lambda lam, mu: lam / (lam + 2 * mu))
    c11 = mean(lambda lam, mu: 4 * mu * (lam + mu) / (lam + 2 * mu)) + ratio**2 * c33
    c66, c44 = mean(lambda lam, mu: mu), 1 / mean(lambda lam, mu: 1 / mu)
    c13 = ratio * c33
    expected = np.zeros((6, 6))
    expected[:3, :3] = [[c11, c11 - 2 * c66, c13], [c11 - 2 * c66, c11, c13], [c13, c13, c33]]
    expected[3:, 3:] = 2 * np.diag([c44, c44, c66])
    first, second = (CubicElasticity(lam + 2 * mu, lam, mu).stiffness() for lam, mu in layers)
    fraction = torch.tensor(f, dtype=torch.float64)
    given = laminate_stiffness(first, second, fraction, unit(0, 0, 1)).numpy()
    np.testing.assert_allclose(given, expected, rtol=1e-13, atol=1e-9)


def test_the_root_half_is_needed_for_oblique_normals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A published form of H lacks it: right for a normal along an axis, wrong for any other."""
    monkeypatch.setattr(laminate, "SQRT1_2", 1.0)
    first, second = layers()
    half = torch.tensor(0.5, dtype=torch.float64)

    def error(normal: torch.Tensor) -> float:
        given = laminate_stiffness(first, second, half, normal).numpy()
        truth = layered(to_tensor(first.numpy()), to_tensor(second.numpy()), 0.5, normal.numpy())
        return relative(to_tensor(given), truth)

    assert error(NORMALS["z"]) < 1e-13
    assert error(NORMALS["oblique"]) > 1e-2


def test_interface_operator_is_the_symmetric_product() -> None:
    generator = torch.Generator().manual_seed(5)
    normal = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    vector = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    strain = (interface_operator(normal) @ vector[:, :, None])[:, :, 0].numpy()
    for e, a, n in zip(strain, vector.numpy(), normal.numpy(), strict=True):
        symmetric = 0.5 * (np.outer(a, n) + np.outer(n, a))
        expected = [symmetric[i, j] * (1 if i == j else np.sqrt(2)) for i, j in PAIRS]
        np.testing.assert_allclose(e, expected, rtol=0, atol=1e-15 * 10)


def test_interface_operator_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"must end in shape \(3,\), but has shape \(2,\)"):
        interface_operator.__wrapped__(torch.zeros(2))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("fraction", "which"), [(0.0, 1), (1.0, 0)])
def test_a_layer_without_volume_does_not_count(fraction: float, which: int) -> None:
    pair = layers()
    share = torch.tensor(fraction, dtype=torch.float64)
    given = laminate_stiffness(*pair, share, NORMALS["oblique"])
    torch.testing.assert_close(given, pair[which], rtol=0, atol=0)
    # … and the way there is continuous, of first order in the volume.
    near = abs(fraction - 1e-6)
    thin = laminate_stiffness(*pair, torch.tensor(near, dtype=torch.float64), NORMALS["oblique"])
    change = float((thin - pair[which]).abs().max())
    assert 1e-3 < change < 1.0


def test_equal_layers_are_one_body() -> None:
    first, _ = layers()
    share = torch.tensor(0.3, dtype=torch.float64)
    given = laminate_stiffness(first, first, share, NORMALS["oblique"])
    torch.testing.assert_close(given, first, rtol=1e-15, atol=1e-10)


def test_turning_the_normal_round_or_swapping_the_layers_changes_nothing() -> None:
    first, second = layers()
    share, normal = torch.tensor(0.3, dtype=torch.float64), NORMALS["oblique"]
    given = laminate_stiffness(first, second, share, normal)
    flipped = laminate_stiffness(first, second, share, -normal)
    swapped = laminate_stiffness(second, first, 1 - share, normal)
    torch.testing.assert_close(flipped, given, rtol=1e-14, atol=1e-9)
    torch.testing.assert_close(swapped, given, rtol=1e-14, atol=1e-9)


def two_leaves(fraction: float, normal: torch.Tensor) -> MaterialNetwork:
    return MaterialNetwork(
        BinaryTree.balanced(2),
        random_quaternions(2, seed=3),
        torch.tensor([fraction, 1 - fraction], dtype=torch.float64),
        normal[None],
        torch.tensor([0, 1]),
        ("soft", "hard"),
    )


@pytest.mark.parametrize("name", ["z", "oblique"])
def test_a_network_of_two_leaves_is_the_laminate(name: str) -> None:
    normal = NORMALS[name]
    first, second = layers()
    truth = layered(to_tensor(first.numpy()), to_tensor(second.numpy()), 0.3, normal.numpy())
    given = two_leaves(0.3, normal).stiffness({"soft": SOFT, "hard": HARD})
    assert relative(to_tensor(given.numpy()), truth) < 1e-13


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_under_small_load_two_leaves_are_the_laminate(engine: str) -> None:
    """Central differences of P at F = I; the term of second order in the strain drops out."""
    normal, h = NORMALS["oblique"], 1e-5
    network = two_leaves(0.3, normal)
    materials = {"soft": Material("soft", SOFT), "hard": Material("hard", HARD)}
    first, second = layers()
    truth = layered(to_tensor(first.numpy()), to_tensor(second.numpy()), 0.3, normal.numpy())
    prescribed = np.zeros((3, 3), dtype=bool)

    def stress(strain: np.ndarray) -> np.ndarray:
        stepper = network.online(materials, engine, tolerance=1e-10)
        assert stepper.attempt(1.0, MixedControl.of(np.eye(3) + strain, prescribed), True).converged
        stepper.accept()
        return stepper.averages()[1]

    for i, j in PAIRS:
        strain = np.zeros((3, 3))
        strain[i, j] = strain[j, i] = h
        slope = (stress(strain) - stress(-strain)) / (2 * h)
        expected = truth[:, :, i, j] * (1 if i == j else 2)
        assert relative(slope, expected) < 1e-9


def test_a_stack_of_parallel_layers_does_not_care_how_it_is_joined() -> None:
    """Four layers of one normal: any tree gives the one closed form."""
    q = random_quaternions(4, seed=8)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    normals = unit(0.3, -0.5, 0.8).expand(3, 3)
    phase = torch.zeros(4, dtype=torch.int64)
    chain = BinaryTree(np.array([2, 4, 0]), np.array([1, 3, 5]))
    balanced, linked = (
        MaterialNetwork(tree, q, weights, normals, phase).stiffness(HARD)
        for tree in (BinaryTree.balanced(4), chain)
    )
    torch.testing.assert_close(linked, balanced, rtol=1e-13, atol=1e-8)
