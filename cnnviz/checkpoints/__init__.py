"""Networks on disk: opened safely, saved atomically."""
