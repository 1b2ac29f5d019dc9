"""`polyxtal predict`: stiffness, stress-strain curve and texture evolution."""
