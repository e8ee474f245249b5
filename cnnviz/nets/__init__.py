"""The networks that the program ships, by name."""
