"""Reading and writing files safely: bounded, YAML, whole or not at all. Knows no crystals."""
