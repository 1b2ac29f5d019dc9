"""`polyxtal info`: what a file holds."""
