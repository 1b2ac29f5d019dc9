"""Reading and writing files safely: bounded YAML, atomic output. Knows nothing of crystals."""
