"""The plasticity law of `plasticity.py`, one material point at a time, compiled for CPU.

The equations, their symbols and the Newton method are documented there; this is the fast form of
the same, tested equal to it. Three things make it fast: constants and scratch are records of known
shape, the slip resistances are eliminated from Newton's system, and slip systems that carry next to
no slip are left out of its matrix (not out of its residual).
"""
