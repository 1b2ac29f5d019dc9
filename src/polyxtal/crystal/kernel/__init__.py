"""Plasticity laws, one material point at a time, compiled for CPU.

The equations, their symbols and the Newton method are documented in `crystal/plasticity`; this is
the fast form of the same, tested equal to it. Three things make it fast: constants and scratch are
records of known shape, the state is eliminated from Newton's system, and slip systems that carry
next to no slip are left out of its matrix (not out of its residual).
"""
