"""Qt building blocks that more than one panel uses."""
