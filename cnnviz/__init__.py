"""See what goes on inside a convolutional network, live, while you draw its input."""

import lazy_loader

__version__ = "0.1.0"

# torch and Qt take most of a second to import: each public name of the stub loads what it needs when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
