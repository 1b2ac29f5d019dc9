"""Mechanics of polycrystals: load paths, bounds, elasticity, mean-field and full-field models."""
