"""`polyxtal homogenize`: elastic stiffness from the full field."""
