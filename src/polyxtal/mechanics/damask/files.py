"""Names of the files of a DAMASK case, without importing torch."""

GRID_FILE = "grid.vti"
MATERIAL_FILE = "material.yaml"
LOAD_FILE = "load.yaml"
NUMERICS_FILE = "numerics.yaml"
JOB = "result"
"""Name of the job, with which the names of all results begin."""
LOG_FILE = "damask.log"
CASE_FILES = (GRID_FILE, MATERIAL_FILE, LOAD_FILE, NUMERICS_FILE, LOG_FILE)
"""All files of a case but the results."""
