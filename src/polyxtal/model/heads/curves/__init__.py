"""The head that predicts stress-strain curves, from which networks are fitted."""
