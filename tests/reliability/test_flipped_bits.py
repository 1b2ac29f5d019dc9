"""A flipped bit in a file that a run resumes from never changes an answer silently.

Each flip is refused, leads to the part being computed again, or changes nothing that is read.
"""

from __future__ import annotations

import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import PRETRAINING, RECIPE

import polyxtal as px
from polyxtal.dataset.recipe import make_recipe
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.plain import read_record
from polyxtal.files.run_folder import RunFolder
from polyxtal.mechanics.fullfield import run as simulation_run
from polyxtal.training.trainer import find_checkpoint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from polyxtal.training.pretrain.config import PretrainConfig
    from polyxtal.training.pretrain.module import Pretraining
    from polyxtal.training.pretrain.run import pretrain

Read = Callable[[Path], object]
FLIPS = pytest.param(1000, marks=pytest.mark.slow)
FEW = 40


def silent_changes(file: Path, read: Read, flips: int) -> list[int]:
    """Flip single bits at random, and return those that change what is read."""
    whole, generator = file.read_bytes(), np.random.default_rng(len(file.name))
    expected, changed = pickle.dumps(read(file)), []
    for bit in generator.integers(8 * len(whole), size=flips).tolist():
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        try:
            found = pickle.dumps(read(file))
        except (ValueError, FileNotFoundError):
            continue  # refused
        if found != expected:
            changed.append(bit)
    file.write_bytes(whole)
    return changed


def numbers(value: object) -> object:
    """Return nested content with arrays as bytes, comparable when pickled."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, dict):
        return [(str(key), numbers(entry)) for key, entry in value.items()]
    if isinstance(value, list | tuple):
        return [numbers(entry) for entry in value]
    return repr(value)


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    """A checkpoint in the middle of a simulation, and how it is read."""
    file, given = tmp_path_factory.mktemp("simulation") / "run.npz", []
    rve, alloy = px.tessellate(grid=3, grains=4, seed=0), px.load_material("AA6022-T4")
    path = px.LoadPath.uniaxial(0.002, increments=2)
    real = simulation_run.load_checkpoint

    def watch(*arguments):
        given.append(arguments[1:])
        return real(*arguments)

    px.simulate(rve, alloy, path, checkpoint=file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation_run, "load_checkpoint", watch)
        px.simulate(rve, alloy, path, checkpoint=file)
    return file, lambda where: numbers(real(where, *given[0])._asdict())


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory):
    config, folder = (
        PretrainConfig(**PRETRAINING | {"steps": 3, "warmup": 1}),
        tmp_path_factory.mktemp("run"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pretrain(config, folder / "run", accelerator="cpu", devices=1)
    module = Pretraining(config)

    def read(file: Path) -> object:
        found = find_checkpoint(file, module)
        assert found is not None
        return numbers(torch.load(found, weights_only=True))

    return folder / "run" / "last.ckpt", read


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    asked = {"seed": 1, "rate": 1e-3, "names": ["a", "b"], "more": {"x": None, "ü": True}}
    RunFolder(folder, "run.json", "a run").claim(asked)
    return (
        folder / "run.json",
        lambda file: (
            numbers(read_record(file)["seed"])
            and numbers({name: read_record(file)[name] for name in asked})
        ),
    )


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    file = tmp_path_factory.mktemp("arrays") / "kept.npz"
    write_arrays(file, {"F": torch.rand(7, 3, 3), "n": np.arange(5)}, {"seconds": 1.5})

    def read(where: Path) -> object:
        with open_arrays(where) as archive:
            return numbers({name: archive.read(name) for name in ("F", "n")} | archive.about)

    return file, read


@pytest.mark.parametrize("flips", [FEW, FLIPS])
@pytest.mark.parametrize("kind", ["simulation", "pretraining", "record", "arrays"])
def test_no_flip_changes_what_is_read(kind, flips, request):
    file, read = request.getfixturevalue(kind)
    assert silent_changes(file, read, flips) == []


@pytest.mark.parametrize("flips", [FEW, FLIPS])
def test_no_flip_changes_a_data_set(flips, tmp_path):
    """Whatever is flipped, the set is refused or made whole again."""
    recipe, generator = make_recipe(RECIPE | {"count": 4, "part": 2}), np.random.default_rng(1)
    px.generate(recipe, tmp_path / "whole", workers=1)
    names = sorted(f.relative_to(tmp_path / "whole") for f in (tmp_path / "whole").rglob("*"))
    files = [name for name in names if (tmp_path / "whole" / name).is_file()]
    whole = {name: (tmp_path / "whole" / name).read_bytes() for name in files}
    refused = 0
    for _ in range(flips):
        name = files[generator.integers(len(files))]
        flipped = bytearray(whole[name])
        bit = int(generator.integers(8 * len(flipped)))
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "whole" / name).write_bytes(flipped)
        try:
            px.generate(recipe, tmp_path / "whole", workers=1)
        except (ValueError, FileExistsError):
            refused += 1
            (tmp_path / "whole" / name).write_bytes(whole[name])
        assert {n: (tmp_path / "whole" / n).read_bytes() for n in files} == whole, (name, bit)
    print(f"{refused} of {flips} flips refused, the rest mended")
    shutil.rmtree(tmp_path / "whole")
