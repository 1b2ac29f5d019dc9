"""Calibration: parameters of a plasticity law from measured curves, with their uncertainty."""
