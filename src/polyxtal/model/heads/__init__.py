"""Heads: what is read off a pretrained encoder, beside physics that needs no learning."""
