"""Sizes of a model that learns in seconds."""

from __future__ import annotations

SIZES = {
    "preset": "small",
    "voxels": 6,
    "patch": 2,
    "width": 24,
    "depth": 1,
    "heads": 2,
    "decoder_width": 12,
    "decoder_depth": 1,
    "decoder_heads": 2,
}
