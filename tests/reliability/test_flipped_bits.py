"""A flipped bit in a file that a run resumes from never changes an answer silently."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import SIZES

import polyxtal as px
from polyxtal.dataset.recipe import make_recipe
from polyxtal.files.plain import read_record, write_record
from polyxtal.mechanics.fullfield.checkpoint import load_checkpoint
from polyxtal.mechanics.fullfield import checkpoint as checkpoints
from polyxtal.model.heads.curves.head import INCREMENTS
from polyxtal.training.finetune import curve_data
