"""The polycrystal: what it accepts, refuses and derives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.microstructure.polycrystal import Polycrystal

IDS = np.arange(24).reshape(2, 3, 4) % 5
Q = random_quaternions(5, 1)


def rve(**changes: object) -> Polycrystal:
    return Polycrystal(**({"grain_id": IDS, "orientations": Q} | changes))


def test_what_it_derives():
    p = rve(size=(4.0, 3.0, 8.0))
    assert (p.grid, p.grains, p.spacing) == ((2, 3, 4), 5, (2.0, 1.0, 2.0))
    assert p.volume_fractions.tolist() == [5 / 24] * 4 + [4 / 24]
    assert p.orientation_field().shape == (2, 3, 4, 4)
    assert torch.equal(p.orientation_field()[1, 2, 3], Q[IDS[1, 2, 3]])
    assert p.phase.tolist() == [0] * 5
    assert repr(p) == (
        "Polycrystal(grid=(2, 3, 4), grains=5, size=(4, 3, 8) µm, phases=('crystal',))"
    )


def test_a_grain_without_voxels_has_no_volume():
    p = rve(grain_id=np.zeros((1, 1, 2), dtype=np.int32))
    assert p.volume_fractions.tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("wrap", [np.asarray, torch.as_tensor, np.ndarray.tolist])
def test_arrays_tensors_and_lists_are_taken(dtype, wrap):
    p = rve(grain_id=wrap(IDS.astype(dtype)), orientations=wrap(Q.numpy()))
    assert p.grain_id.dtype == torch.int64
    assert np.array_equal(p.grain_id.numpy(), IDS)
    assert torch.equal(p.orientations, Q)


def test_its_arrays_are_its_own():
    ids, q, phase = IDS.copy(), Q.clone(), np.zeros(5, dtype=np.int64)
    p = rve(grain_id=ids, orientations=q, phase=phase)
    ids[:], phase[:] = 0, 7
    q.zero_()
    assert np.array_equal(p.grain_id.numpy(), IDS)
    assert torch.equal(p.orientations, Q)
    assert p.phase.tolist() == [0] * 5


def test_rounding_in_a_quaternion_is_scaled_away():
    p = rve(orientations=Q * 1.0005)
    torch.testing.assert_close(p.orientations, Q, rtol=0, atol=1e-15 * 4)
    unit = rve(orientations=p.orientations)
    assert torch.equal(unit.orientations, p.orientations)  # a copy does not stir the last bit
    single = rve(orientations=Q.to(torch.float32))
    assert single.orientations.dtype == torch.float64
    torch.testing.assert_close(single.orientations, Q, rtol=0, atol=1e-6)


def test_rotating_the_crystals():
    turn = random_quaternions(1, 8)[0]
    p = rve(phase=[0, 1, 0, 1, 0], phase_names=("a", "b"), size=(1, 2, 3))
    turned = p.rotate(turn)
    expected = quaternion_to_matrix(turn) @ quaternion_to_matrix(p.orientations)
    given = quaternion_to_matrix(turned.orientations)
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-14)
    assert torch.equal(turned.grain_id, p.grain_id)
    assert torch.equal(turned.phase, p.phase)
    assert (turned.size, turned.phase_names) == (p.size, p.phase_names)


def bent(grain: int, value: float) -> torch.Tensor:
    q = Q.clone()
    q[grain] = value
    return q


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"grain_id": IDS[0]}, r"must have shape \(nx, ny, nz\) .* but has shape \(3, 4\)"),
        ({"grain_id": np.zeros((0, 2, 2), dtype=int)}, "at least one voxel"),
        ({"grain_id": IDS.astype(float)}, "must hold integers, but holds float64"),
        ({"grain_id": IDS.astype(bool)}, "must hold integers, but holds bool"),
        ({"grain_id": IDS - 1}, "must be 0-based, but holds -1"),
        ({"grain_id": IDS + 1}, "id 5 has none: 5 orientations were given for ids 0 to 4"),
        ({"orientations": Q[:, :3]}, r"must have shape \(grains, 4\) .* has shape \(5, 3\)"),
        ({"orientations": Q[:0]}, "at least one grain"),
        ({"orientations": Q[0]}, r"has shape \(4,\)"),
        ({"orientations": bent(3, 0.0)}, r"that of grain 3 is .*length 0 \(1 of 5 are wrong\)"),
        ({"orientations": bent(2, math.nan)}, "that of grain 2 is"),
        ({"orientations": Q * 1.002}, r"of length 1\.002 \(5 of 5 are wrong\)"),
        ({"size": (1.0, 2.0)}, "must be three positive lengths"),
        ({"size": (1.0, 2.0, 0.0)}, "must be three positive lengths"),
        ({"size": (1.0, math.inf, 1.0)}, "must be three positive lengths"),
        ({"size": (1.0, math.nan, 1.0)}, "must be three positive lengths"),
        ({"size": (1.0, 5e-324, 1.0)}, "make the edges of a voxel 1e-100 to 1e\\+100"),
        ({"size": (1.0, 1e-310, 1.0)}, "make the edges of a voxel"),
        ({"size": (1.0, 1e300, 1.0)}, "make the edges of a voxel"),
        ({"phase": [0, 0]}, r"one integer per grain, shape \(5,\), but has shape \(2,\)"),
        ({"phase": [0.0] * 5}, "one integer per grain.* of float64"),
        ({"phase": [0, 0, 1, 0, 0]}, "must index the 1 phase names, but spans 0 to 1"),
        ({"phase": [0, 0, -1, 0, 0]}, "but spans -1 to 0"),
        ({"phase_names": ("a", "a")}, "must be distinct names"),
        ({"phase_names": ("a" * 5000,) * 9}, "must be distinct names, but is .{,201}$"),
        ({"phase_names": ()}, "must be distinct names"),
    ],
)
def test_what_is_no_polycrystal_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        rve(**changes)
