"""Mechanics of the aggregate: load paths, responses, bounds, moduli."""
