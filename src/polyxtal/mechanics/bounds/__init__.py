"""Bounds and averages of stiffness that need volume fractions and orientations only; moduli."""
