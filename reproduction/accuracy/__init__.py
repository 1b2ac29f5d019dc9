"""How accurate polyxtal is: chart and tables of the documentation, from stored benchmarks."""
