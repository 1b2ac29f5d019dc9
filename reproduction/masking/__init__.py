"""Pretraining by masking ratio."""
