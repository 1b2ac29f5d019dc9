"""Whether a trained model predicts the normals of a small network: data, training, comparison."""
