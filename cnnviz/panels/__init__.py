"""The panels: one concept each, two files each."""
