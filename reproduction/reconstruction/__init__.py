"""Reconstructions of hidden patches."""
