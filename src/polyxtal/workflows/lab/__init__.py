"""`polyxtal lab`: the virtual laboratory of a file."""
