"""Plugin of pytest: the tests run in a program with a setting of its own, named by FOREIGN."""

from __future__ import annotations

import locale
import os
from importlib.util import find_spec

import pytest
import torch
from places import ROOT
from program_state import program_state

FIXED = "dtype", "threads", "locale", "folder"


def pytest_configure() -> None:
    """Change the setting, after `conftest.py` has been imported."""
    setting = os.environ["FOREIGN"]
    if setting == "double precision":
        torch.set_default_dtype(torch.float64)
    elif setting == "two threads":
        torch.set_num_threads(2)
    elif setting == "decimal comma":
        locale.setlocale(locale.LC_ALL, "")
        locale.setlocale(locale.LC_MESSAGES, "C")  # errors of the system are in its language
        assert locale.localeconv()["decimal_point"] == ","
    elif setting == "read-only":
        found = find_spec("polyxtal")
        assert found is not None
        assert not str(found.origin).startswith(str(ROOT))


@pytest.fixture(autouse=True)
def left_alone():
    """Make sure that each test runs in the setting, and leaves it as it is."""
    before = program_state()
    yield
    after = program_state()
    assert {name: after[name] for name in FIXED} == {name: before[name] for name in FIXED}
