"""Commands of the tests are quiet on slow machines, too, where kernels compile for long."""

import pytest

from polyxtal.cli import console


@pytest.fixture(autouse=True)
def late_progress(monkeypatch):
    monkeypatch.setattr(console, "LOG_FIRST", console.LOG_EVERY)
