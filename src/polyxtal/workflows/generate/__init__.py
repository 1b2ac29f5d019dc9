"""`polyxtal generate`: a data set of polycrystals."""
