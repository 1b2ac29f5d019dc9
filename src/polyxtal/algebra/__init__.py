"""Tensors in Mandel notation and rotations as quaternions: torch, batched, differentiable."""
