"""What more than one panel computes with, on the engine's thread; it knows no panel."""
