"""`polyxtal homogenize`: elastic stiffness of the full field."""
