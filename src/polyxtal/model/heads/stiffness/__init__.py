"""The stiffness head."""
