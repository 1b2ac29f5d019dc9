"""The orientation-aware material network: a binary tree of two-phase laminates."""
