"""EBSD maps of a few grains, as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEADER = """# Phase 1
# MaterialName Iron fcc
# Symmetry 43
# LatticeConstants 3.66 3.66 3.66 90 90 90
# GRID: SqrGrid
# XSTEP: 0.5
# YSTEP: 0.5
# NCOLS_ODD: {edge}
# NCOLS_EVEN: {edge}
# NROWS: {edge}
"""
SQUARES = np.kron(np.arange(16).reshape(4, 4), np.ones((4, 4), dtype=int))
"""Grain of each point: 4 × 4 squares of 4 × 4 points."""


def write_map(path: Path, grain: np.ndarray = SQUARES) -> Path:
    """Write an `.ang` map, given the grain of each point; axis 0 is x, as many points along y."""
    angles = np.random.default_rng(0).uniform(0.0, 1.5, (int(grain.max()) + 1, 3))
    lines = [HEADER.format(edge=len(grain))]
    for y, row in enumerate(grain.T):
        for x, number in enumerate(row):
            first, second, third = angles[number]
            lines.append(f"{first} {second} {third} {0.5 * x} {0.5 * y} 100 0.5 1 1 1\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path
