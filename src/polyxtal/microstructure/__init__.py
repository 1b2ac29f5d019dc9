"""The voxel polycrystal, and its way in and out of files."""
