"""Material cards for finite-element codes."""
