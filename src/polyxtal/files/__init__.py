"""Safe file access: bounded reads, YAML, atomic writes, run and output folders."""
