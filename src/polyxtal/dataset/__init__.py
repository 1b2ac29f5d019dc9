"""Data sets of polycrystals: a recipe, what it makes, the store that holds it, the loader."""
