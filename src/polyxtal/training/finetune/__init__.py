"""Fine-tuning of heads on a pretrained encoder, and their baselines."""
