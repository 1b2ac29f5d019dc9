"""`polyxtal simulate`: the full-field stress-strain curve."""
