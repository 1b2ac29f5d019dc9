"""Mean-field models: Taylor, Sachs, self-consistent."""
