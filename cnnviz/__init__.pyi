from .api import show
from .checkpoints.checkpoint import open_checkpoint
from .checkpoints.open import open_network

__all__ = ["open_checkpoint", "open_network", "show"]

__version__: str
