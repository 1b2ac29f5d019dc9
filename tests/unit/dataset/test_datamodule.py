"""Lightning trains on a data set: splits, shuffles, moves."""

from __future__ import annotations

import warnings

import pytest
import torch

from polyxtal.dataset.generate import generate
from polyxtal.dataset.loader import PolycrystalDataset
from polyxtal.dataset.recipe import make_recipe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that Lightning imports
    from lightning.pytorch import LightningModule, Trainer

    from polyxtal.dataset.datamodule import PolycrystalDataModule


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("module") / "data"
    recipe = {"count": 20, "part": 6, "grid": 4, "grains": 5, "labels": {"sampled": {"count": 1}}}
    generate(make_recipe(recipe), target, workers=1)
    return target


class Mean(LightningModule):
    """Fits a number to the fields, and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(()))
        self.seen, self.checked = [], []

    def training_step(self, batch, _):
        self.seen.append((batch["number"].clone(), batch["field"].clone()))
        return (batch["field"] - self.mean).square().mean()

    def validation_step(self, batch, _):
        self.checked += batch["number"].tolist()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore")
def test_lightning_trains(folder):
    data = PolycrystalDataModule(folder, 4, arrays=("stiffness",), split=(0.7, 0.2, 0.1))
    model = Mean()
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(model, data)
    numbers = [part.tolist() for part, _ in model.seen]
    assert [len(part) for part in numbers] == [4, 4, 4] * 2  # 14, less an incomplete batch
    train, validate, test = (data.dataset(name).numbers for name in ("train", "validate", "test"))
    assert sorted([*train.tolist(), *validate.tolist(), *test.tolist()]) == list(range(20))
    assert (len(train), len(validate), len(test)) == (14, 4, 2)
    assert {n for part in numbers for n in part} <= set(train.tolist())
    assert model.checked == validate.tolist() * 2
    assert numbers[:3] != numbers[3:]  # another order in the second epoch
    fields = {}
    for part, field in model.seen:
        for number, one in zip(part.tolist(), field, strict=True):
            fields.setdefault(number, []).append(one)
    twice = [pair for pair in fields.values() if len(pair) == 2]
    assert any(not torch.equal(a, b) for a, b in twice)  # and other moves


def test_only_training_rves_are_moved(folder):
    data = PolycrystalDataModule(folder, 4, split=(0.6, 0.2, 0.2))
    plain = PolycrystalDataset(folder)
    for loader in (data.val_dataloader(), data.test_dataloader()):
        for batch in loader:
            still = plain.batch(batch["number"].tolist())["field"]
            assert torch.equal(batch["field"], still)
    moved = next(iter(data.train_dataloader()))
    assert not torch.equal(moved["field"], plain.batch(moved["number"].tolist())["field"])


def test_a_part_without_a_share_gets_nothing(folder):
    data = PolycrystalDataModule(folder, 4, split=(0.525, 0.475, 0.0))
    sizes = [len(data.dataset(name)) for name in ("train", "validate")]
    assert sum(sizes) == 20
    with pytest.raises(ValueError, match="must not be larger than the 10 RVEs"):
        PolycrystalDataModule(folder, 64, split=(0.5, 0.5, 0.0)).setup()


def test_the_split_is_checked(folder):
    nan = float("nan")
    for split in ((0.5, 0.4, 0.0), (0.0, 0.5, 0.5), (1.2, -0.2, 0.0), (nan, 0.5, 0.5)):
        with pytest.raises(ValueError, match="three shares that sum to 1"):
            PolycrystalDataModule(folder, split=split)


def test_loaders_draw_nothing_from_the_global_generator(folder):
    module = PolycrystalDataModule(folder, batch_size=2)
    before = torch.get_rng_state()
    for loader in (module.train_dataloader(), module.val_dataloader()):
        next(iter(loader))
    assert torch.equal(torch.get_rng_state(), before)
