"""What a workflow starts from: files, materials, load paths."""
