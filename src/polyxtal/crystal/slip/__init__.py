"""Slip and twin systems of each lattice as data, and the interactions between them."""
