"""From a scene to results, off the UI thread."""
