"""User material subroutines in Fortran with a network inside: templates and what fills them."""
