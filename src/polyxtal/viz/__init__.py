"""Figures: each function draws onto the axes it is given and returns them; no global state."""
