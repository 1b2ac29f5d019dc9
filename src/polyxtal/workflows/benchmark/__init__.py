"""`polyxtal benchmark`: scores of an encoder on five tasks, beside all baselines."""
