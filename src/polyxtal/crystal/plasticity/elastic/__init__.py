"""The elastic crystal: no systems, no state."""
