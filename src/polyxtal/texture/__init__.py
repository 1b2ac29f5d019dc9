"""Crystallographic texture: measures of a set of weighted orientations."""
