"""Voce hardening with Armstrong-Frederick back stress, for cyclic loading."""
