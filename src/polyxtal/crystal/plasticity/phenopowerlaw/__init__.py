"""The phenomenological power law of slip, with twins if there are any."""
