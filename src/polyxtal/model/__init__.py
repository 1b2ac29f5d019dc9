"""The foundation model: a masked autoencoder for orientation fields, and what is read off it."""
