"""Load paths: what is prescribed, DAMASK's load files, and how a path is followed step by step."""
