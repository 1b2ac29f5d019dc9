"""Voce hardening with Armstrong and Frederick's back stress, for cyclic loading."""
