"""What a training run can be chosen to do, by name; known without importing torch or pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Loss = Literal["cross-entropy", "binary-cross-entropy", "square-error-mean", "square-error-sum"]
Optimizer = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam"]
Schedule = Literal["constant", "step", "cosine", "one-cycle", "halve-on-plateau", "halve-on-divergence"]
Precision = Literal["float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Augmentation = Literal["affine", "thickness", "brightness", "flip", "crop", "cutout"]

LOSSES: tuple[str, ...] = get_args(Loss)
OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)
SCHEDULES: tuple[str, ...] = get_args(Schedule)
PRECISIONS: tuple[str, ...] = get_args(Precision)
DEVICES: tuple[str, ...] = get_args(Device)
AUGMENTATION_NAMES: tuple[str, ...] = get_args(Augmentation)

OPTIMIZER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "sgd": "SGD",
        "momentum": "SGD with momentum",
        "nesterov": "SGD, Nesterov",
        "adagrad": "Adagrad",
        "rmsprop": "RMSprop",
        "adadelta": "Adadelta",
        "adam": "Adam",
        "adamw": "AdamW",
        "nadam": "NAdam",
    }
)
"""What they are called."""

CUTTING_SCHEDULES = ("step", "halve-on-plateau", "halve-on-divergence")
"""Those that ``schedule_factor`` has a meaning for."""
WAITING_SCHEDULES = ("step", "halve-on-plateau")
"""Those that ``schedule_epochs`` has a meaning for."""

MOMENTUM_OPTIMIZERS = ("momentum", "nesterov")
"""Those that ``momentum`` has a meaning for."""
