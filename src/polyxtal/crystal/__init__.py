"""The single crystal: symmetry, elasticity, slip, the plasticity law, named materials."""
