from .api import show
from .checkpoints.open import open_network

__all__ = ["open_network", "show"]

__version__: str
