"""Plasticity laws: what each must give (`law.py`), one folder a law, and points under load."""
