"""What a program shares with the libraries that it calls."""

from __future__ import annotations

import locale
import os
import random
from typing import Any

import numpy as np
import torch


def program_state() -> dict[str, Any]:
    """Return settings and states of random generators that all of a program depends on."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "python": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "errors": np.geterr(),
        "printing": np.get_printoptions(),
        "locale": locale.setlocale(locale.LC_ALL),
        "variables": dict(os.environ),
        "folder": os.getcwd(),
    }
