"""Load paths: boundary conditions, DAMASK's load files, and the time stepping along a path."""
