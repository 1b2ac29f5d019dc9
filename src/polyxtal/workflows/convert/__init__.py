"""`polyxtal convert`: from one file format to another."""
