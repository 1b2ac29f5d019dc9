"""DAMASK 3 as an engine: its inputs, its grid solver, its results."""
