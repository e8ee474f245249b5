from .api import show
from .checkpoints.checkpoint import open_checkpoint
from .checkpoints.open import open_network
from .core.module_fields import receptive_field
from .measures import equivariance_error, shift_consistency

__all__ = [
    "equivariance_error",
    "open_checkpoint",
    "open_network",
    "receptive_field",
    "shift_consistency",
    "show",
]

__version__: str
