"""Training: pretraining on endless polycrystals, and what is trained upon it."""
