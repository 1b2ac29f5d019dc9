"""The constitutive update at material points, F and state to P, dP/dF and state, of any law."""
