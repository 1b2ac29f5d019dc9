"""Whatever polycrystal is written is read again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.microstructure.io import read, write
from polyxtal.microstructure.polycrystal import Polycrystal

names = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
    unique=True,
)


cases = given(
    grid=st.tuples(*[st.integers(1, 7)] * 3),
    size=st.tuples(*[st.floats(1e-6, 1e9)] * 3),
    grains=st.integers(1, 300),
    phase_names=names,
    seed=st.integers(0, 2**31),
)


def polycrystal(
    grid: tuple[int, int, int],
    size: tuple[float, float, float],
    grains: int,
    phase_names: list[str],
    seed: int,
) -> Polycrystal:
    generator = np.random.default_rng(seed)
    return Polycrystal(
        generator.integers(0, grains, grid),
        random_quaternions(grains, seed).numpy(),
        size,
        generator.integers(0, len(phase_names), grains),
        phase_names,
    )


@settings(max_examples=60, deadline=None)
@cases
def test_npz_keeps_everything(**case: Any) -> None:
    rve = polycrystal(**case)
    with tempfile.TemporaryDirectory() as folder:
        write(rve, Path(folder) / "rve.npz")
        back = read(Path(folder) / "rve.npz")
    assert torch.equal(back.grain_id, rve.grain_id)
    # A quaternion is scaled to unit length once more, which may move its last bit.
    assert torch.allclose(back.orientations, rve.orientations, rtol=0, atol=3e-16)
    assert torch.equal(back.phase, rve.phase)
    assert back.size == rve.size
    assert back.phase_names == rve.phase_names


@settings(max_examples=60, deadline=None)
@cases
def test_damask_keeps_everything(**case: Any) -> None:
    rve = polycrystal(**case)
    with tempfile.TemporaryDirectory() as folder:
        write(rve, Path(folder) / "rve.vti")
        back = read(Path(folder) / "rve.vti")
    assert torch.equal(back.grain_id, rve.grain_id)
    assert torch.allclose(back.orientations, rve.orientations, rtol=0, atol=3e-16)
    assert torch.equal(back.phase, rve.phase)
    assert back.size == pytest.approx(rve.size, rel=1e-14)
    assert back.phase_names == rve.phase_names
