"""Numbers and panels that several workflows share."""
