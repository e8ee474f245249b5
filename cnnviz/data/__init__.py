"""Images, strokes and data sets."""
