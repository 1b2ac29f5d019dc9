"""`polyxtal texture`: orientation density, report and pictures of a file."""
