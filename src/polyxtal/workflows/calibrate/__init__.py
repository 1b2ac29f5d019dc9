"""`polyxtal calibrate`: parameters of a plasticity law from measured curves."""
