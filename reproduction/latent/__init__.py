"""Latent vectors of unseen polycrystals."""
