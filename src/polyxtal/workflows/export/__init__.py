"""`polyxtal export`: behaviour of polycrystals for finite-element programs."""
