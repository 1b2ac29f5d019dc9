"""Studies of pretrained models: one for each figure, its numbers, its picture and its files."""
