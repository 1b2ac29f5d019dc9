"""Plasticity laws: their interface (`law.py`), one folder per law, and material points."""
