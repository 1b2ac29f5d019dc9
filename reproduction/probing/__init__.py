"""Linear probes of frozen features."""
