"""What the command line runs: one function a verb, no mechanics of its own."""
