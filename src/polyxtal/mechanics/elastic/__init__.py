"""Full-field elasticity: the periodic cell problem by FFT."""
