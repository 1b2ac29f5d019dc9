"""Full-field crystal plasticity: the local law at every voxel, equilibrium by FFT and Newton."""
