"""Virtual laboratory: yield surfaces, r-values and curves of a sheet, from many virtual tests."""
