"""The phenomenological power law of slip and, optionally, twinning."""
