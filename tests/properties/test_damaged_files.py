"""Damaged files are read or refused: one short sentence, in seconds, within memory."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from damaged import POLE_FIGURES, Reader, complaint, counted, readers

from polyxtal.microstructure.io.registry import FORMATS

FEW, MANY = 18, 1000
"""Mutants of each file in the quick suite, and of each in the slow one."""
ALLOWED = {"read", "refused"}
MODEL = (
    "config.json model.safetensors network.json parameters.json parameters.safetensors "
    "property.json property.safetensors"
)
NAMES = [
    *(entry.extension for entry in FORMATS if entry.reader),
    *("ascii .vti", "array of .npz", "material.yaml of a grid", "material.yaml"),
    *("grains.csv", "load.yaml", "recipe.yaml"),
    *POLE_FIGURES,
    *("texture.wts", "texture.yaml", "texture.odf"),
    *(f"model {name}" for name in f"{MODEL} stiffness.json stiffness.safetensors".split()),
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return {one.name: one for one in readers(tmp_path_factory.mktemp("samples"))}


def test_every_file_is_damaged(samples):
    assert set(NAMES) == set(samples)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_read_or_refused(samples, name):
    reader = samples[name]
    found = {complaint(reader, seed) for seed in range(FEW)}
    reader.write(reader.content)
    reader.read()
    assert found <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_damaged_files_take_seconds_and_little_memory(tmp_path: Path, name: str) -> None:
    """Each format in a process of its own, whose memory is limited and which may crash."""
    start = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=start) as pool:
        found = pool.submit(counted, tmp_path, name, range(FEW, FEW + MANY)).result(timeout=600)
    print(name, {key: len(seeds) for key, seeds in found.items()})
    assert {key: seeds for key, seeds in found.items() if key not in ALLOWED} == {}
    assert len(found["refused"]) > MANY // 2
