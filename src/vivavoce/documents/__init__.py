"""Documents to words."""
