"""The ladder from a few coarse voxels to the full field, with an error at every rung."""
