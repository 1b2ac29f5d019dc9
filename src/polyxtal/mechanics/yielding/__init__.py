"""Yield functions of sheets, hardening laws, their fits, and cards for finite elements."""
