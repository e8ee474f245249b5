"""See what goes on inside a convolutional network, live, while you draw its input."""

__version__ = "0.1.0"
