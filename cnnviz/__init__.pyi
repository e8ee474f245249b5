from .api import show
from .checkpoints.checkpoint import open_checkpoint
from .checkpoints.open import open_network
from .core.module_fields import receptive_field

__all__ = ["open_checkpoint", "open_network", "receptive_field", "show"]

__version__: str
