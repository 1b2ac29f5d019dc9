"""Pretraining of the masked autoencoder on generated polycrystals."""
