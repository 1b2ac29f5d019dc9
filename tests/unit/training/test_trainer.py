"""What trainings have in common: silence of libraries, and an interruption that is one."""

from __future__ import annotations

import logging
import warnings

import pytest

from polyxtal.training.trainer import quiet_lightning


def test_libraries_are_quiet_and_others_are_not(caplog):
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet_lightning():
            warnings.warn_explicit("a hint", UserWarning, "x.py", 1, "lightning.pytorch.loops")
            warnings.warn_explicit("a hint", UserWarning, "x.py", 1, "torch.utils.data")
            warnings.warn_explicit("ours", UserWarning, "x.py", 1, "polyxtal.texture")
            logging.getLogger("lightning.pytorch.utilities").info("GPU available")
            logging.getLogger("lightning.fabric.utilities").info("Seed set")
    assert [str(one.message) for one in caught] == ["ours"]
    assert caplog.records == []
    assert logger.level == level


def test_an_interruption_is_no_exit():
    with pytest.raises(KeyboardInterrupt), quiet_lightning():
        raise SystemExit(1)
